// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/columns/column_filter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string_view>

#include "storage/relational/rows/condition_sql.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {
namespace {

using Op = Condition::Op;
using Kind = Condition::Kind;

// Calls `use` with the comparison as a functor, so that loops over rows hold no switch.
template <typename Use>
void WithOperator(Op op, Use use) {
  switch (op) {
    case Op::kEq:
      return use([](const auto& a, const auto& b) { return a == b; });
    case Op::kNe:
      return use([](const auto& a, const auto& b) { return a != b; });
    case Op::kLt:
      return use([](const auto& a, const auto& b) { return a < b; });
    case Op::kLe:
      return use([](const auto& a, const auto& b) { return a <= b; });
    case Op::kGt:
      return use([](const auto& a, const auto& b) { return a > b; });
    case Op::kGe:
      return use([](const auto& a, const auto& b) { return a >= b; });
    case Op::kContains:
      return use([](const auto&, const auto&) { return false; });  // of texts only: TextHolds
  }
}

bool TextHolds(std::string_view text, Op op, std::string_view with) {
  if (op == Op::kContains) return text.find(with) != std::string_view::npos;
  bool holds = false;
  WithOperator(op, [&](auto compare) { holds = compare(text, with); });
  return holds;
}

// A run's labels, of which any may do.
bool AnyLabelHolds(const std::string& stored, Op op, const std::string& with) {
  std::map<std::string, std::string> labels;
  if (!FromJson(stored, labels).ok()) return false;
  return std::any_of(labels.begin(), labels.end(),
                     [&](const auto& label) { return TextHolds(label.first, op, with); });
}

}  // namespace

ColumnFilter::ColumnFilter(const std::vector<Condition>& where, const StudyColumns& columns)
    : columns_(columns) {
  for (const Condition& condition : where) root_.children.push_back(Compile(condition));
}

ColumnFilter::Node ColumnFilter::Compile(const Condition& condition) const {
  Node node;
  node.kind = condition.kind;
  node.op = condition.op;
  node.number = condition.number;
  node.text = condition.text;
  for (const Condition& child : condition.children) node.children.push_back(Compile(child));
  if (condition.kind == Kind::kHasTag) {
    node.column = columns_.Find({ColumnName::Kind::kTag, condition.field});
  } else if (condition.kind == Kind::kHasLabel) {
    node.column = columns_.Find({ColumnName::Kind::kLabels, ""});
  } else if (condition.kind == Kind::kCompare || condition.kind == Kind::kIsKnown) {
    node.column = columns_.Find({ColumnName::Kind::kField, condition.field});
    if (condition.field == "state" && condition.kind == Kind::kCompare) {
      node.number = static_cast<double>(*FindState(condition.text));
    }
  }
  if (node.column == nullptr || node.column->kind != RunColumn::Kind::kText) return node;
  node.truth.push_back(0);
  for (std::size_t code = 1; code < node.column->texts.size(); ++code) {
    const std::string& text = node.column->texts[code];
    const bool holds = node.kind == Kind::kIsKnown    ? !text.empty()
                       : node.kind == Kind::kHasLabel ? AnyLabelHolds(text, node.op, node.text)
                                                      : TextHolds(text, node.op, node.text);
    node.truth.push_back(holds ? 1 : 0);
  }
  return node;
}

void ColumnFilter::Evaluate(std::size_t begin, std::span<std::uint8_t> holds) const {
  EvaluateList(root_, begin, holds);
}

void ColumnFilter::EvaluateIds(const Node& node, std::size_t begin, std::span<std::uint8_t> holds) const {
  for (std::size_t i = 0; i < holds.size(); ++i) {
    const std::string_view id = columns_.id(begin + i);
    holds[i] = (node.kind == Kind::kIsKnown ? !id.empty() : TextHolds(id, node.op, node.text)) ? 1 : 0;
  }
}

void ColumnFilter::EvaluateList(const Node& node, std::size_t begin, std::span<std::uint8_t> holds) const {
  const bool all = node.kind == Kind::kAnd;
  std::fill(holds.begin(), holds.end(), all ? 1 : 0);
  std::vector<std::uint8_t> one(holds.size());
  for (const Node& child : node.children) {
    Evaluate(child, begin, one);
    for (std::size_t i = 0; i < holds.size(); ++i) {
      holds[i] = static_cast<std::uint8_t>(all ? holds[i] & one[i] : holds[i] | one[i]);
    }
  }
}

void ColumnFilter::Evaluate(const Node& node, std::size_t begin, std::span<std::uint8_t> holds) const {
  switch (node.kind) {
    case Kind::kAnd:
    case Kind::kOr:
      return EvaluateList(node, begin, holds);
    case Kind::kNot:
      Evaluate(node.children[0], begin, holds);
      for (std::uint8_t& one : holds) one ^= 1;
      return;
    case Kind::kCompare:
    case Kind::kIsKnown:
    case Kind::kHasTag:
    case Kind::kHasLabel:
      break;
  }
  if (node.column == nullptr) return EvaluateIds(node, begin, holds);
  const RunColumn& column = *node.column;
  if (column.kind == RunColumn::Kind::kText) {
    for (std::size_t i = 0; i < holds.size(); ++i) holds[i] = node.truth[column.codes[begin + i]];
    return;
  }
  const bool real = column.kind == RunColumn::Kind::kReal;
  if (node.kind == Kind::kIsKnown) {
    for (std::size_t i = 0; i < holds.size(); ++i) {
      holds[i] =
          real ? static_cast<std::uint8_t>(!std::isnan(column.reals[begin + i])) : column.known[begin + i];
    }
    return;
  }
  if (std::isnan(node.number)) {  // compares with nothing, not even by <>
    std::fill(holds.begin(), holds.end(), 0);
    return;
  }
  WithOperator(node.op, [&](auto compare) {
    if (real) {
      const double* values = column.reals.data() + begin;
      for (std::size_t i = 0; i < holds.size(); ++i) {
        holds[i] = static_cast<std::uint8_t>(compare(values[i], node.number) & !std::isnan(values[i]));
      }
      return;
    }
    // A long double holds every 64-bit integer and every double.
    const auto number = static_cast<long double>(node.number);
    for (std::size_t i = 0; i < holds.size(); ++i) {
      const auto value = static_cast<long double>(column.integers[begin + i]);
      holds[i] = static_cast<std::uint8_t>(compare(value, number) & (column.known[begin + i] != 0));
    }
  });
}

}  // namespace sextant::storage::relational
