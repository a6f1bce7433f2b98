// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/study_rows.h"

#include <absl/strings/str_cat.h>

#include "base/status_macros.h"
#include "storage/relational/rows/declared_rows.h"
#include "storage/relational/rows/page_key.h"
#include "storage/relational/rows/run_changes.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {
namespace {

#define STUDY_COLUMNS                                                                                       \
  "id, title, description, param_count, loss_unit, labels, create_time, update_time, revision, run_count, " \
  "fit_count, study_key"

absl::StatusOr<Study> ReadStudy(Connection& connection, const Statement& row) {
  Study study;
  study.id = row.Text(0);
  study.title = row.Text(1);
  study.description = row.Text(2);
  study.param_count = static_cast<ParamCount>(row.Int(3));
  study.loss_unit = static_cast<LossUnit>(row.Int(4));
  RETURN_IF_ERROR(FromJson(row.Text(5), study.labels));
  study.create_time = row.Int(6);
  study.update_time = row.Int(7);
  study.revision = row.Int(8);
  study.run_count = row.Int(9);
  study.fit_count = row.Int(10);
  study.uid = row.Int(11);
  ASSIGN_OR_RETURN(study.declared, ReadDeclared(connection, study.uid));
  return study;
}

absl::Status CheckStudy(const Study& study) {
  if (study.id.empty()) return absl::InvalidArgumentError("a study needs an id");
  for (const auto& [text, what] : {std::pair{&study.id, "the study id"}, std::pair{&study.title, "the title"},
                                   std::pair{&study.description, "the description"}}) {
    RETURN_IF_ERROR(CheckText(*text, what));
  }
  for (const auto& [key, value] : study.labels) {
    RETURN_IF_ERROR(CheckText(key, "a label's key"));
    RETURN_IF_ERROR(CheckText(value, "a label's value"));
  }
  return CheckDeclared(study.declared);
}

// Keys are not used again: what was begun in a study that is deleted must not go on in one that takes its id.
absl::StatusOr<std::int64_t> NextStudyKey(Connection& connection) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare(
                       "SELECT max(n.free) FROM (SELECT coalesce(max(study_key), 0) + 1 AS free FROM studies "
                       "UNION ALL SELECT value FROM counters WHERE name = 'next_study_key') n"));
  RETURN_IF_ERROR(statement.Step().status());
  return statement.Int(0);
}

absl::Status SetNextStudyKey(Connection& connection, std::int64_t key) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("INSERT INTO counters VALUES ('next_study_key', ?) "
                                      "ON CONFLICT (name) DO UPDATE SET value = excluded.value"));
  return statement.Next(key).Run();
}

absl::Status NoStudy(const std::string& id) {
  return absl::NotFoundError(absl::StrCat("no study '", id, "'"));
}

}  // namespace

absl::Status InsertStudy(Connection& connection, const Study& study) {
  RETURN_IF_ERROR(CheckStudy(study));
  ASSIGN_OR_RETURN(const std::int64_t key, NextStudyKey(connection));
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare("INSERT INTO studies (study_key, id, title, description, param_count, loss_unit, "
                         "labels, create_time, "
                         "update_time, "
                         "revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"));
  statement.Next(key).Next(std::string_view(study.id)).Next(std::string_view(study.title));
  statement.Next(std::string_view(study.description));
  statement.Next(static_cast<std::int64_t>(study.param_count))
      .Next(static_cast<std::int64_t>(study.loss_unit));
  statement.Next(std::string_view(ToJson(study.labels)));
  statement.Next(study.create_time).Next(study.update_time).Next(std::max<std::int64_t>(study.revision, 1));
  RETURN_IF_ERROR(statement.Run());
  if (connection.changes() == 0) {
    return absl::AlreadyExistsError(absl::StrCat("study '", study.id, "' exists already"));
  }
  RETURN_IF_ERROR(WriteDeclared(connection, key, study.declared));
  return SetNextStudyKey(connection, key + 1);
}

