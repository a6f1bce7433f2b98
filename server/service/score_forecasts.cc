// SPDX-License-Identifier: Apache-2.0
#include "server/service/score_forecasts.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "base/status_macros.h"
#include "fitting/ledger/calibration.h"
#include "fitting/ledger/score.h"
#include "server/convert/forecast.h"
#include "server/convert/study.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/filter.h"
#include "server/ledger_runs.h"
#include "server/limits.h"
#include "server/names.h"
#include "storage/forecast_seal.h"

namespace sextant::server {
namespace {

namespace ledger = fitting::ledger;
using storage::ForecastScore;

constexpr double kDefaultRecipeTolerance = 0.02;  // as the proto says
constexpr double kMaxRecipeTolerance = 1;
constexpr std::int64_t kForecastsAtATime = 500;
constexpr std::size_t kMaxGroups = 500;
/// What a forecast compares as N, D and the batch, or what follows from those and the loss.
const std::set<std::string> kOwnVariables = {"N", "D", "B", "L", "S", "C"};

/// What a scored number belongs to, by kind.
using GroupKey = std::pair<std::string, std::string>;

struct Scoring {
  storage::Study study;
  std::vector<LedgerRun> runs;
  double tolerance = kDefaultRecipeTolerance;
  std::optional<std::string> only_run;
  bool forced = false;  ///< the run that was named tells of the forecasts that were named
  storage::Micros now = 0;
  std::vector<ledger::ScoredNumber> all;
  std::map<GroupKey, std::vector<ledger::ScoredNumber>> groups;
};

ledger::Stated StatedOf(const storage::Forecast& forecast, const char* name) {
  const storage::ForecastQuantity* q = FindQuantity(forecast, name);
  if (q == nullptr) return {};
  return {q->value, q->low, q->high, q->near_optimal_low, q->near_optimal_high};
}

/// A setting that the run was to have.
ledger::Stated Fixed(double value, double tolerance) {
  return {value, ledger::kNotStated, ledger::kNotStated, value / (1 + tolerance), value * (1 + tolerance)};
}

ledger::ScoredForecast ScoredOf(const storage::Forecast& forecast, double tolerance) {
  ledger::ScoredForecast scored;
  scored.learning_rate = StatedOf(forecast, "learning_rate");
  scored.batch_size_tokens = StatedOf(forecast, "batch_size_tokens");
  scored.loss = StatedOf(forecast, "loss");
  if (!std::isnan(forecast.batch_size_tokens)) {
    scored.batch_size_tokens = Fixed(forecast.batch_size_tokens, tolerance);
    scored.fixed_batch = true;
  }
  return scored;
}

/// The loss of a forecast at a given rate is read there; its rate, if any, is still that of the best.
ledger::ScoredForecast AtFixedRate(const storage::Forecast& forecast, ledger::ScoredForecast scored,
                                   double tolerance) {
  scored.learning_rate = Fixed(forecast.learning_rate, tolerance);
  scored.fixed_rate = true;
  return scored;
}

ledger::ForecastOutcome Score(const storage::Forecast& forecast, std::span<const ledger::Trial> trials,
                              double tolerance) {
  ledger::ScoredForecast scored = ScoredOf(forecast, tolerance);
  if (std::isnan(forecast.learning_rate)) return ledger::ScoreForecast(scored, trials);
  ledger::ScoredForecast of_loss = AtFixedRate(forecast, scored, tolerance);
  of_loss.fixed_batch = true;
  ledger::ForecastOutcome outcome = ledger::ScoreForecast(of_loss, trials);
  scored.loss = {};
  ledger::ForecastOutcome of_settings = ledger::ScoreForecast(scored, trials);
  outcome.outcomes.insert(outcome.outcomes.end(), of_settings.outcomes.begin(), of_settings.outcomes.end());
  outcome.unscored.insert(outcome.unscored.end(), of_settings.unscored.begin(), of_settings.unscored.end());
  return outcome;
}

const char* ExtrapolationGroup(const storage::Forecast& forecast) {
  const double reach = std::fmax(forecast.extrapolation_params, forecast.extrapolation_tokens);
  if (std::isnan(reach)) return "not known";
  if (reach <= 1) return "inside";
  if (reach <= 3) return "up to 3x";
  if (reach <= 10) return "3x to 10x";
  if (reach <= 100) return "10x to 100x";
  return "beyond 100x";
}

void CountScore(const storage::Forecast& forecast, const ForecastScore& score, Scoring& scoring) {
  const storage::ForecastQuantity* q = FindQuantity(forecast, score.quantity);
  ledger::ScoredNumber number;
  number.interval = forecast.interval;
  number.has_interval = score.verdict != ForecastScore::Verdict::kNoInterval;
  number.inside = score.verdict == ForecastScore::Verdict::kInside;
  number.error = score.error;
  number.excess_loss = score.excess_loss;
  if (q != nullptr) number.width = (q->high - q->low) / q->value;
  scoring.all.push_back(number);
  scoring.groups[{"quantity", score.quantity}].push_back(number);
  scoring.groups[{"extrapolation", ExtrapolationGroup(forecast)}].push_back(number);
  std::set<GroupKey> keys;
  for (const storage::ForecastSource& source : forecast.sources) {
    if (!source.quantity.empty() && source.quantity != score.quantity) continue;
    keys.insert({"estimator", source.estimator.empty() ? source.law_id : source.estimator});
    keys.insert({"source", source.name});
  }
  for (const GroupKey& key : keys) scoring.groups[key].push_back(number);
}

void GroupToProto(const ledger::Calibration& c, v1::CalibrationGroup& message) {
  using Group = v1::CalibrationGroup;
  const auto set = [&message](double value, void (Group::*setter)(double)) {
    if (!std::isnan(value)) (message.*setter)(value);
  };
  message.set_scored(static_cast<std::int32_t>(c.scored));
  message.set_intervals(static_cast<std::int32_t>(c.intervals));
  message.set_covered(static_cast<std::int32_t>(c.covered));
  set(c.nominal, &Group::set_nominal);
  if (c.intervals > 0) {
    message.mutable_coverage()->set_value(c.coverage);
    message.mutable_coverage()->set_low(c.coverage_low);
    message.mutable_coverage()->set_high(c.coverage_high);
  }
  set(c.mean_bias, &Group::set_mean_bias);
  set(c.mean_absolute_error, &Group::set_mean_absolute_error);
  set(c.median_width, &Group::set_median_width);
  set(c.mean_excess_loss, &Group::set_mean_excess_loss);
  message.set_fails(c.fails);
}

/// The runs that tell of the forecast; those at its target that do not are named in the report.
std::vector<ledger::Trial> TrialsOf(const storage::Forecast& forecast, const Scoring& scoring,
                                    v1::ForecastReport& report) {
  std::vector<ledger::Trial> trials;
  const auto take = [&](const LedgerRun& run) {
    if (const std::string why = WhyUncounted(forecast, run); !why.empty()) {
      if (report.not_counted_size() < static_cast<int>(kMaxUncountedRuns)) {
        v1::UncountedRun& uncounted = *report.add_not_counted();
        uncounted.set_run(RunName(scoring.study.id, run.id));
        uncounted.set_reason(why);
      }
      return;
    }
    if (run.create_time < forecast.seal_time && report.warnings_size() < 1) {
      report.add_warnings(absl::StrCat("run ", run.id, " was under way when the forecast was sealed"));
    }
    trials.push_back({run.id, run.learning_rate, run.batch_size_tokens, run.loss});
  };
  if (scoring.forced) {
    const LedgerRun& run = scoring.runs.front();
    if (const std::string other = RecipeDifference(forecast, run, scoring.study, scoring.tolerance);
        !other.empty()) {
      report.add_warnings(absl::StrCat("run ", run.id, " was named, but is another: ", other));
    }
    take(run);
    return trials;
  }
  if (!(forecast.params > 0) || !(forecast.tokens > 0)) return trials;
  for (const LedgerRun& run : NearIn(scoring.runs, forecast.params, scoring.tolerance)) {
    if (RecipeDifference(forecast, run, scoring.study, scoring.tolerance).empty()) take(run);
  }
  return trials;
}

/// Why the forecast cannot be scored at all; "" where it can.
std::string WhyNotScored(const storage::Forecast& forecast, const storage::Study& study) {
  if (!storage::SealHolds(forecast)) return "its seal does not hold: it was changed after it was sealed";
  if (forecast.param_count != ParamCountText(study.param_count))
    return "the study counts parameters in another way now";
  if (forecast.loss_unit != LossUnitText(study.loss_unit))
    return "the study has another unit of the loss now";
  return "";
}

bool SameScores(const std::vector<ForecastScore>& a, const std::vector<ForecastScore>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const ForecastScore& x, const ForecastScore& y) {
        const bool excess =
            x.excess_loss == y.excess_loss || (std::isnan(x.excess_loss) && std::isnan(y.excess_loss));
        return x.quantity == y.quantity && x.run_id == y.run_id && x.actual == y.actual &&
               x.error == y.error && x.verdict == y.verdict && excess;
      });
}

