// SPDX-License-Identifier: Apache-2.0
// A flat program over columns, compiled from some nodes of an expression graph.
//
// What depends on parameters alone is computed once per evaluation, what depends on data alone once per
// binding (DataColumns), and only the rest at every point: three-address instructions over blocks of
// kBlockPoints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "fitting/law/expression/graph.h"
#include "fitting/law/tape/kernel.h"

namespace sextant::fitting::tape {

/// Where an output of a tape comes from.
enum class OutputKind : std::uint8_t { kScalar, kData, kComputed, kDuplicate };

struct Output {
  OutputKind kind = OutputKind::kScalar;
  std::uint32_t index = 0;  ///< scalar index, data-node position, or the earlier output that this one repeats
};

struct ScalarStep {
  expression::Op op = expression::Op::kAdd;
  std::uint32_t to = 0, a = 0, b = 0, c = 0;
};

/// Immutable once compiled; shared by all bindings.
struct Tape {
  std::vector<double> scalars;  ///< start: constants; then one place per parameter used and per scalar step
  std::vector<std::pair<std::uint32_t, std::uint32_t>> parameters;  ///< (place in scalars, parameter index)
  std::vector<ScalarStep> scalar_steps;
  std::vector<expression::NodeId> data_nodes;  ///< data-only nodes that the steps read as columns
  std::vector<Instruction> instructions;
  std::vector<Output> outputs;
  /// Registers: scalars, then data nodes, then work columns, then outputs.
  std::uint32_t work_columns = 0;

  std::uint32_t FirstData() const { return static_cast<std::uint32_t>(scalars.size()); }
  std::uint32_t FirstWork() const { return FirstData() + static_cast<std::uint32_t>(data_nodes.size()); }
  std::uint32_t FirstOutput() const { return FirstWork() + work_columns; }
  std::uint32_t registers() const { return FirstOutput() + static_cast<std::uint32_t>(outputs.size()); }
};

/// A tape whose outputs are the values of `outputs`, in order. The graph must not have overflowed.
Tape CompileTape(const expression::Graph& graph, const std::vector<expression::NodeId>& outputs);

/// Values of data-only nodes at every point, in padded columns.
class DataColumns {
 public:
  DataColumns() = default;
  /// Evaluates `nodes` (data-only) of `graph` at the points of `columns` (one per variable, equal length).
  DataColumns(const expression::Graph& graph, const std::vector<expression::NodeId>& nodes,
              const std::vector<std::span<const double>>& columns);
  /// Replaces the contents by the chosen points of `all`, in the order given (repeats allowed).
  void Gather(const DataColumns& all, std::span<const std::uint32_t> rows);

  std::size_t points() const { return points_; }
  const double* Column(std::size_t node) const { return values_.data() + node * stride_; }

 private:
  std::size_t nodes_ = 0, points_ = 0, stride_ = 0;
  std::vector<double> values_;
};

/// A tape with the memory it runs in. One thread at a time.
class TapeRunner {
 public:
  /// `column_of[k]` is the position of the tape's data node k among the columns that Run is given. The tape
  /// must outlive the runner.
  TapeRunner(const Tape& tape, std::vector<std::size_t> column_of, const Kernels& kernels);
  TapeRunner(const TapeRunner&) = delete;
  TapeRunner& operator=(const TapeRunner&) = delete;

  /// outputs[k] receives data.points() values.
  void Run(const DataColumns& data, std::span<const double> parameters, std::span<double* const> outputs);

 private:
  const Tape& tape_;
  std::vector<std::size_t> column_of_;
  std::vector<double> scalars_;
  std::vector<double> work_;  ///< work columns
  std::vector<double*> registers_;
  const Kernels& kernels_;
};

}  // namespace sextant::fitting::tape
