// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/forecast_rows.h"

#include <absl/strings/str_cat.h>

#include <limits>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "storage/relational/rows/page_key.h"
#include "storage/relational/rows/study_rows.h"
#include "storage/relational/sql/json_text.h"

namespace sextant::storage::relational {
namespace {

#define FORECAST_COLUMNS                                                                                  \
  "f.forecast_key, f.id, f.seal_time, f.seal, f.params, f.tokens, f.batch_size_tokens, f.learning_rate, " \
  "f.loss, f.interval, f.tolerance, f.param_count, f.loss_unit, f.extrapolation_params, "                 \
  "f.extrapolation_tokens, f.rate_kind, f.version"

absl::Status NoForecast(const std::string& study_id, const std::string& forecast_id) {
  return absl::NotFoundError(absl::StrCat("no forecast '", forecast_id, "' in study '", study_id, "'"));
}

absl::Status CheckScores(const std::vector<ForecastScore>& scores) {
  std::set<std::string> seen;
  for (const ForecastScore& score : scores) {
    RETURN_IF_ERROR(CheckText(score.quantity, "a scored quantity"));
    RETURN_IF_ERROR(CheckText(score.run_id, "a scored run"));
    if (!seen.insert(score.quantity).second)
      return absl::InvalidArgumentError(absl::StrCat("'", score.quantity, "' is scored twice"));
  }
  return absl::OkStatus();
}

absl::Status CheckForecast(const Forecast& forecast) {
  if (forecast.id.empty()) return absl::InvalidArgumentError("a forecast needs an id");
  for (const auto& [text, what] :
       {std::pair{&forecast.id, "the forecast id"}, std::pair{&forecast.seal, "the seal"},
        std::pair{&forecast.param_count, "the counting of parameters"},
        std::pair{&forecast.loss_unit, "the unit of the loss"},
        std::pair{&forecast.rate_kind, "the kind of rate"}, std::pair{&forecast.version, "the version"}}) {
    RETURN_IF_ERROR(CheckText(*text, what));
  }
  for (const auto& [name, value] : forecast.at) RETURN_IF_ERROR(CheckText(name, "a variable"));
  std::set<std::string> names;
  for (const ForecastQuantity& quantity : forecast.quantities) {
    RETURN_IF_ERROR(CheckText(quantity.name, "a quantity"));
    if (!names.insert(quantity.name).second)
      return absl::InvalidArgumentError(absl::StrCat("'", quantity.name, "' is forecast twice"));
  }
  for (const ForecastSource& source : forecast.sources) {
    for (const std::string* text :
         {&source.name, &source.law_id, &source.estimator, &source.data_digest, &source.quantity})
      RETURN_IF_ERROR(CheckText(*text, "a source"));
  }
  return CheckScores(forecast.scores);
}

absl::Status InsertScores(Connection& connection, std::int64_t key,
                          const std::vector<ForecastScore>& scores) {
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("INSERT INTO forecast_scores VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
  for (const ForecastScore& score : scores) {
    statement.Next(key).Next(std::string_view(score.quantity)).Next(std::string_view(score.run_id));
    statement.Next(score.actual).Next(score.error).Next(score.excess_loss);
    statement.Next(static_cast<std::int64_t>(score.verdict)).Next(score.score_time);
    RETURN_IF_ERROR(statement.Run());
  }
  return absl::OkStatus();
}

absl::Status InsertForecastParts(Connection& connection, std::int64_t key, const Forecast& forecast) {
  ASSIGN_OR_RETURN(auto input, connection.Prepare("INSERT INTO forecast_inputs VALUES (?, ?, ?)"));
  for (const auto& [name, value] : forecast.at) {
    RETURN_IF_ERROR(input.Next(key).Next(std::string_view(name)).Next(value).Run());
  }
  ASSIGN_OR_RETURN(
      auto quantity,
      connection.Prepare("INSERT INTO forecast_quantities VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  std::int64_t position = 0;
  for (const ForecastQuantity& q : forecast.quantities) {
    quantity.Next(key).Next(position++).Next(std::string_view(q.name)).Next(q.value).Next(q.low).Next(q.high);
    quantity.Next(q.near_optimal_low).Next(q.near_optimal_high);
    RETURN_IF_ERROR(quantity.Next(q.parameter_low).Next(q.parameter_high).Run());
  }
  ASSIGN_OR_RETURN(auto source,
                   connection.Prepare("INSERT INTO forecast_sources VALUES (?, ?, ?, ?, ?, ?, ?)"));
  position = 0;
  for (const ForecastSource& s : forecast.sources) {
    source.Next(key).Next(position++).Next(std::string_view(s.name)).Next(std::string_view(s.law_id));
    source.Next(std::string_view(s.estimator)).Next(std::string_view(s.data_digest));
    RETURN_IF_ERROR(source.Next(std::string_view(s.quantity)).Run());
  }
  return InsertScores(connection, key, forecast.scores);
}

/// Runs `sql` for the forecast and calls `take` on each row.
template <typename Take>
absl::Status EachPart(Connection& connection, const char* sql, std::int64_t key, Take take) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(sql));
  statement.Next(key);
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return absl::OkStatus();
    take(statement);
  }
}

absl::Status ReadForecastParts(Connection& connection, std::int64_t key, Forecast& forecast) {
  RETURN_IF_ERROR(
      EachPart(connection, "SELECT name, value FROM forecast_inputs WHERE forecast_key = ?", key,
               [&](const Statement& row) { forecast.at[std::string(row.Text(0))] = row.Real(1); }));
  RETURN_IF_ERROR(EachPart(connection,
                           "SELECT name, value, low, high, near_optimal_low, near_optimal_high, "
                           "parameter_low, parameter_high FROM forecast_quantities WHERE forecast_key = ? "
                           "ORDER BY position",
                           key, [&](const Statement& row) {
                             forecast.quantities.push_back({std::string(row.Text(0)), row.Real(1),
                                                            row.Real(2), row.Real(3), row.Real(4),
                                                            row.Real(5), row.Real(6), row.Real(7)});
                           }));
  RETURN_IF_ERROR(
      EachPart(connection,
               "SELECT name, law_id, estimator, data_digest, quantity FROM forecast_sources WHERE "
               "forecast_key = ? ORDER BY position",
               key, [&](const Statement& row) {
                 forecast.sources.push_back({std::string(row.Text(0)), std::string(row.Text(1)),
                                             std::string(row.Text(2)), std::string(row.Text(3)),
                                             std::string(row.Text(4))});
               }));
  return EachPart(connection,
                  "SELECT quantity, run_id, actual, error, excess_loss, verdict, score_time FROM "
                  "forecast_scores WHERE forecast_key = ? ORDER BY quantity",
                  key, [&](const Statement& row) {
                    ForecastScore& score = forecast.scores.emplace_back();
                    score.quantity = row.Text(0);
                    score.run_id = row.Text(1);
                    score.actual = row.Real(2);
                    score.error = row.Real(3);
                    score.excess_loss = row.Real(4);
                    score.verdict = static_cast<ForecastScore::Verdict>(row.Int(5));
                    score.score_time = row.Int(6);
                  });
}

absl::StatusOr<Forecast> ReadForecast(Connection& connection, const Statement& row,
                                      const std::string& study_id) {
  Forecast forecast;
  forecast.study_id = study_id;
  forecast.id = row.Text(1);
  forecast.seal_time = row.Int(2);
  forecast.seal = row.Text(3);
  forecast.params = row.Real(4);
  forecast.tokens = row.Real(5);
  forecast.batch_size_tokens = row.Real(6);
  forecast.learning_rate = row.Real(7);
  forecast.loss = row.Real(8);
  forecast.interval = row.Real(9);
  forecast.tolerance = row.Real(10);
  forecast.param_count = row.Text(11);
  forecast.loss_unit = row.Text(12);
  forecast.extrapolation_params = row.Real(13);
  forecast.extrapolation_tokens = row.Real(14);
  forecast.rate_kind = row.Text(15);
  forecast.version = row.Text(16);
  RETURN_IF_ERROR(ReadForecastParts(connection, row.Int(0), forecast));
  return forecast;
}

}  // namespace

absl::Status PutForecast(Connection& connection, const Forecast& forecast) {
  RETURN_IF_ERROR(CheckForecast(forecast));
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, forecast.study_id));
  std::int64_t key = 0;
  {
    ASSIGN_OR_RETURN(
        auto statement,
        connection.Prepare("INSERT INTO forecasts (study_key, id, seal_time, seal, params, tokens, "
                           "batch_size_tokens, learning_rate, loss, interval, tolerance, param_count, "
                           "loss_unit, extrapolation_params, extrapolation_tokens, rate_kind, version) "
                           "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                           "ON CONFLICT DO NOTHING RETURNING forecast_key"));
    statement.Next(study.key).Next(std::string_view(forecast.id)).Next(forecast.seal_time);
    statement.Next(std::string_view(forecast.seal)).Next(forecast.params).Next(forecast.tokens);
    statement.Next(forecast.batch_size_tokens).Next(forecast.learning_rate).Next(forecast.loss);
    statement.Next(forecast.interval).Next(forecast.tolerance).Next(std::string_view(forecast.param_count));
    statement.Next(std::string_view(forecast.loss_unit)).Next(forecast.extrapolation_params);
    statement.Next(forecast.extrapolation_tokens).Next(std::string_view(forecast.rate_kind));
    ASSIGN_OR_RETURN(auto row, statement.Next(std::string_view(forecast.version)).Step());
    if (!row) {
      return absl::AlreadyExistsError(absl::StrCat("study '", forecast.study_id, "' has a forecast '",
                                                   forecast.id, "' already: a forecast is not made again"));
    }
    key = statement.Int(0);
    RETURN_IF_ERROR(statement.Step().status());
  }
  RETURN_IF_ERROR(InsertForecastParts(connection, key, forecast));
  return AddToTotals(connection, study.key, {.forecasts = 1});
}

absl::Status PutForecastScores(Connection& connection, const std::string& study_id,
                               const std::string& forecast_id, const std::vector<ForecastScore>& scores) {
  RETURN_IF_ERROR(CheckScores(scores));
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, study_id));
  std::int64_t key = 0;
  {
    ASSIGN_OR_RETURN(auto find,
                     connection.Prepare("SELECT forecast_key FROM forecasts WHERE study_key = ? AND id = ?"));
    ASSIGN_OR_RETURN(auto row, find.Next(study.key).Next(std::string_view(forecast_id)).Step());
    if (!row) return NoForecast(study_id, forecast_id);
    key = find.Int(0);
  }
  ASSIGN_OR_RETURN(auto forget, connection.Prepare("DELETE FROM forecast_scores WHERE forecast_key = ?"));
  RETURN_IF_ERROR(forget.Next(key).Run());
  return InsertScores(connection, key, scores);
}