/// A scoring by some of the runs leaves what other runs told.
void AddUntold(const std::vector<ForecastScore>& stored, std::vector<ForecastScore>& scores) {
  for (const ForecastScore& old : stored) {
    const bool told = std::any_of(scores.begin(), scores.end(),
                                  [&](const ForecastScore& score) { return score.quantity == old.quantity; });
    if (!told) scores.push_back(old);
  }
  std::sort(scores.begin(), scores.end(),
            [](const ForecastScore& a, const ForecastScore& b) { return a.quantity < b.quantity; });
}

/// The scores of one forecast, and its report.
std::vector<ForecastScore> ScoreOne(const storage::Forecast& forecast, Scoring& scoring,
                                    v1::ForecastReport& report) {
  report.set_name(ForecastName(forecast.study_id, forecast.id));
  SetTime(forecast.seal_time, *report.mutable_seal_time());
  if (!std::isnan(forecast.extrapolation_params))
    report.mutable_extrapolation()->set_params(forecast.extrapolation_params);
  if (!std::isnan(forecast.extrapolation_tokens))
    report.mutable_extrapolation()->set_tokens(forecast.extrapolation_tokens);
  std::vector<ForecastScore> scores;
  const auto unscored = [&report](const std::string& quantity, const std::string& reason) {
    v1::UnscoredQuantity& out = *report.add_unscored();
    out.set_quantity(quantity);
    out.set_reason(reason);
  };
  if (const std::string why = WhyNotScored(forecast, scoring.study); !why.empty()) {
    unscored("", why);
    return scores;
  }
  for (const auto& [name, value] : forecast.at) {
    if (!kOwnVariables.contains(name) && storage::FindDeclared(scoring.study.declared, name) < 0)
      report.add_warnings(absl::StrCat("the study does not record ", name, ": it is not compared"));
  }
  const std::vector<ledger::Trial> trials = TrialsOf(forecast, scoring, report);
  report.set_runs(static_cast<int>(trials.size()));
  if (trials.empty()) {
    unscored("", "no finished run at its target yet");
    return scores;
  }
  const ledger::ForecastOutcome outcome = Score(forecast, trials, scoring.tolerance);
  std::map<std::string, std::string> notes;
  for (const ledger::Outcome& one : outcome.outcomes) {
    ForecastScore& score = scores.emplace_back();
    score.quantity = one.quantity;
    score.run_id = one.run;
    score.actual = one.actual;
    score.error = one.error;
    score.excess_loss = one.excess_loss;
    score.verdict = static_cast<ForecastScore::Verdict>(one.verdict);
    score.score_time = scoring.now;
    notes[one.quantity] = one.note;
  }
  std::sort(scores.begin(), scores.end(),
            [](const ForecastScore& a, const ForecastScore& b) { return a.quantity < b.quantity; });
  for (const ForecastScore& score : scores) {
    v1::QuantityScore& out = *report.add_scores();
    ScoreToProto(score, forecast.study_id, out);
    out.set_note(notes[score.quantity]);
    CountScore(forecast, score, scoring);
  }
  for (const ledger::Unscored& one : outcome.unscored) unscored(one.quantity, one.reason);
  for (const storage::ForecastQuantity& quantity : forecast.quantities) {
    if (quantity.name != "learning_rate" && quantity.name != "batch_size_tokens" && quantity.name != "loss")
      unscored(quantity.name, "no run tells of it");
  }
  return scores;
}

