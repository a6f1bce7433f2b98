// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/fit_rows.h"

#include <absl/strings/str_cat.h>

#include <bit>
#include <limits>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "fitting/fit_check.h"
#include "storage/relational/rows/fit_model_rows.h"
#include "storage/relational/rows/fit_parts.h"
#include "storage/relational/rows/page_key.h"
#include "storage/relational/rows/study_rows.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {
namespace {

#define FIT_COLUMNS                                                                                          \
  "f.id, f.state, f.law_id, f.error_code, f.error, f.create_time, f.end_time, f.result_law_id, f.law_toml, " \
  "f.target, f.estimator, f.objective_kind, f.result_study_id, f.data_digest, f.filter, f.holdout_filter, "  \
  "f.seed, "                                                                                                 \
  "f.bootstrap_replicates, f.version, f.param_count, f.loss_unit, f.runs_used, f.cells_used, f.objective, "  \
  "f.starts, f.starts_at_optimum, f.condition_number, f.holdout_runs, f.holdout_mean_relative_error, "       \
  "f.holdout_has_excess_loss, f.holdout_mean_excess_loss, f.near_optimal_log_low, f.near_optimal_log_high, " \
  "f.error_reason, f.model, f.fit_key, f.columns, f.data_source"

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// ln of the ends of the near-optimal region, for the models that have one.
std::pair<double, double> NearOptimalEnds(const fitting::FitModel& model) {
  if (const auto* optimum = std::get_if<fitting::OptimumModel>(&model)) {
    return {optimum->near_optimal_low, optimum->near_optimal_high};
  }
  if (const auto* other = std::get_if<fitting::OtherOptimumModel>(&model)) {
    return {other->near_optimal_log_low, other->near_optimal_log_high};
  }
  return {0, 0};
}

void BindResult(Statement& statement, const fitting::FitResult& r) {
  statement.Next(std::string_view(r.law_id)).Next(std::string_view(r.law_toml));
  statement.Next(static_cast<std::int64_t>(r.target));
  statement.Next(std::string_view(r.estimator)).Next(std::string_view(r.objective_kind));
  statement.Next(std::string_view(r.study_id)).Next(std::string_view(r.data_digest));
  statement.Next(std::string_view(r.filter)).Next(std::string_view(r.holdout_filter));
  statement.Next(std::bit_cast<std::int64_t>(r.seed)).Next(r.bootstrap_replicates);
  statement.Next(std::string_view(r.version)).Next(std::string_view(r.param_count));
  statement.Next(std::string_view(r.loss_unit));
  statement.Next(r.runs_used).Next(r.cells_used).Next(r.objective).Next(r.starts).Next(r.starts_at_optimum);
  statement.Next(r.condition_number);
  std::optional<double> excess;
  if (r.holdout.has_value()) {
    statement.Next(r.holdout->runs).Next(r.holdout->mean_relative_error);
    excess = r.holdout->mean_excess_loss;
  } else {
    statement.NextNull().NextNull();
  }
  statement.Next(static_cast<std::int64_t>(excess.has_value())).Next(excess.value_or(kNaN));
  const auto [low, high] = NearOptimalEnds(r.model);
  statement.Next(low).Next(high);
}

void ReadResult(const Statement& row, int column, fitting::FitResult& r) {
  r.law_id = row.Text(column++);
  r.law_toml = row.Text(column++);
  r.target = static_cast<fitting::Target>(row.Int(column++));
  r.estimator = row.Text(column++);
  r.objective_kind = row.Text(column++);
  r.study_id = row.Text(column++);
  r.data_digest = row.Text(column++);
  r.filter = row.Text(column++);
  r.holdout_filter = row.Text(column++);
  r.seed = std::bit_cast<std::uint64_t>(row.Int(column++));
  r.bootstrap_replicates = row.Int(column++);
  r.version = row.Text(column++);
  r.param_count = row.Text(column++);
  r.loss_unit = row.Text(column++);
  r.runs_used = row.Int(column++);
  r.cells_used = row.Int(column++);
  r.objective = row.Real(column++);
  r.starts = row.Int(column++);
  r.starts_at_optimum = row.Int(column++);
  r.condition_number = row.Real(column++);
  if (!row.IsNull(column)) {
    fitting::HoldoutScore score;
    score.runs = row.Int(column);
    score.mean_relative_error = row.Real(column + 1);
    if (row.Int(column + 2) != 0) score.mean_excess_loss = row.Real(column + 3);
    r.holdout = score;
  }
}

absl::StatusOr<Fit> ReadFit(Connection& connection, const Statement& row, const std::string& study_id) {
  Fit fit;
  fit.study_id = study_id;
  fit.id = row.Text(0);
  fit.state = static_cast<FitState>(row.Int(1));
  fit.law_id = row.Text(2);
  fit.error_code = static_cast<int>(row.Int(3));
  fit.error = row.Text(4);
  fit.create_time = row.Int(5);
  fit.end_time = row.Int(6);
  ReadResult(row, 7, fit.result);
  fit.error_reason = row.Text(33);
  RETURN_IF_ERROR(SelectFitParts(connection, row.Int(35), row.Int(34), row.Real(31), row.Real(32), fit.result,
                                 fit.damage));
  RETURN_IF_ERROR(FromJson(row.Text(36), fit.result.columns));
  fit.result.data_source = row.Text(37);
  return fit;
}

absl::Status CheckFit(const Fit& fit) {
  if (fit.id.empty()) return absl::InvalidArgumentError("a fit needs an id");
  const std::string damage =
      fit.damage.empty() ? std::string(fitting::CheckFitResult(fit.result).message()) : fit.damage;
  if (!damage.empty()) {
    return absl::DataLossError(absl::StrCat("fit '", fit.id, "' of study '", fit.study_id, "' ", damage,
                                            "; delete it and fit again"));
  }
  const fitting::FitResult& r = fit.result;
  for (const auto& [text, what] :
       {std::pair{&fit.id, "the fit id"}, std::pair{&fit.law_id, "the law id"},
        std::pair{&fit.error, "the error"}, std::pair{&fit.error_reason, "the error's reason"},
        std::pair{&r.law_toml, "the law"}, std::pair{&r.filter, "the filter"},
        std::pair{&r.holdout_filter, "the hold-out filter"}, std::pair{&r.estimator, "the estimator"}}) {
    RETURN_IF_ERROR(CheckText(*text, what));
  }
  for (const auto& [variable, column] : r.columns) {
    RETURN_IF_ERROR(CheckText(variable, "a variable"));
    RETURN_IF_ERROR(CheckText(column, "a column"));
  }
  return CheckText(r.data_source, "the data's source");
}

// Removes the fit if it is there (its parts go by cascade); returns how many were removed.
absl::StatusOr<std::int64_t> RemoveFit(Connection& connection, std::int64_t study_key,
                                       const std::string& fit_id) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("DELETE FROM fits WHERE study_key = ? AND id = ?"));
  RETURN_IF_ERROR(statement.Next(study_key).Next(std::string_view(fit_id)).Run());
  return connection.changes();
}

}  // namespace

