// SPDX-License-Identifier: Apache-2.0
// Columns of a study's runs in memory: a filter that few runs match, or an order by a quantity, is answered
// from them where the database would decode every row (docs/decisions/0004).
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "storage/relational/rows/study_rows.h"
#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

/// One column; row i is the i-th run in order of id. Which members are used follows from the kind.
struct RunColumn {
  enum class Kind { kReal, kInteger, kText } kind = Kind::kReal;
  std::vector<double> reals;              ///< kReal; NaN: unknown
  std::vector<std::int64_t> integers;     ///< kInteger
  std::vector<std::uint8_t> known;        ///< kInteger; 0: unknown
  std::vector<std::uint32_t> codes;       ///< kText: of `texts`; 0: the run has none
  std::vector<std::string> texts = {""};  ///< kText: distinct ones, from 1 on
  std::int64_t bytes() const;
};

/// Memory that a kept text takes.
std::int64_t TextBytes(const std::string& text);

/// Names a column: a run field, a tag by its key, or the labels (the JSON object of each run).
struct ColumnName {
  enum class Kind { kField, kTag, kLabels } kind = Kind::kField;
  std::string name;
  auto operator<=>(const ColumnName&) const = default;
};

/// The columns that `where` and an order by the field `order_by` read, without the id. Conditions must have
/// passed AddConditions.
std::set<ColumnName> ColumnsOf(const std::vector<Condition>& where, const std::string& order_by);

/// A study's ids in order and some of its columns, as one committed state had them. Never changes.
class StudyColumns {
 public:
  std::size_t size() const { return ids_->ends.size(); }
  std::string_view id(std::size_t row) const {
    const std::size_t begin = row == 0 ? 0 : ids_->ends[row - 1];
    return std::string_view(ids_->text).substr(begin, ids_->ends[row] - begin);
  }
  /// nullptr: not loaded.
  const RunColumn* Find(const ColumnName& name) const;
  bool Has(const std::set<ColumnName>& names) const;
  std::int64_t bytes() const;

 private:
  friend class RunColumns;
  struct Ids {
    std::string text;  ///< all of them, one after the other
    std::vector<std::size_t> ends;
  };
  std::shared_ptr<const Ids> ids_;
  std::map<ColumnName, std::shared_ptr<const RunColumn>> columns_;
};

/// What is kept, by study. Thread-safe. For connections that only read: a writer's own uncommitted state must
/// not be kept.
class RunColumns {
 public:
  /// Keeps at most about `limit_bytes`, above 0.
  explicit RunColumns(std::int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// What is kept of the study as `connection`'s open transaction sees it, if it has all of `names`; else
  /// nullptr.
  absl::StatusOr<std::shared_ptr<const StudyColumns>> Find(Connection& connection, std::int64_t study_key,
                                                           const std::set<ColumnName>& names);
  /// Whether NoteScan was called for this state of the study: reading columns pays from the second scan on.
  absl::StatusOr<bool> ScannedBefore(Connection& connection, std::int64_t study_key);
  absl::Status NoteScan(Connection& connection, std::int64_t study_key);
  /// A listing of the study wants columns.
  void NoteListing(std::int64_t study_key);
  /// Whether to read columns of the study before a listing asks for them: when listings did since they were
  /// last read ahead, or the study has grown by a quarter. Answers once: the caller reads them.
  bool PaysAhead(const StudyKey& study);
  std::int64_t limit_bytes() const { return limit_bytes_; }
  /// About what `columns` of a study take, texts left out.
  static std::int64_t BytesNeeded(const StudyKey& study, std::size_t columns);
  /// As Find, reading what is missing in one scan; nullptr when it would not fit.
  absl::StatusOr<std::shared_ptr<const StudyColumns>> Load(Connection& connection, const StudyKey& study,
                                                           const std::set<ColumnName>& names);

 private:
  struct Kept {
    std::int64_t version = 0;  ///< RunChanges of the state
    std::shared_ptr<const StudyColumns> columns;
  };
  std::shared_ptr<const StudyColumns> Current(std::int64_t study_key, std::int64_t version);
  void Keep(std::int64_t study_key, Kept kept);

  const std::int64_t limit_bytes_;
  std::mutex mutex_;
  std::map<std::int64_t, Kept> kept_;             ///< by study key
  std::map<std::int64_t, std::int64_t> scanned_;  ///< study key -> version
  /// Of studies that were read ahead: its runs then; 0 once a listing came.
  std::map<std::int64_t, std::int64_t> read_ahead_;
};

}  // namespace sextant::storage::relational