absl::StatusOr<Scoring> ReadRequest(storage::Snapshot& snapshot, const v1::ScoreForecastsRequest& request,
                                    const std::string& study_id) {
  Scoring scoring;
  scoring.now = Now();
  auto study = snapshot.GetStudy(study_id);
  if (!study.ok()) return Annotate(study.status(), "study", request.parent());
  scoring.study = *std::move(study);
  if (request.has_recipe_tolerance()) scoring.tolerance = request.recipe_tolerance();
  if (!(scoring.tolerance >= 0 && scoring.tolerance <= kMaxRecipeTolerance))
    return InvalidField("recipe_tolerance", "a share from 0 to 1 is needed, such as 0.02");
  ASSIGN_OR_RETURN(auto where, ParseRunFilter(request.filter(), "filter", scoring.study.declared));
  if (request.run().empty()) {
    ASSIGN_OR_RETURN(scoring.runs, LoadLedgerRuns(snapshot, scoring.study, where));
    return scoring;
  }
  const auto run = ParseRunName(request.run());
  if (!run || run->study != study_id)
    return InvalidField("run", absl::StrCat("not of the form ", request.parent(), "/runs/RUN"));
  if (!request.filter().empty()) return InvalidField("filter", "a run is named already");
  auto stored = snapshot.GetRun(study_id, run->id);
  if (!stored.ok()) return Annotate(stored.status(), "run", request.run());
  scoring.runs.push_back(AsLedgerRun(*stored, scoring.study));
  const LedgerRun& named = scoring.runs.back();
  if (named.state != fitting::RunState::kFinished || !(named.loss > 0) || !std::isfinite(named.loss)) {
    return UnmetPrecondition("RUN_NOT_FINISHED", request.run(),
                             absl::StrCat(request.run(), " has not finished, or has no loss"));
  }
  scoring.only_run = run->id;
  scoring.forced = request.forecasts_size() > 0;
  return scoring;
}

