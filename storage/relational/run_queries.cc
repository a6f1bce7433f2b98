// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/run_queries.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "storage/relational/columns/column_listing.h"
#include "storage/relational/rows/condition_sql.h"
#include "storage/relational/rows/declared_rows.h"
#include "storage/relational/rows/page_key.h"
#include "storage/relational/rows/run_rows.h"
#include "storage/relational/rows/study_rows.h"

namespace sextant::storage::relational {
namespace {

// Runs with a known value of the ordering field come first, the others after them.
enum class Part { kById, kKnown, kUnknown };

PageKey KeyOf(const Statement& row, const Run& run, const std::optional<RunField>& order, Part part) {
  PageKey key{{}, run.id};
  if (part != Part::kKnown) return key;
  // The ordering field follows the run's columns.
  const int order_column = RunColumnCount();
  switch (order->kind) {
    case FieldKind::kNumber:
      key.value = row.Real(order_column);
      break;
    case FieldKind::kInteger:
    case FieldKind::kState:
      key.value = row.Int(order_column);
      break;
    case FieldKind::kText:
      key.value = std::string(row.Text(order_column));
      break;
  }
  return key;
}

void AddKeyset(const std::optional<RunField>& order, Part part, bool descending,
               const std::optional<PageKey>& after, SqlText& text) {
  const char* sign = descending ? " < " : " > ";
  if (part == Part::kKnown) {
    text.Add(absl::StrCat(" AND ", FieldSql(*order), " IS NOT NULL"));
    if (!after.has_value()) return;
    text.Add(absl::StrCat(" AND (", FieldSql(*order), ", r.id)", sign, "("));
    std::visit(
        [&](const auto& value) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) text.AddValue(value);
        },
        after->value);
    text.Add(", ");
    text.AddValue(after->id);
    text.Add(")");
    return;
  }
  if (part == Part::kUnknown) text.Add(absl::StrCat(" AND ", FieldSql(*order), " IS NULL"));
  if (after.has_value()) {
    text.Add(absl::StrCat(" AND r.id", sign));
    text.AddValue(after->id);
  }
}

// Appends the part's runs to the page until it has limit + 1.
absl::Status ReadPart(Connection& connection, const StudyKey& study, const RunQuery& query,
                      const std::optional<RunField>& order, Part part, const std::optional<PageKey>& after,
                      Page<Run>& page, std::vector<std::string>& keys) {
  SqlText text(connection);
  text.Add(absl::StrCat("SELECT ", RunColumnList()));
  if (part == Part::kKnown) text.Add(absl::StrCat(", ", FieldSql(*order)));
  text.Add(" FROM runs r");
  text.Add(" WHERE r.study_key = ");
  text.AddValue(study.key);
  AddKeyset(order, part, query.descending, after, text);
  RETURN_IF_ERROR(AddConditions(query.where, text));
  const char* direction = query.descending ? " DESC" : "";
  text.Add(" ORDER BY ");
  if (part == Part::kKnown) text.Add(absl::StrCat(FieldSql(*order), direction, ", "));
  text.Add(absl::StrCat("r.id", direction, " LIMIT "));
  text.AddValue(query.limit + 1 - static_cast<std::int64_t>(page.items.size()));
  ASSIGN_OR_RETURN(auto statement, PrepareText(connection, text));
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return absl::OkStatus();
    ASSIGN_OR_RETURN(auto stored, ReadRun(statement, query.study_id));
    keys.push_back(EncodePageKey(KeyOf(statement, stored.run, order, part)));
    page.items.push_back(std::move(stored.run));
  }
}

absl::StatusOr<Page<Run>> SelectBySql(Connection& connection, const StudyKey& study, const RunQuery& query,
                                      const std::optional<RunField>& order, std::optional<PageKey> after) {
  Page<Run> page;
  std::vector<std::string> keys;
  std::vector<Part> parts = {Part::kById};
  if (order.has_value()) {
    const bool in_unknown = after.has_value() && std::holds_alternative<std::monostate>(after->value);
    parts = in_unknown ? std::vector{Part::kUnknown} : std::vector{Part::kKnown, Part::kUnknown};
  }
  for (const Part part : parts) {
    RETURN_IF_ERROR(ReadPart(connection, study, query, order, part, after, page, keys));
    if (static_cast<std::int64_t>(page.items.size()) > query.limit) break;
    after.reset();
  }
  if (static_cast<std::int64_t>(page.items.size()) > query.limit) {
    page.items.pop_back();
    page.next_key = keys[page.items.size() - 1];
  }
  return page;
}

