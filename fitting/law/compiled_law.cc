// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/compiled_law.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/status_macros.h"
#include "fitting/law/expression/differentiate.h"
#include "fitting/law/expression/lexer.h"
#include "fitting/law/expression/limits.h"
#include "fitting/law/expression/log_form.h"
#include "fitting/law/expression/parser.h"

namespace sextant::fitting {
namespace {

using expression::Graph;
using expression::NodeId;
using expression::Op;

absl::Status Refuse(const LawSpec& spec, const std::string& message) {
  return absl::InvalidArgumentError((spec.id.empty() ? "law" : "law '" + spec.id + "'") + ": " + message);
}

absl::Status CheckDeclarations(const LawSpec& spec) {
  if (spec.variables.empty()) return Refuse(spec, "declares no variables; a law needs at least one");
  if (spec.variables.size() > expression::kMaxVariables) {
    return Refuse(spec, "more than " + std::to_string(expression::kMaxVariables) + " variables");
  }
  if (spec.parameters.size() > expression::kMaxParameters) {
    return Refuse(spec, "more than " + std::to_string(expression::kMaxParameters) + " parameters");
  }
  std::set<std::string> seen;
  auto check = [&](const std::string& name) {
    if (!expression::IsName(name)) {
      return Refuse(spec, "'" + name +
                              "' is not a name: a letter or _ followed by letters, digits and _, at most " +
                              std::to_string(expression::kMaxNameBytes));
    }
    if (expression::IsFunction(name)) return Refuse(spec, "'" + name + "' is the name of a function");
    if (!seen.insert(name).second) return Refuse(spec, "'" + name + "' is declared twice");
    return absl::OkStatus();
  };
  for (const VariableSpec& variable : spec.variables) {
    RETURN_IF_ERROR(check(variable.name));
  }
  for (const ParameterSpec& parameter : spec.parameters) {
    RETURN_IF_ERROR(check(parameter.name));
  }
  return absl::OkStatus();
}

absl::Status CheckParametersUsed(const LawSpec& spec, const Graph& graph, NodeId value) {
  std::vector<bool> used(spec.parameters.size(), false);
  for (NodeId id : graph.Reachable({value})) {
    if (graph.at(id).op == Op::kParameter) used[graph.at(id).a] = true;
  }
  for (std::size_t p = 0; p < used.size(); ++p) {
    if (!used[p]) {
      return Refuse(spec,
                    "parameter '" + spec.parameters[p].name + "' does not enter the expression; remove it");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Law>> CompiledLaw::Make(LawSpec spec, Derivatives derivatives) {
  RETURN_IF_ERROR(CheckDeclarations(spec));
  std::vector<bool> nonnegative;
  expression::Names names;
  for (const VariableSpec& variable : spec.variables) names.variables.push_back(variable.name);
  for (const ParameterSpec& parameter : spec.parameters) {
    names.parameters.push_back(parameter.name);
    nonnegative.push_back(parameter.bounds.low >= 0 || parameter.transform == "log");
  }
  Graph graph(std::move(nonnegative));
  absl::StatusOr<NodeId> value = expression::Parse(spec.expression, names, graph);
  if (!value.ok()) return Refuse(spec, std::string(value.status().message()));
  RETURN_IF_ERROR(CheckParametersUsed(spec, graph, *value));
  std::shared_ptr<CompiledLaw> law(new CompiledLaw(std::move(spec), std::move(graph), *value));
  if (derivatives == Derivatives::kNow) {
    ASSIGN_OR_RETURN(auto programs, law->Build());
    std::call_once(law->built_, [&] { law->programs_ = std::move(programs); });
  }
  return std::shared_ptr<const Law>(std::move(law));
}

CompiledLaw::CompiledLaw(LawSpec spec, Graph graph, NodeId value)
    : spec_(std::move(spec)),
      graph_(std::move(graph)),
      value_(value),
      value_order_(graph_.Reachable({value})) {}

const Programs& CompiledLaw::programs() const {
  std::call_once(built_, [this] {
    programs_ = Build().value();  // kWhenNeeded is for laws that are known to compile
  });
  return *programs_;
}

absl::StatusOr<std::unique_ptr<const Programs>> CompiledLaw::Build() const {
  const std::size_t count = spec_.parameters.size();
  const NodeId value = value_;
  auto programs = std::make_unique<Programs>(Programs{graph_, {}, {}, {}, {}});
  Graph& graph = programs->graph;
  graph.StopMergingExponentials();

  auto gradient = [&](NodeId root) {
    std::vector<NodeId> result;
    for (std::uint32_t p = 0; p < count; ++p) result.push_back(expression::Differentiate(graph, root, p));
    return result;
  };
  const NodeId log_value = graph.Log(value);
  const NodeId log_robust = expression::LogForm(graph, value);
  const std::vector<NodeId> slope = gradient(value), log_slope = gradient(log_value);
  const std::vector<NodeId> robust_slope = gradient(log_robust);

  // log(value) stays one logarithm where the law is a sum; where it came apart (a product of powers), second
  // derivatives follow from those of the logarithm.
  const bool whole = graph.at(log_value).op == Op::kLog;
  const NodeId reciprocal = graph.Divide(graph.Constant(1), value);
  auto relative_curvature = [&](NodeId p_slope, NodeId q_slope, std::uint32_t q) {
    return graph.Add(expression::Differentiate(graph, p_slope, q), graph.Multiply(p_slope, q_slope));
  };
  std::vector<NodeId> log_curvature, robust_curvature;
  for (std::uint32_t p = 0; p < count; ++p) {
    for (std::uint32_t q = p; q < count; ++q) {
      const NodeId second = expression::Differentiate(graph, slope[p], q);
      if (graph.IsConstant(second, 0)) continue;
      programs->curved.emplace_back(p, q);
      log_curvature.push_back(whole ? graph.Multiply(second, reciprocal)
                                    : relative_curvature(log_slope[p], log_slope[q], q));
      robust_curvature.push_back(relative_curvature(robust_slope[p], robust_slope[q], q));
      if (graph.overflowed()) break;
    }
  }
  if (graph.overflowed()) {
    return Refuse(spec_, "its derivatives expand to more than " + std::to_string(expression::kMaxGraphNodes) +
                             " operations; shorten the expression");
  }

  auto compile = [&](NodeId first, const std::vector<NodeId>& jacobian, const std::vector<NodeId>& second) {
    std::vector<NodeId> outputs = {first};
    for (NodeId node : jacobian) outputs.push_back(node);
    for (NodeId node : second) outputs.push_back(node);
    programs->tapes.push_back(tape::CompileTape(graph, outputs));
  };
  compile(value, {}, {});
  compile(value, slope, {});
  compile(log_value, log_slope, {});
  compile(log_value, log_slope, log_curvature);
  compile(log_robust, robust_slope, robust_curvature);

  std::unordered_map<NodeId, std::size_t> index;
  for (const tape::Tape& program : programs->tapes) {
    std::vector<std::size_t>& positions = programs->data_of.emplace_back();
    for (NodeId node : program.data_nodes) {
      auto [entry, added] = index.emplace(node, programs->data_nodes.size());
      if (added) programs->data_nodes.push_back(node);
      positions.push_back(entry->second);
    }
  }
  return programs;
}

double CompiledLaw::Evaluate(std::span<const double> variables, std::span<const double> parameters) const {
  std::vector<double> value(value_order_.back() + 1);
  for (NodeId id : value_order_) {
    const expression::Node& node = graph_.at(id);
    switch (node.op) {
      case Op::kConstant:
        value[id] = node.constant;
        break;
      case Op::kVariable:
        value[id] = variables[node.a];
        break;
      case Op::kParameter:
        value[id] = parameters[node.a];
        break;
      default:
        value[id] = expression::Apply(node.op, value[node.a], value[node.b], value[node.c]);
    }
  }
  return value[value_order_.back()];
}

}  // namespace sextant::fitting
