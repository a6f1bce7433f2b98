// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/fit_parts.h"

#include <absl/strings/str_cat.h>

#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status_macros.h"
#include "fitting/fit_check.h"
#include "storage/relational/rows/fit_model_rows.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {
namespace {

static_assert(std::endian::native == std::endian::little, "fit_arrays holds little-endian doubles");

enum class ArrayKind : std::int64_t { kCorrelations = 0, kReplicates = 1, kModelReplicates = 2 };

absl::Status InsertArray(Connection& connection, std::int64_t fit_key, ArrayKind kind,
                         const std::vector<double>& values) {
  if (values.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("INSERT INTO fit_arrays VALUES (?, ?, ?, ?)"));
  statement.Next(fit_key).Next(static_cast<std::int64_t>(kind)).Next(std::string_view(""));
  statement.NextBlobView(
      {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(double)});
  return statement.Run();
}

absl::Status SelectArrays(Connection& connection, std::int64_t fit_key, fitting::FitResult& result,
                          std::vector<double>& model_replicates, std::string& damage) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("SELECT kind, data FROM fit_arrays WHERE fit_key = ?"));
  statement.Next(fit_key);
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return absl::OkStatus();
    const std::span<const std::uint8_t> bytes = statement.Blob(1);
    std::vector<double> values(bytes.size() / sizeof(double));
    if (bytes.size() % sizeof(double) != 0) {
      damage = "has an array that is cut short";
      return absl::OkStatus();
    }
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    switch (static_cast<ArrayKind>(statement.Int(0))) {
      case ArrayKind::kCorrelations:
        result.correlations = std::move(values);
        break;
      case ArrayKind::kReplicates:
        result.replicates = std::move(values);
        break;
      case ArrayKind::kModelReplicates:
        model_replicates = std::move(values);
        break;
    }
  }
}

absl::Status InsertParameters(Connection& connection, std::int64_t fit_key,
                              const std::vector<fitting::ParameterEstimate>& parameters) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("INSERT INTO fit_parameters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  std::int64_t position = 0;
  for (const fitting::ParameterEstimate& parameter : parameters) {
    RETURN_IF_ERROR(CheckText(parameter.name, "a parameter's name"));
    statement.Next(fit_key).Next(position++).Next(std::string_view(parameter.name)).Next(parameter.estimate);
    for (const auto& end : {parameter.low, parameter.high}) {
      // Absent and NaN are both NULL, so presence is kept beside the value.
      statement.Next(static_cast<std::int64_t>(end.has_value()));
      statement.Next(end.value_or(std::numeric_limits<double>::quiet_NaN()));
    }
    RETURN_IF_ERROR(statement.Next(static_cast<std::int64_t>(parameter.at_bound)).Run());
  }
  return absl::OkStatus();
}

absl::Status SelectParameters(Connection& connection, std::int64_t fit_key, fitting::FitResult& result) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("SELECT name, estimate, has_low, low, has_high, high, "
                                                      "at_bound FROM fit_parameters WHERE fit_key = ? "
                                                      "ORDER BY position"));
  statement.Next(fit_key);
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return absl::OkStatus();
    fitting::ParameterEstimate& parameter = result.parameters.emplace_back();
    parameter.name = statement.Text(0);
    parameter.estimate = statement.Real(1);
    if (statement.Int(2) != 0) parameter.low = statement.Real(3);
    if (statement.Int(4) != 0) parameter.high = statement.Real(5);
    parameter.at_bound = statement.Int(6) != 0;
  }
}