absl::Status DeleteForecast(Connection& connection, const std::string& study_id,
                            const std::string& forecast_id) {
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, study_id));
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("DELETE FROM forecasts WHERE study_key = ? AND id = ?"));
  RETURN_IF_ERROR(statement.Next(study.key).Next(std::string_view(forecast_id)).Run());
  if (connection.changes() == 0) return NoForecast(study_id, forecast_id);
  return AddToTotals(connection, study.key, {.forecasts = -1});
}

absl::StatusOr<Forecast> SelectForecast(Connection& connection, const std::string& study_id,
                                        const std::string& forecast_id) {
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, study_id));
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare("SELECT " FORECAST_COLUMNS " FROM forecasts f WHERE f.study_key = ? AND f.id = ?"));
  ASSIGN_OR_RETURN(auto row, statement.Next(study.key).Next(std::string_view(forecast_id)).Step());
  if (!row) return NoForecast(study_id, forecast_id);
  return ReadForecast(connection, statement, study_id);
}

absl::StatusOr<Page<Forecast>> SelectForecasts(Connection& connection, const std::string& study_id,
                                               std::int64_t limit, const std::string& after) {
  RETURN_IF_ERROR(CheckPageLimit(limit));
  ASSIGN_OR_RETURN(auto study, FindStudy(connection, study_id));
  std::int64_t before_time = std::numeric_limits<std::int64_t>::max();
  std::string after_id;
  if (!after.empty()) {
    ASSIGN_OR_RETURN(auto key, DecodePageKey(after));
    const auto* time = std::get_if<std::int64_t>(&key.value);
    if (time == nullptr)
      return absl::InvalidArgumentError("the page key is not one of a listing of forecasts");
    before_time = *time;
    after_id = key.id;
  }
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("SELECT " FORECAST_COLUMNS
                                      " FROM forecasts f WHERE f.study_key = ?1 AND f.seal_time <= ?2 AND "
                                      "(f.seal_time < ?2 OR f.id > ?3) ORDER BY f.seal_time DESC, f.id "
                                      "LIMIT ?4"));
  statement.Next(study.key).Next(before_time).Next(std::string_view(after_id)).Next(limit + 1);
  Page<Forecast> page;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return page;
    if (static_cast<std::int64_t>(page.items.size()) == limit) {
      page.next_key = EncodePageKey({page.items.back().seal_time, page.items.back().id});
      return page;
    }
    ASSIGN_OR_RETURN(auto forecast, ReadForecast(connection, statement, study_id));
    page.items.push_back(std::move(forecast));
  }
}

absl::StatusOr<std::vector<TrackRecord>> SelectTrackRecords(Connection& connection) {
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare("SELECT s.id, o.name, f.interval, count(*), sum(CASE c.verdict WHEN 1 THEN 1 ELSE 0 "
                         "END) FROM forecast_scores c "
                         "JOIN forecasts f USING (forecast_key) JOIN studies s USING (study_key) "
                         "JOIN (SELECT DISTINCT forecast_key, name, quantity FROM forecast_sources) o "
                         "ON o.forecast_key = c.forecast_key AND o.quantity IN ('', c.quantity) "
                         "WHERE c.verdict IN (1, 2) AND f.interval IS NOT NULL "
                         "GROUP BY s.id, o.name, f.interval ORDER BY s.id, o.name, f.interval"));
  std::vector<TrackRecord> records;
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) return records;
    records.push_back({std::string(statement.Text(0)), std::string(statement.Text(1)), statement.Real(2),
                       statement.Int(3), statement.Int(4)});
  }
}

}  // namespace sextant::storage::relational