absl::Status UpdateStudy(Connection& connection, const Study& study, std::int64_t expected_revision) {
  RETURN_IF_ERROR(CheckStudy(study));
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "UPDATE studies SET title = ?2, description = ?3, param_count = ?4, loss_unit = ?5, labels = ?6, "
          "update_time = ?7, revision = revision + 1 WHERE id = ?1 AND (?8 = -1 OR revision = ?8)"));
  statement.Next(std::string_view(study.id)).Next(std::string_view(study.title));
  statement.Next(std::string_view(study.description));
  statement.Next(static_cast<std::int64_t>(study.param_count))
      .Next(static_cast<std::int64_t>(study.loss_unit));
  statement.Next(std::string_view(ToJson(study.labels))).Next(study.update_time).Next(expected_revision);
  RETURN_IF_ERROR(statement.Run());
  if (connection.changes() == 1) {
    ASSIGN_OR_RETURN(auto updated, FindStudy(connection, study.id));
    return WriteDeclared(connection, updated.key, study.declared);
  }
  ASSIGN_OR_RETURN(auto stored, SelectStudy(connection, study.id));
  return absl::AbortedError(absl::StrCat("study '", study.id, "' was changed meanwhile (revision ",
                                         stored.revision, ", expected ", expected_revision,
                                         "): read it again and retry"));
}

absl::Status DeleteStudy(Connection& connection, const std::string& id) {
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, id));
  RETURN_IF_ERROR(ForgetRunChanges(connection, study.key));
  // Chunks first: they are found through the runs. Details of fits and forecasts go by cascade.
  for (const char* sql :
       {"DELETE FROM curve_chunks WHERE chunk_key IN (SELECT c.chunk_key FROM runs r CROSS JOIN curve_chunks "
        "c "
        "WHERE c.chunk_key BETWEEN r.run_key << 20 AND (r.run_key << 20) + 1048575 "
        "AND r.study_key = ? AND r.curve_points > 0)",
        "DELETE FROM runs WHERE study_key = ?", "DELETE FROM fits WHERE study_key = ?",
        "DELETE FROM forecasts WHERE study_key = ?", "DELETE FROM studies WHERE study_key = ?"}) {
    ASSIGN_OR_RETURN(auto statement, connection.Prepare(sql));
    RETURN_IF_ERROR(statement.Next(study.key).Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<Study> SelectStudy(Connection& connection, const std::string& id) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("SELECT " STUDY_COLUMNS " FROM studies WHERE id = ?"));
  ASSIGN_OR_RETURN(auto row, statement.Next(std::string_view(id)).Step());
  if (!row) return NoStudy(id);
  return ReadStudy(connection, statement);
}

absl::StatusOr<Page<Study>> SelectStudies(Connection& connection, std::int64_t limit,
                                          const std::string& after) {
  RETURN_IF_ERROR(CheckPageLimit(limit));
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("SELECT " STUDY_COLUMNS
                                                      " FROM studies WHERE id > ? ORDER BY id LIMIT ?"));
  statement.Next(std::string_view(after)).Next(limit + 1);
  Page<Study> page;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return page;
    if (static_cast<std::int64_t>(page.items.size()) == limit) {
      page.next_key = page.items.back().id;
      return page;
    }
    ASSIGN_OR_RETURN(auto study, ReadStudy(connection, statement));
    page.items.push_back(std::move(study));
  }
}

absl::StatusOr<StudySize> SelectStudySize(Connection& connection, const std::string& id) {
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare("SELECT run_count, fit_count, point_count, curve_bytes, forecast_count FROM studies "
                         "WHERE id = ?"));
  ASSIGN_OR_RETURN(auto row, statement.Next(std::string_view(id)).Step());
  if (!row) return NoStudy(id);
  return StudySize{statement.Int(0), statement.Int(1), statement.Int(2), statement.Int(3), statement.Int(4)};
}

absl::StatusOr<StudyKey> FindStudy(Connection& connection, const std::string& id) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("SELECT study_key, run_count, param_count FROM studies WHERE id = ?"));
  ASSIGN_OR_RETURN(auto row, statement.Next(std::string_view(id)).Step());
  if (!row) return NoStudy(id);
  return StudyKey{statement.Int(0), statement.Int(1), static_cast<ParamCount>(statement.Int(2))};
}

absl::Status AddToTotals(Connection& connection, std::int64_t study_key, const StudyTotals& change) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("UPDATE studies SET run_count = run_count + ?2, "
                                                      "fit_count = fit_count + ?3, point_count = point_count "
                                                      "+ ?4, "
                                                      "curve_bytes = curve_bytes + ?5, forecast_count = "
                                                      "forecast_count + ?6 WHERE study_key = ?1"));
  return statement.Next(study_key)
      .Next(change.runs)
      .Next(change.fits)
      .Next(change.points)
      .Next(change.curve_bytes)
      .Next(change.forecasts)
      .Run();
}

}  // namespace sextant::storage::relational
