// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/columns/column_listing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "storage/relational/columns/column_filter.h"

namespace sextant::storage::relational {
namespace {

// Calls visit(row) for the matching rows of [begin, end), the last first if `backwards`, until it says false.
template <typename Visit>
void ForEachMatch(const ColumnFilter& filter, std::size_t begin, std::size_t end, bool backwards,
                  Visit visit) {
  constexpr std::size_t kBlock = 1024;
  std::array<std::uint8_t, kBlock> holds;
  while (begin < end) {
    const std::size_t count = std::min(kBlock, end - begin);
    const std::size_t at = backwards ? end - count : begin;
    filter.Evaluate(at, std::span(holds).first(count));
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t offset = backwards ? count - 1 - i : i;
      if (holds[offset] != 0 && !visit(at + offset)) return;
    }
    (backwards ? end : begin) = backwards ? at : at + count;
  }
}

// The rows whose ids come after `after` in the listing's direction.
std::pair<std::size_t, std::size_t> RowsAfter(const StudyColumns& columns,
                                              const std::optional<PageKey>& after, bool descending) {
  std::size_t low = 0, high = columns.size();
  if (!after.has_value()) return {low, high};
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const std::string_view id = columns.id(middle);
    (descending ? id < after->id : id <= after->id) ? low = middle + 1 : high = middle;
  }
  return descending ? std::pair{std::size_t{0}, low} : std::pair{low, columns.size()};
}

std::vector<ListedRow> ListById(const StudyColumns& columns, const ColumnFilter& filter,
                                const RunQuery& query, const std::optional<PageKey>& after) {
  std::vector<ListedRow> rows;
  const auto [begin, end] = RowsAfter(columns, after, query.descending);
  ForEachMatch(filter, begin, end, query.descending, [&](std::size_t row) {
    rows.push_back({row, {{}, std::string(columns.id(row))}});
    return static_cast<std::int64_t>(rows.size()) <= query.limit;
  });
  return rows;
}

// Rows with a known value after the key, then those without, each part as SelectRuns orders it.
template <typename Value, typename ValueOf, typename Known>
std::optional<std::vector<ListedRow>> ListByValue(const StudyColumns& columns, const ColumnFilter& filter,
                                                  const RunQuery& query, const std::optional<PageKey>& after,
                                                  ValueOf value_of, Known known) {
  const bool in_unknown = after.has_value() && std::holds_alternative<std::monostate>(after->value);
  std::optional<Value> after_value;
  if (after.has_value() && !in_unknown) {
    using Stored = std::conditional_t<std::is_same_v<Value, std::string_view>, std::string, Value>;
    const auto* stored = std::get_if<Stored>(&after->value);
    if (stored == nullptr) return std::nullopt;
    after_value = *stored;
  }
  std::vector<std::pair<Value, std::size_t>> found;
  std::vector<std::size_t> unknown;
  const auto [later_begin, later_end] = RowsAfter(columns, after, query.descending);
  const auto precedes = [&](const Value& a, const Value& b) { return query.descending ? b < a : a < b; };
  ForEachMatch(filter, 0, columns.size(), query.descending, [&](std::size_t row) {
    const bool later = row >= later_begin && row < later_end;
    if (!known(row)) {
      if (!in_unknown || later) unknown.push_back(row);
    } else if (!in_unknown) {
      const Value value = value_of(row);
      if (!after_value.has_value() || precedes(*after_value, value) || (value == *after_value && later)) {
        found.emplace_back(value, row);
      }
    }
    return true;
  });
  const auto wanted = static_cast<std::size_t>(query.limit) + 1;
  const auto middle = found.begin() + static_cast<std::ptrdiff_t>(std::min(wanted, found.size()));
  std::partial_sort(found.begin(), middle, found.end(), [&](const auto& a, const auto& b) {
    if (precedes(a.first, b.first) || precedes(b.first, a.first)) return precedes(a.first, b.first);
    return query.descending ? b.second < a.second : a.second < b.second;
  });
  std::vector<ListedRow> rows;
  for (auto at = found.begin(); at != middle; ++at) {
    PageKey key{{}, std::string(columns.id(at->second))};
    if constexpr (std::is_same_v<Value, std::string_view>) {
      key.value = std::string(at->first);
    } else {
      key.value = at->first;
    }
    rows.push_back({at->second, std::move(key)});
  }
  for (std::size_t i = 0; i < unknown.size() && rows.size() < wanted; ++i) {
    rows.push_back({unknown[i], {{}, std::string(columns.id(unknown[i]))}});
  }
  return rows;
}

}  // namespace

std::optional<std::vector<ListedRow>> ListRows(const StudyColumns& columns, const RunQuery& query,
                                               const std::optional<PageKey>& after) {
  const ColumnFilter filter(query.where, columns);
  if (query.order_by.empty() || query.order_by == "id") return ListById(columns, filter, query, after);
  const RunColumn& order = *columns.Find({ColumnName::Kind::kField, query.order_by});
  switch (order.kind) {
    case RunColumn::Kind::kReal:
      return ListByValue<double>(
          columns, filter, query, after, [&](std::size_t row) { return order.reals[row]; },
          [&](std::size_t row) { return !std::isnan(order.reals[row]); });
    case RunColumn::Kind::kInteger:
      return ListByValue<std::int64_t>(
          columns, filter, query, after, [&](std::size_t row) { return order.integers[row]; },
          [&](std::size_t row) { return order.known[row] != 0; });
    case RunColumn::Kind::kText:
      break;
  }
  return ListByValue<std::string_view>(
      columns, filter, query, after,
      [&](std::size_t row) { return std::string_view(order.texts[order.codes[row]]); },
      [](std::size_t) { return true; });
}

}  // namespace sextant::storage::relational