absl::Status InsertLists(Connection& connection, std::int64_t fit_key, const fitting::FitResult& result) {
  ASSIGN_OR_RETURN(auto influence, connection.Prepare("INSERT INTO fit_influence VALUES (?, ?, ?, ?, ?)"));
  std::int64_t position = 0;
  for (const fitting::Influence& run : result.influence) {
    influence.Next(fit_key).Next(position++).Next(std::string_view(run.run_id));
    RETURN_IF_ERROR(influence.Next(run.objective_share).Next(run.shift).Run());
  }
  auto warning = connection.Prepare("INSERT INTO fit_warnings VALUES (?, ?, ?)");
  if (!warning.ok()) return warning.status();
  position = 0;
  for (const std::string& text : result.warnings) {
    RETURN_IF_ERROR(CheckText(text, "a warning"));
    RETURN_IF_ERROR(warning->Next(fit_key).Next(position++).Next(std::string_view(text)).Run());
  }
  ASSIGN_OR_RETURN(auto range, connection.Prepare("INSERT INTO fit_ranges VALUES (?, ?, ?, ?)"));
  for (const auto& [variable, ends] : result.fitted_range) {
    range.Next(fit_key).Next(std::string_view(variable)).Next(ends.low).Next(ends.high);
    RETURN_IF_ERROR(range.Run());
  }
  ASSIGN_OR_RETURN(auto diagnostic, connection.Prepare("INSERT INTO fit_diagnostics VALUES (?, ?, ?)"));
  for (const auto& [name, value] : result.diagnostics) {
    RETURN_IF_ERROR(diagnostic.Next(fit_key).Next(std::string_view(name)).Next(value).Run());
  }
  return absl::OkStatus();
}

// Runs `sql` for the fit and calls `take` on each row.
template <typename Take>
absl::Status ForEachRow(Connection& connection, const char* sql, std::int64_t fit_key, Take take) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(sql));
  statement.Next(fit_key);
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return absl::OkStatus();
    take(statement);
  }
}

absl::Status SelectLists(Connection& connection, std::int64_t fit_key, fitting::FitResult& result) {
  absl::Status status = ForEachRow(
      connection,
      "SELECT run_id, objective_share, shift FROM fit_influence WHERE fit_key = ? ORDER BY position", fit_key,
      [&](const Statement& row) {
        result.influence.push_back({std::string(row.Text(0)), row.Real(1), row.Real(2)});
      });
  if (!status.ok()) return status;
  status = ForEachRow(connection, "SELECT text FROM fit_warnings WHERE fit_key = ? ORDER BY position",
                      fit_key, [&](const Statement& row) { result.warnings.emplace_back(row.Text(0)); });
  if (!status.ok()) return status;
  status = ForEachRow(connection, "SELECT variable, low, high FROM fit_ranges WHERE fit_key = ?", fit_key,
                      [&](const Statement& row) {
                        result.fitted_range[std::string(row.Text(0))] = {row.Real(1), row.Real(2)};
                      });
  if (!status.ok()) return status;
  return ForEachRow(
      connection, "SELECT name, value FROM fit_diagnostics WHERE fit_key = ?", fit_key,
      [&](const Statement& row) { result.diagnostics[std::string(row.Text(0))] = row.Real(1); });
}

}  // namespace

absl::Status InsertFitParts(Connection& connection, std::int64_t fit_key, const fitting::FitResult& result) {
  RETURN_IF_ERROR(InsertParameters(connection, fit_key, result.parameters));
  RETURN_IF_ERROR(InsertLists(connection, fit_key, result));
  RETURN_IF_ERROR(InsertArray(connection, fit_key, ArrayKind::kCorrelations, result.correlations));
  RETURN_IF_ERROR(InsertArray(connection, fit_key, ArrayKind::kReplicates, result.replicates));
  if (const auto* optimum = std::get_if<fitting::OptimumModel>(&result.model)) {
    RETURN_IF_ERROR(InsertArray(connection, fit_key, ArrayKind::kModelReplicates, optimum->replicates));
  }
  return InsertFitModel(connection, fit_key, result.model);
}

absl::Status SelectFitParts(Connection& connection, std::int64_t fit_key, std::int64_t model_kind,
                            double log_low, double log_high, fitting::FitResult& result,
                            std::string& damage) {
  RETURN_IF_ERROR(SelectParameters(connection, fit_key, result));
  RETURN_IF_ERROR(SelectLists(connection, fit_key, result));
  std::vector<double> model_replicates;
  RETURN_IF_ERROR(SelectArrays(connection, fit_key, result, model_replicates, damage));
  RETURN_IF_ERROR(SelectFitModel(connection, fit_key, model_kind, log_low, log_high,
                                 std::move(model_replicates), result, damage));
  if (damage.empty()) damage = std::string(fitting::CheckFitResult(result).message());
  return absl::OkStatus();
}

}  // namespace sextant::storage::relational