absl::Status PutFit(Connection& connection, const Fit& fit) {
  RETURN_IF_ERROR(CheckFit(fit));
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, fit.study_id));
  auto replaced = RemoveFit(connection, study.key, fit.id);
  if (!replaced.ok()) return replaced.status();
  std::int64_t fit_key = 0;
  {
    ASSIGN_OR_RETURN(
        auto statement,
        connection.Prepare(
            "INSERT INTO fits (study_key, id, state, law_id, error_code, error, create_time, end_time, "
            "result_law_id, "
            "law_toml, target, estimator, objective_kind, result_study_id, data_digest, filter, "
            "holdout_filter, "
            "seed, "
            "bootstrap_replicates, version, param_count, loss_unit, runs_used, cells_used, objective, "
            "starts, "
            "starts_at_optimum, condition_number, holdout_runs, holdout_mean_relative_error, "
            "holdout_has_excess_loss, "
            "holdout_mean_excess_loss, near_optimal_log_low, near_optimal_log_high, error_reason, "
            "model, columns, data_source) VALUES "
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
            "?, ?, "
            "?, ?, ?, ?, ?) "
            "RETURNING fit_key"));
    statement.Next(study.key).Next(std::string_view(fit.id)).Next(static_cast<std::int64_t>(fit.state));
    statement.Next(std::string_view(fit.law_id)).Next(static_cast<std::int64_t>(fit.error_code));
    statement.Next(std::string_view(fit.error)).Next(fit.create_time).Next(fit.end_time);
    BindResult(statement, fit.result);
    statement.Next(std::string_view(fit.error_reason)).Next(ModelKind(fit.result.model));
    statement.Next(std::string_view(ToJson(fit.result.columns)));
    statement.Next(std::string_view(fit.result.data_source));
    auto row = statement.Step();
    if (!row.ok()) return row.status();
    fit_key = statement.Int(0);
    row = statement.Step();
    if (!row.ok()) return row.status();
  }
  RETURN_IF_ERROR(InsertFitParts(connection, fit_key, fit.result));
  return *replaced > 0 ? absl::OkStatus() : AddToTotals(connection, study.key, {.fits = 1});
}

