// SPDX-License-Identifier: Apache-2.0
// A law whose expression was compiled to tapes. Internal to fitting/law: others hold a Law.
#pragma once

#include <memory>
#include <mutex>
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

/// Everything that binding a law needs, derived from its expression.
struct Programs {
  expression::Graph graph;
  /// Parameters p <= q whose second derivative of the value is not identically 0.
  std::vector<std::pair<std::size_t, std::size_t>> curved;
  std::vector<tape::Tape> tapes;  ///< by Program
  /// Data-only nodes of all programs, each once, and where each program's data nodes are among them.
  std::vector<expression::NodeId> data_nodes;
  std::vector<std::vector<std::size_t>> data_of;

  const tape::Tape& tape(Program program) const { return tapes[static_cast<std::size_t>(program)]; }
  const std::vector<std::size_t>& data(Program program) const {
    return data_of[static_cast<std::size_t>(program)];
  }
};

class CompiledLaw final : public Law {
 public:
  static absl::StatusOr<std::shared_ptr<const Law>> Make(LawSpec spec, Derivatives derivatives);

  const LawSpec& spec() const override { return spec_; }
  double Evaluate(std::span<const double> variables, std::span<const double> parameters) const override;

  /// Built at the first call, by whichever thread comes first.
  const Programs& programs() const;

 private:
  CompiledLaw(LawSpec spec, expression::Graph graph, expression::NodeId value);
  absl::StatusOr<std::unique_ptr<const Programs>> Build() const;

  LawSpec spec_;
  expression::Graph graph_;  ///< of the value alone
  expression::NodeId value_;
  std::vector<expression::NodeId> value_order_;  ///< for Evaluate
  mutable std::once_flag built_;
  mutable std::unique_ptr<const Programs> programs_;
};

/// As BoundLaw::Bind, with the kernels of a CPU level of the caller's choice.
std::unique_ptr<BoundLaw> BindTo(const std::shared_ptr<const Law>& law,
                                 const std::vector<std::span<const double>>& columns,
                                 const tape::Kernels& kernels);

}  // namespace sextant::fitting
