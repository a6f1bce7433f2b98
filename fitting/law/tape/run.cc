// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <utility>

#include "fitting/law/tape/tape.h"

namespace sextant::fitting::tape {
namespace {

std::size_t Padded(std::size_t points) { return (points + kLanePadding - 1) / kLanePadding * kLanePadding; }

}  // namespace

DataColumns::DataColumns(const expression::Graph& graph, const std::vector<expression::NodeId>& nodes,
                         const std::vector<std::span<const double>>& columns)
    : nodes_(nodes.size()), points_(columns.empty() ? 0 : columns.front().size()), stride_(Padded(points_)) {
  // Padding repeats the last point: the lanes that nobody reads then cost no more than those that are read.
  values_.resize(nodes.size() * stride_);
  std::vector<double> value(graph.size());
  const std::vector<expression::NodeId> order = graph.Reachable(nodes);
  for (std::size_t i = 0; i < stride_ && points_ > 0; ++i) {
    const std::size_t point = std::min(i, points_ - 1);
    for (expression::NodeId id : order) {
      const expression::Node& node = graph.at(id);
      value[id] = node.op == expression::Op::kConstant ? node.constant
                  : node.op == expression::Op::kVariable
                      ? columns[node.a][point]
                      : Apply(node.op, value[node.a], value[node.b], value[node.c]);
    }
    for (std::size_t k = 0; k < nodes.size(); ++k) values_[k * stride_ + i] = value[nodes[k]];
  }
}

void DataColumns::Gather(const DataColumns& all, std::span<const std::uint32_t> rows) {
  nodes_ = all.nodes_;
  points_ = rows.size();
  stride_ = Padded(points_);
  values_.resize(nodes_ * stride_);
  for (std::size_t k = 0; k < nodes_ && points_ > 0; ++k) {
    const double* from = all.Column(k);
    double* to = values_.data() + k * stride_;
    for (std::size_t i = 0; i < points_; ++i) to[i] = from[rows[i]];
    std::fill(to + points_, to + stride_, to[points_ - 1]);
  }
}

TapeRunner::TapeRunner(const Tape& tape, std::vector<std::size_t> column_of, const Kernels& kernels)
    : tape_(tape),
      column_of_(std::move(column_of)),
      scalars_(tape.scalars),
      work_(tape.work_columns * kBlockPoints),
      registers_(tape.registers()),
      kernels_(kernels) {
  for (std::size_t s = 0; s < scalars_.size(); ++s) registers_[s] = &scalars_[s];
  for (std::size_t w = 0; w < tape.work_columns; ++w)
    registers_[tape.FirstWork() + w] = &work_[w * kBlockPoints];
}

void TapeRunner::Run(const DataColumns& data, std::span<const double> parameters,
                     std::span<double* const> outputs) {
  for (auto [place, parameter] : tape_.parameters) scalars_[place] = parameters[parameter];
  for (const ScalarStep& step : tape_.scalar_steps) {
    scalars_[step.to] = Apply(step.op, scalars_[step.a], scalars_[step.b], scalars_[step.c]);
  }
  const std::size_t points = data.points();
  for (std::size_t first = 0; first < points && !tape_.instructions.empty(); first += kBlockPoints) {
    const std::size_t count = std::min(kBlockPoints, points - first);
    // Data columns are only read; the register table is shared with columns that are written.
    for (std::size_t k = 0; k < column_of_.size(); ++k) {
      registers_[tape_.FirstData() + k] = const_cast<double*>(data.Column(column_of_[k])) + first;
    }
    for (std::size_t k = 0; k < outputs.size(); ++k) registers_[tape_.FirstOutput() + k] = outputs[k] + first;
    kernels_.run(tape_.instructions.data(), tape_.instructions.size(), registers_.data(), count);
  }
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const Output& output = tape_.outputs[k];
    switch (output.kind) {
      case OutputKind::kComputed:
        break;
      case OutputKind::kScalar:
        std::fill_n(outputs[k], points, scalars_[output.index]);
        break;
      case OutputKind::kData:
        std::copy_n(data.Column(column_of_[output.index]), points, outputs[k]);
        break;
      case OutputKind::kDuplicate:
        std::copy_n(outputs[output.index], points, outputs[k]);
        break;
    }
  }
}

}  // namespace sextant::fitting::tape
