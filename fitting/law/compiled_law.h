// A law whose expression was compiled to tapes. Internal to fitting/law: others hold a Law.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "fitting/law/expression/graph.h"
#include "fitting/law/law.h"
#include "fitting/law/tape/tape.h"

namespace sextant::fitting {

/// The programs that a bound law may run. Each writes its values, then the Jacobian's columns, then
/// (kLogSecond and kLogRobust) the second derivatives relative to the value.
enum class Program : std::size_t { kValue, kJacobian, kLogJacobian, kLogSecond, kLogRobust, kCount };

class CompiledLaw final : public Law {
 public:
  static absl::StatusOr<std::shared_ptr<const Law>> Make(LawSpec spec);

  const LawSpec& spec() const override { return spec_; }
  double Evaluate(std::span<const double> variables, std::span<const double> parameters) const override;

  /// Parameters p <= q whose second derivative of the value is not identically 0.
  const std::vector<std::pair<std::size_t, std::size_t>>& curved_pairs() const { return curved_; }

  const expression::Graph& graph() const { return graph_; }
  const tape::Tape& program(Program program) const { return programs_[static_cast<std::size_t>(program)]; }
  /// Data-only nodes of all programs, each once, and where each program's data nodes are among them.
  const std::vector<expression::NodeId>& data_nodes() const { return data_nodes_; }
  const std::vector<std::size_t>& data_of(Program program) const {
    return data_of_[static_cast<std::size_t>(program)];
  }

 private:
  CompiledLaw(LawSpec spec, expression::Graph graph) : spec_(std::move(spec)), graph_(std::move(graph)) {}
  absl::Status Build(expression::NodeId value);

  LawSpec spec_;
  expression::Graph graph_;
  std::vector<expression::NodeId> value_order_;  ///< for Evaluate
  std::vector<std::pair<std::size_t, std::size_t>> curved_;
  std::vector<tape::Tape> programs_;
  std::vector<expression::NodeId> data_nodes_;
  std::vector<std::vector<std::size_t>> data_of_;
};

/// As BoundLaw::Bind, with the kernels of a CPU level of the caller's choice.
std::unique_ptr<BoundLaw> BindTo(const std::shared_ptr<const Law>& law,
                                 const std::vector<std::span<const double>>& columns,
                                 const tape::Kernels& kernels);

}  // namespace sextant::fitting