// Fetches a run by its id: a larger page is read faster in one scan.
constexpr std::int64_t kMaxColumnsPage = 2000;

// The runs of those ids, in their order, by one statement. DataLoss when one is missing.
absl::StatusOr<std::vector<Run>> SelectRunsById(Connection& connection, const StudyKey& study,
                                                const std::string& study_id,
                                                const std::vector<std::string>& ids) {
  std::vector<Run> runs(ids.size());
  if (ids.empty()) return runs;
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < ids.size(); ++i) places[ids[i]] = i;
  SqlText text(connection);
  text.Add(absl::StrCat("SELECT ", RunColumnList(), " FROM runs r WHERE r.study_key = "));
  text.AddValue(study.key);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    text.Add(i == 0 ? " AND r.id IN (" : ", ");
    text.AddValue(ids[i]);
  }
  text.Add(")");
  ASSIGN_OR_RETURN(auto statement, PrepareText(connection, text));
  std::size_t found = 0;
  for (;; ++found) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) break;
    ASSIGN_OR_RETURN(auto stored, ReadRun(statement, study_id));
    runs[places.at(stored.run.id)] = std::move(stored.run);
  }
  if (found == ids.size()) return runs;
  return absl::DataLossError(absl::StrCat(connection.path(), ": ", ids.size() - found, " runs are missing"));
}

absl::StatusOr<Page<Run>> SelectRows(Connection& connection, const StudyKey& study, const RunQuery& query,
                                     const StudyColumns& columns, const std::vector<ListedRow>& rows) {
  Page<Run> page;
  const auto limit = static_cast<std::size_t>(query.limit);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < std::min(rows.size(), limit); ++i) ids.emplace_back(columns.id(rows[i].row));
  if (connection.is_far()) {
    ASSIGN_OR_RETURN(page.items, SelectRunsById(connection, study, query.study_id, ids));
  } else {
    for (const std::string& id : ids) {
      ASSIGN_OR_RETURN(auto stored, SelectRun(connection, study.key, query.study_id, id));
      page.items.push_back(std::move(stored.run));
    }
  }
  if (rows.size() > limit) page.next_key = EncodePageKey(rows[limit - 1].key);
  return page;
}

}  // namespace

absl::StatusOr<Page<Run>> SelectRuns(Connection& connection, const RunQuery& query, const ListingAids& aids) {
  RETURN_IF_ERROR(CheckPageLimit(query.limit));
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, query.study_id));
  std::optional<RunField> order;
  if (!query.order_by.empty() && query.order_by != "id") {
    ASSIGN_OR_RETURN(auto field, FindRunField(query.order_by));
    order = field;
  }
  std::optional<PageKey> after;
  if (!query.after.empty()) {
    ASSIGN_OR_RETURN(auto key, DecodePageKey(query.after));
    after = std::move(key);
  }

  const auto by_sql = [&] { return SelectBySql(connection, study, query, order, after); };
  if (aids.columns == nullptr || query.limit > kMaxColumnsPage) return by_sql();
  // Says what is wrong with the conditions before anything is read for them.
  SqlText checked;
  RETURN_IF_ERROR(AddConditions(query.where, checked));
  const std::set<ColumnName> names = ColumnsOf(query.where, query.order_by);
  if (!names.empty()) aids.columns->NoteListing(study.key);
  auto columns = aids.columns->Find(connection, study.key, names);
  if (!columns.ok()) return columns.status();
  if (*columns == nullptr) {
    if (aids.steps_before_columns > 0) {
      ASSIGN_OR_RETURN(auto scanned, aids.columns->ScannedBefore(connection, study.key));
      const auto limit = connection.LimitReads(aids.steps_before_columns, scanned);
      auto page = limit == nullptr ? absl::CancelledError() : by_sql();
      if (!scanned && limit->exceeded()) {
        RETURN_IF_ERROR(aids.columns->NoteScan(connection, study.key));
      }
      if (!absl::IsCancelled(page.status())) return page;
    }
    columns = aids.columns->Load(connection, study, names);
    if (!columns.ok()) return columns.status();
  }
  if (*columns == nullptr) return by_sql();
  const auto rows = ListRows(**columns, query, after);
  return rows.has_value() ? SelectRows(connection, study, query, **columns, *rows) : by_sql();
}

}  // namespace sextant::storage::relational