/// Calls `take` for every forecast of the request, newest first.
template <typename Take>
absl::Status EachForecast(storage::Snapshot& snapshot, const v1::ScoreForecastsRequest& request,
                          const std::string& study, Take take) {
  if (request.forecasts_size() > 0) {
    std::set<std::string> seen;
    for (const std::string& name : request.forecasts()) {
      const auto parsed = ParseForecastName(name);
      if (!parsed || parsed->study != study) {
        return InvalidField("forecasts",
                            absl::StrCat("not of the form ", request.parent(), "/forecasts/FORECAST"));
      }
      if (!seen.insert(parsed->id).second) continue;
      auto forecast = snapshot.GetForecast(study, parsed->id);
      if (!forecast.ok()) return Annotate(forecast.status(), "forecast", name);
      RETURN_IF_ERROR(take(*forecast));
    }
    return absl::OkStatus();
  }
  std::string after;
  do {
    ASSIGN_OR_RETURN(auto page, snapshot.ListForecasts(study, kForecastsAtATime, after));
    for (const storage::Forecast& forecast : page.items) RETURN_IF_ERROR(take(forecast));
    after = page.next_key;
  } while (!after.empty());
  return absl::OkStatus();
}

void Summarise(const Scoring& scoring, v1::ScoreForecastsResponse& response) {
  const ledger::Calibration total = ledger::Calibrate(scoring.all);
  GroupToProto(total, *response.mutable_total());
  response.set_scored(response.total().intervals());
  response.set_covered(response.total().covered());
  if (total.intervals > 0) response.set_nominal(total.nominal);
  if (total.scored > 0) response.set_mean_bias(total.mean_bias);
  for (const auto& [key, numbers] : scoring.groups) {
    if (response.groups_size() == static_cast<int>(kMaxGroups)) break;
    v1::CalibrationGroup& group = *response.add_groups();
    GroupToProto(ledger::Calibrate(numbers), group);
    group.set_by(key.first);
    group.set_value(key.second);
    if (group.fails() && key.first == "source") {
      response.add_warnings(absl::StrCat(key.second, " fails: of ", group.intervals(), " intervals ",
                                         group.covered(), " held"));
    }
  }
}

}  // namespace

absl::StatusOr<NewScores> ScoreForecasts(const Core& core, const grpc::CallbackServerContext& context,
                                         const v1::ScoreForecastsRequest& request,
                                         v1::ScoreForecastsResponse& response) {
  const auto study = ParseStudyName(request.parent());
  if (!study) return InvalidField("parent", "not of the form studies/STUDY");
  if (request.forecasts_size() > kMaxForecastsNamed)
    return InvalidField("forecasts", absl::StrCat("at most ", kMaxForecastsNamed));
  ASSIGN_OR_RETURN(const auto snapshot, core.Read());
  ASSIGN_OR_RETURN(auto scoring, ReadRequest(*snapshot, request, *study));
  NewScores changed{*study, scoring.study.uid, {}};
  const auto score = [&](const storage::Forecast& forecast) {
    v1::ForecastReport report;
    std::vector<ForecastScore> scores = ScoreOne(forecast, scoring, report);
    // Forecasts that the named run is not about are none of this scoring's business.
    if (report.runs() == 0 && scoring.only_run && !scoring.forced && report.not_counted_size() == 0)
      return CheckCancelled(context);
    if (report.runs() == 0) response.set_waiting(response.waiting() + 1);
    if (!request.run().empty() || !request.filter().empty()) AddUntold(forecast.scores, scores);
    if (!SameScores(scores, forecast.scores)) changed.forecasts.emplace_back(forecast.id, std::move(scores));
    if (response.forecasts_size() < kMaxForecastReports) {
      *response.add_forecasts() = std::move(report);
    } else {
      response.set_forecasts_left_out(response.forecasts_left_out() + 1);
    }
    return CheckCancelled(context);
  };
  RETURN_IF_ERROR(EachForecast(*snapshot, request, *study, score));
  Summarise(scoring, response);
  return changed;
}

}  // namespace sextant::server
