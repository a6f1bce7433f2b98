// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/columns/run_columns.h"

#include <absl/strings/str_cat.h>

#include "base/status_macros.h"
#include "storage/relational/columns/column_reader.h"
#include "storage/relational/rows/run_changes.h"

namespace sextant::storage::relational {
namespace {

void AddColumnsOf(const Condition& condition, std::set<ColumnName>& names) {
  for (const Condition& child : condition.children) AddColumnsOf(child, names);
  switch (condition.kind) {
    case Condition::Kind::kCompare:
    case Condition::Kind::kIsKnown:
      if (condition.field != "id") names.insert({ColumnName::Kind::kField, condition.field});
      break;
    case Condition::Kind::kHasTag:
      names.insert({ColumnName::Kind::kTag, condition.field});
      break;
    case Condition::Kind::kHasLabel:
      names.insert({ColumnName::Kind::kLabels, ""});
      break;
    case Condition::Kind::kAnd:
    case Condition::Kind::kOr:
    case Condition::Kind::kNot:
      break;
  }
}

}  // namespace

std::int64_t TextBytes(const std::string& text) {
  return static_cast<std::int64_t>(sizeof(std::string) + (text.size() > 15 ? text.size() + 1 : 0));
}

std::int64_t RunColumn::bytes() const {
  std::size_t size = reals.size() * sizeof(double) + integers.size() * sizeof(std::int64_t) + known.size() +
                     codes.size() * sizeof(std::uint32_t);
  for (const std::string& text : texts) size += static_cast<std::size_t>(TextBytes(text));
  return static_cast<std::int64_t>(size);
}

std::set<ColumnName> ColumnsOf(const std::vector<Condition>& where, const std::string& order_by) {
  std::set<ColumnName> names;
  for (const Condition& condition : where) AddColumnsOf(condition, names);
  if (!order_by.empty() && order_by != "id") names.insert({ColumnName::Kind::kField, order_by});
  return names;
}

const RunColumn* StudyColumns::Find(const ColumnName& name) const {
  const auto found = columns_.find(name);
  return found == columns_.end() ? nullptr : found->second.get();
}

bool StudyColumns::Has(const std::set<ColumnName>& names) const {
  for (const ColumnName& name : names) {
    if (!columns_.contains(name)) return false;
  }
  return true;
}

std::int64_t StudyColumns::bytes() const {
  auto total = static_cast<std::int64_t>(ids_->text.size() + ids_->ends.size() * sizeof(std::size_t));
  for (const auto& [name, column] : columns_) total += column->bytes();
  return total;
}

std::shared_ptr<const StudyColumns> RunColumns::Current(std::int64_t study_key, std::int64_t version) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(study_key);
  if (found == kept_.end() || found->second.version != version) return nullptr;
  return found->second.columns;
}

void RunColumns::Keep(std::int64_t study_key, Kept kept) {
  const std::lock_guard lock(mutex_);
  std::int64_t others = 0;
  for (const auto& [key, other] : kept_) {
    if (key != study_key) others += other.columns->bytes();
  }
  // Other studies' columns are read again when they are asked for.
  if (others + kept.columns->bytes() > limit_bytes_) kept_.clear();
  kept_[study_key] = std::move(kept);
}

absl::StatusOr<std::shared_ptr<const StudyColumns>> RunColumns::Find(Connection& connection,
                                                                     std::int64_t study_key,
                                                                     const std::set<ColumnName>& names) {
  ASSIGN_OR_RETURN(auto version, RunChanges(connection, study_key));
  auto current = Current(study_key, version);
  return current != nullptr && current->Has(names) ? current : nullptr;
}

absl::StatusOr<std::shared_ptr<const StudyColumns>> RunColumns::Load(Connection& connection,
                                                                     const StudyKey& study,
                                                                     const std::set<ColumnName>& names) {
  ASSIGN_OR_RETURN(auto version, RunChanges(connection, study.key));
  const auto before = Current(study.key, version);
  if (before != nullptr && before->Has(names)) return before;
  const std::int64_t needed = BytesNeeded(study, names.size());
  if (needed > limit_bytes_) return nullptr;
  auto next = std::make_shared<StudyColumns>();
  // What is there already stays as long as it fits.
  if (before != nullptr && before->bytes() + needed <= limit_bytes_) *next = *before;
  std::vector<ColumnLoading> loading;
  for (const ColumnName& name : names) {
    if (next->columns_.contains(name)) continue;
    ASSIGN_OR_RETURN(auto one, StartLoading(name));
    loading.push_back(std::move(one));
  }
  auto ids = next->ids_ == nullptr ? std::make_shared<StudyColumns::Ids>() : nullptr;
  if (ids != nullptr) ids->ends.reserve(static_cast<std::size_t>(study.run_count));

  std::string sql = "SELECT ";
  for (const ColumnLoading& one : loading) absl::StrAppend(&sql, one.sql, ", ");
  absl::StrAppend(&sql, ids != nullptr ? "r.id" : "0", " FROM runs r WHERE r.study_key = ? ORDER BY r.id");
  ASSIGN_OR_RETURN(auto statement, connection.PrepareOnce(sql));
  statement.Next(study.key);
  const std::int64_t room_for_text = limit_bytes_ - needed - (ids != nullptr ? 0 : next->bytes());
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) break;
    std::int64_t text_bytes = 0;
    int at = 0;
    for (const ColumnLoading& one : loading) {
      RETURN_IF_ERROR(one.reader->Read(statement, at++));
      text_bytes += one.reader->text_bytes();
    }
    if (ids != nullptr) {
      ids->text += statement.Text(at);
      ids->ends.push_back(ids->text.size());
      text_bytes += static_cast<std::int64_t>(ids->text.size());
    }
    if (text_bytes > room_for_text) return nullptr;
  }
  if (ids != nullptr) next->ids_ = std::move(ids);
  for (ColumnLoading& one : loading) next->columns_[one.name] = std::move(one.reader->column);
  Keep(study.key, {version, next});
  return next;
}

absl::StatusOr<bool> RunColumns::ScannedBefore(Connection& connection, std::int64_t study_key) {
  ASSIGN_OR_RETURN(auto version, RunChanges(connection, study_key));
  const std::lock_guard lock(mutex_);
  const auto found = scanned_.find(study_key);
  return found != scanned_.end() && found->second == version;
}

absl::Status RunColumns::NoteScan(Connection& connection, std::int64_t study_key) {
  ASSIGN_OR_RETURN(auto version, RunChanges(connection, study_key));
  const std::lock_guard lock(mutex_);
  scanned_[study_key] = version;
  return absl::OkStatus();
}

void RunColumns::NoteListing(std::int64_t study_key) {
  const std::lock_guard lock(mutex_);
  if (const auto found = read_ahead_.find(study_key); found != read_ahead_.end()) found->second = 0;
}

bool RunColumns::PaysAhead(const StudyKey& study) {
  const std::lock_guard lock(mutex_);
  std::int64_t& then = read_ahead_[study.key];
  if (then > 0 && study.run_count < then + then / 4) return false;
  then = study.run_count;
  return true;
}

std::int64_t RunColumns::BytesNeeded(const StudyKey& study, std::size_t columns) {
  return study.run_count * static_cast<std::int64_t>(9 * columns + sizeof(std::size_t));
}

}  // namespace sextant::storage::relational
