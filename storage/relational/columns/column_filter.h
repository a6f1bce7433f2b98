// SPDX-License-Identifier: Apache-2.0
// Conditions evaluated over columns in memory: the same answers as AddConditions' SQL.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/relational/columns/run_columns.h"
#include "storage/store.h"

namespace sextant::storage::relational {

/// All of `where` over `columns`, which must outlive it and hold ColumnsOf(where). The conditions must have
/// passed AddConditions.
class ColumnFilter {
 public:
  ColumnFilter(const std::vector<Condition>& where, const StudyColumns& columns);

  /// holds[i] = 1 if row `begin` + i matches, else 0, for as many rows as `holds` is long.
  void Evaluate(std::size_t begin, std::span<std::uint8_t> holds) const;

 private:
  struct Node {
    Condition::Kind kind = Condition::Kind::kAnd;
    Condition::Op op = Condition::Op::kEq;
    std::vector<Node> children;
    const RunColumn* column = nullptr;  ///< nullptr in a comparison: the id
    double number = 0;
    std::string text;
    std::vector<std::uint8_t> truth;  ///< of a text column: by code
  };
  Node Compile(const Condition& condition) const;
  void Evaluate(const Node& node, std::size_t begin, std::span<std::uint8_t> holds) const;
  void EvaluateIds(const Node& node, std::size_t begin, std::span<std::uint8_t> holds) const;
  void EvaluateList(const Node& node, std::size_t begin, std::span<std::uint8_t> holds) const;

  const StudyColumns& columns_;
  Node root_;
};

}  // namespace sextant::storage::relational
