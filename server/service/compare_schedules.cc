// SPDX-License-Identifier: Apache-2.0
#include "server/service/compare_schedules.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "server/convert/prediction.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"
#include "server/predict_sources.h"
#include "server/schedule_rates.h"

namespace sextant::server {
namespace {

// Shares of a final decay that are tried before the best is narrowed down.
constexpr double kFirstShares[] = {0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
constexpr int kNarrowings = 8;

absl::StatusOr<std::shared_ptr<const fitting::Predictor>> SourceOf(Core& core, const std::string& name) {
  std::vector<PredictorGroup> groups;
  const auto fits = core.fits.Load();
  const auto laws = core.laws->Load();
  if (ParseFitName(name)) {
    RETURN_IF_ERROR(AddFitGroup(*fits, *laws, name, groups));
  } else {
    Names none, named;
    const auto id = ParseLawName(name);
    *named.Add() = id ? *id : name;
    ASSIGN_OR_RETURN(groups, ChooseSources(none, none, named, *fits, *laws));
  }
  const auto& source = groups.front().front();
  if (source->law()->needs_schedule()) return source;
  return UnmetPrecondition(
      "NO_SCHEDULE", name,
      absl::StrCat(name, " is of law ", source->law()->spec().id,
                   ", which does not sum over learning rates: fit mpl or tissue to the study's curves"));
}

class Comparer {
 public:
  Comparer(std::shared_ptr<const fitting::Predictor> source, double interval,
           v1::CompareSchedulesResponse& response)
      : source_(std::move(source)), interval_(interval), response_(response) {}

  absl::StatusOr<fitting::Quantity> LossOf(const v1::LearningRateSchedule& schedule,
                                           const std::string& field) {
    ASSIGN_OR_RETURN(auto rates, RatesOf(schedule, field));
    fitting::PredictionTarget target;
    target.interval = interval_;
    target.learning_rates = std::make_shared<const std::vector<double>>(std::move(rates));
    fitting::Prediction prediction;
    source_->Predict(target, prediction);
    if (!prediction.withheld.empty()) {
      return UnmetPrecondition("ANSWER_WITHHELD", field,
                               absl::StrCat(field, ": ", prediction.withheld.front().reason));
    }
    for (const std::string& warning : prediction.warnings) warnings_.insert({warning, field});
    return prediction.quantities.at(fitting::Target::kLoss);
  }

  absl::Status Add(const v1::LearningRateSchedule& schedule, const std::string& field, bool found) {
    ASSIGN_OR_RETURN(const fitting::Quantity loss, LossOf(schedule, field));
    v1::ScheduleOutcome& outcome = *response_.add_outcomes();
    *outcome.mutable_schedule() = schedule;
    QuantityToProto(loss, *outcome.mutable_loss());
    outcome.set_found(found);
    return absl::OkStatus();
  }

  /// The share of a final linear decay with the least loss.
  absl::Status AddBestDecay(v1::LearningRateSchedule schedule) {
    schedule.set_shape("wsd");
    schedule.clear_stages();
    std::map<double, double> tried;  // share, loss
    const auto loss_at = [&](double share) -> absl::Status {
      schedule.set_decay_share(share);
      ASSIGN_OR_RETURN(const fitting::Quantity loss, LossOf(schedule, "best_decay"));
      tried[share] = loss.value;
      return absl::OkStatus();
    };
    for (const double share : kFirstShares) {
      RETURN_IF_ERROR(loss_at(share));
    }
    const auto best = [&] {
      return std::min_element(tried.begin(), tried.end(),
                              [](const auto& a, const auto& b) { return a.second < b.second; });
    };
    for (int round = 0; round < kNarrowings; ++round) {
      const auto at = best();
      std::vector<double> between;
      if (at != tried.begin()) between.push_back((std::prev(at)->first + at->first) / 2);
      if (std::next(at) != tried.end()) between.push_back((std::next(at)->first + at->first) / 2);
      for (const double share : between) {
        RETURN_IF_ERROR(loss_at(share));
      }
    }
    schedule.set_decay_share(best()->first);
    return Add(schedule, "best_decay", true);
  }

  void Finish() {
    std::map<std::int64_t, std::vector<v1::ScheduleOutcome*>> by_steps;
    for (v1::ScheduleOutcome& outcome : *response_.mutable_outcomes())
      by_steps[outcome.schedule().steps()].push_back(&outcome);
    for (auto& [steps, outcomes] : by_steps) {
      std::stable_sort(outcomes.begin(), outcomes.end(),
                       [](const auto* a, const auto* b) { return a->loss().value() < b->loss().value(); });
      for (std::size_t i = 0; i < outcomes.size(); ++i) outcomes[i]->set_rank(static_cast<int>(i) + 1);
    }
    if (by_steps.size() > 1) response_.add_warnings("schedules of different lengths are ranked apart");
    for (const auto& [warning, field] : warnings_) response_.add_warnings(warning);
  }

 private:
  std::shared_ptr<const fitting::Predictor> source_;
  double interval_;
  v1::CompareSchedulesResponse& response_;
  std::map<std::string, std::string> warnings_;
};

}  // namespace

absl::Status CompareSchedules(Core& core, const v1::CompareSchedulesRequest& request,
                              v1::CompareSchedulesResponse& response) {
  if (request.schedules_size() == 0 || request.schedules_size() > kMaxComparedSchedules) {
    return InvalidField("schedules", absl::StrCat("1 to ", kMaxComparedSchedules, " are compared"));
  }
  const double interval = request.has_interval() ? request.interval() : 0.9;
  if (!(interval > 0 && interval < 1)) return InvalidField("interval", "between 0 and 1, such as 0.9");
  std::int64_t steps = 0;
  for (const v1::LearningRateSchedule& schedule : request.schedules()) {
    if (schedule.steps() < 0 || schedule.steps() > kMaxEvaluatedSteps) break;
    steps += schedule.steps();
  }
  if (steps > kMaxEvaluatedSteps) {
    return InvalidField("schedules",
                        absl::StrCat("have ", steps, " steps together; at most ", kMaxEvaluatedSteps));
  }
  ASSIGN_OR_RETURN(auto source, SourceOf(core, request.source()));
  Comparer comparer(std::move(source), interval, response);
  std::map<std::int64_t, v1::LearningRateSchedule> highest;
  for (int i = 0; i < request.schedules_size(); ++i) {
    const v1::LearningRateSchedule& schedule = request.schedules(i);
    RETURN_IF_ERROR(comparer.Add(schedule, absl::StrCat("schedules[", i, "]"), false));
    const auto [at, is_new] = highest.try_emplace(schedule.steps(), schedule);
    if (!is_new && schedule.peak_learning_rate() > at->second.peak_learning_rate()) at->second = schedule;
  }
  if (request.best_decay()) {
    for (const auto& [length, schedule] : highest) {
      RETURN_IF_ERROR(comparer.AddBestDecay(schedule));
    }
  }
  comparer.Finish();
  return absl::OkStatus();
}

}  // namespace sextant::server