absl::Status DeleteFit(Connection& connection, const std::string& study_id, const std::string& fit_id) {
  auto study = FindStudy(connection, study_id);
  if (!study.ok()) return study.status();
  ASSIGN_OR_RETURN(auto removed, RemoveFit(connection, study->key, fit_id));
  if (removed == 0) {
    return absl::NotFoundError(absl::StrCat("no fit '", fit_id, "' in study '", study_id, "'"));
  }
  return AddToTotals(connection, study->key, {.fits = -1});
}

absl::StatusOr<Fit> SelectFit(Connection& connection, const std::string& study_id,
                              const std::string& fit_id) {
  auto study = FindStudy(connection, study_id);
  if (!study.ok()) return study.status();
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("SELECT " FIT_COLUMNS
                                                      " FROM fits f WHERE f.study_key = ? AND f.id = ?"));
  ASSIGN_OR_RETURN(auto row, statement.Next(study->key).Next(std::string_view(fit_id)).Step());
  if (!row) return absl::NotFoundError(absl::StrCat("no fit '", fit_id, "' in study '", study_id, "'"));
  return ReadFit(connection, statement, study_id);
}

absl::StatusOr<Page<Fit>> SelectFits(Connection& connection, const std::string& study_id, std::int64_t limit,
                                     const std::string& after) {
  RETURN_IF_ERROR(CheckPageLimit(limit));
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, study_id));
  // Newest first; fits of one instant by id.
  std::int64_t before_time = std::numeric_limits<std::int64_t>::max();
  std::string after_id;
  if (!after.empty()) {
    auto key = DecodePageKey(after);
    if (!key.ok()) return key.status();
    const auto* time = std::get_if<std::int64_t>(&key->value);
    if (time == nullptr) return absl::InvalidArgumentError("the page key is not one of a listing of fits");
    before_time = *time;
    after_id = key->id;
  }
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "SELECT " FIT_COLUMNS
          " FROM fits f WHERE f.study_key = ? AND (f.create_time < ? OR (f.create_time = ? AND f.id > ?)) "
          "ORDER BY f.create_time DESC, f.id LIMIT ?"));
  statement.Next(study.key)
      .Next(before_time)
      .Next(before_time)
      .Next(std::string_view(after_id))
      .Next(limit + 1);
  Page<Fit> page;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return page;
    if (static_cast<std::int64_t>(page.items.size()) == limit) {
      page.next_key = EncodePageKey({page.items.back().create_time, page.items.back().id});
      return page;
    }
    ASSIGN_OR_RETURN(auto fit, ReadFit(connection, statement, study_id));
    page.items.push_back(std::move(fit));
  }
}

absl::StatusOr<std::vector<Fit>> SelectAllFits(Connection& connection) {
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare("SELECT " FIT_COLUMNS
                         ", s.id FROM fits f JOIN studies s USING (study_key) ORDER BY s.id, f.id"));
  std::vector<Fit> fits;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return fits;
    ASSIGN_OR_RETURN(auto fit, ReadFit(connection, statement, std::string(statement.Text(38))));
    fits.push_back(std::move(fit));
  }
}

}  // namespace sextant::storage::relational
