// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/forecast.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "fitting/curve/forecast_peers.h"
#include "fitting/curve/normal_quantile.h"
#include "fitting/curve/own_outlook.h"
#include "fitting/curve/peer_process.h"
#include "fitting/curve/recorded_schedule.h"

namespace sextant::fitting {
namespace {

constexpr size_t kLeastPeers = 8;

std::string ShareText(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

// Training loss where it is recorded, otherwise validation loss.
LossColumn LossToForecast(const LossCurve& curve) {
  const auto recorded = [](const std::vector<double>& column) {
    return std::any_of(column.begin(), column.end(), [](double v) { return std::isfinite(v); });
  };
  return !recorded(curve.train_loss) && recorded(curve.validation_loss) ? LossColumn::kValidation
                                                                        : LossColumn::kTrain;
}

CleanCurve CleanForForecast(const LossCurve& curve, const ScheduleSpec& schedule,
                            const std::vector<double>& rate, LossColumn loss) {
  LossCurve with_rate = curve;
  // The label needs the rate: steepening by annealing is not a drop. The schedule knows it where the curve
  // does not.
  if (with_rate.learning_rate.size() != with_rate.step.size()) {
    with_rate.learning_rate.clear();
    for (double step : with_rate.step) {
      const double index = std::clamp(step, 1.0, static_cast<double>(rate.size()));
      with_rate.learning_rate.push_back(std::isfinite(step) ? rate[static_cast<size_t>(index) - 1] : 0);
    }
  }
  CleanOptions options;
  options.loss = loss;
  options.warmup_steps = schedule.warmup_steps;
  return Clean(with_rate, options);
}

// Within the last share of the steps, part of what the end loss is the mean of has been seen.
void MixWithSeen(const CleanCurve& curve, const ScheduleSpec& schedule, double tail_share, double level,
                 Outlook& outlook) {
  const double total = schedule.total_steps, begin = (1 - tail_share) * total;
  const double seen = std::clamp((curve.x.back() - begin) / (total - begin), 0.0, 1.0);
  if (seen == 0) return;
  double sum = 0, count = 0;
  for (size_t i = curve.x.size(); i-- > 0 && curve.x[i] > begin;) {
    sum += curve.loss[i];
    count += 1;
  }
  const double mean = seen * sum / count + (1 - seen) * std::exp(level - outlook.drop);
  outlook = {level - std::log(mean), (1 - seen) * outlook.sd};
}

// The run's schedule as far as it is declared or recorded. Where the decay of kWsd begins is read off the
// run's own rates, or those of its peers; what is left is assumed, and said.
ScheduleSpec ScheduleOf(const RunInFlight& run, std::span<const FinishedRun> finished,
                        std::vector<std::string>& warnings) {
  RecordedSchedule read = ReadSchedule(run.curve, run.schedule, run.shape_known);
  ScheduleSpec schedule = read.schedule;
  warnings = std::move(read.warnings);
  if (schedule.shape != DecayShape::kWsd || read.decay_seen || !(schedule.total_steps >= 1)) return schedule;
  if (const std::optional<double> share = DecayShareOfPeers(finished)) {
    schedule.decay_share = *share;
    schedule = ReadSchedule(run.curve, schedule, true).schedule;  // not before what is seen
    warnings.push_back("the decay of the rate has not begun: it is taken to last " +
                       ShareText(schedule.decay_share) + " of the steps, as in finished runs");
  } else {
    warnings.push_back(
        "the decay of the rate has not begun and no finished run records one: it is taken to last " +
        ShareText(schedule.decay_share) + " of the steps");
  }
  return schedule;
}

absl::Status CheckOptions(const ForecastOptions& options) {
  if (!(options.confidence > 0 && options.confidence < 1))
    return absl::InvalidArgumentError("confidence must lie in (0, 1)");
  if (!(options.min_share >= 0 && options.min_share < 1))
    return absl::InvalidArgumentError("min_share must lie in [0, 1)");
  if (!(options.tail_share > 0 && options.tail_share <= 0.5)) {
    return absl::InvalidArgumentError("tail_share must lie in (0, 0.5]");
  }
  return absl::OkStatus();
}

// From now to the end, about 100 steps: half of the fall follows the sum of rates, half the annealing.
void DrawPath(const std::vector<double>& rate, double now, double level, double drop, RunForecast& forecast) {
  constexpr int kPoints = 100;
  std::vector<double> sum(rate.size());
  double total = 0;
  for (size_t i = 0; i < rate.size(); ++i) sum[i] = total += rate[i];
  const size_t begin = static_cast<size_t>(std::clamp(now, 1.0, static_cast<double>(rate.size()))) - 1;
  const double all = std::log(sum.back() / sum[begin]), anneal = rate[begin] - rate.back();
  for (int k = 1; k <= kPoints; ++k) {
    const size_t i = begin + (rate.size() - 1 - begin) * static_cast<size_t>(k) / kPoints;
    if (!forecast.step.empty() && static_cast<double>(i + 1) <= forecast.step.back()) continue;
    const double by_sum = all > 0 ? std::log(sum[i] / sum[begin]) / all : 1;
    const double by_rate = anneal > 0 ? (rate[begin] - rate[i]) / anneal : by_sum;
    forecast.step.push_back(static_cast<double>(i + 1));
    forecast.expected_loss.push_back(std::exp(level - drop * 0.5 * (by_sum + by_rate)));
  }
}

}  // namespace

absl::StatusOr<RunForecast> ForecastRun(const RunInFlight& run, std::span<const FinishedRun> finished,
                                        const ForecastOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  RunForecast forecast;
  const ScheduleSpec schedule = ScheduleOf(run, finished, forecast.warnings);
  absl::StatusOr<std::vector<double>> rate = MakeSchedule(schedule);
  if (!rate.ok()) return rate.status();
  if (run.curve.step.empty()) {
    forecast.reason = "the curve records no steps";
    return forecast;
  }
  const LossColumn loss = LossToForecast(run.curve);
  if (loss == LossColumn::kValidation) {
    forecast.warnings.push_back("the curve records no training loss: its validation loss is forecast");
  }
  const CleanCurve curve = CleanForForecast(run.curve, schedule, *rate, loss);
  forecast.quality = curve.quality;
  const CurveLabel label = curve.quality.label;
  if (label == CurveLabel::kMalformed || label == CurveLabel::kDiverged) {
    forecast.reason = std::string(CurveLabelName(label)) + ": " + curve.quality.reason;
    return forecast;
  }
  forecast.share_done = curve.x.empty() ? 0 : std::min(1.0, curve.x.back() / schedule.total_steps);
  const double warmup_share = schedule.warmup_steps / schedule.total_steps;
  const double needed = std::max(options.min_share, 2 * warmup_share);
  const auto too_early = [&](std::string why) {
    forecast.state = ForecastState::kTooEarly;
    forecast.reason = std::move(why);
    return forecast;
  };
  if (forecast.share_done < needed) {
    return too_early(ShareText(forecast.share_done) + " of the steps are done; a forecast needs " +
                     ShareText(needed));
  }
  const std::optional<Snapshot> now = Look(curve, schedule, forecast.share_done);
  if (label == CurveLabel::kTooShort || !now) {
    return too_early("too few points after the warm-up: " + std::to_string(curve.x.size()));
  }
  const std::vector<Peer> peers = UsePeers(finished, schedule, loss, forecast.share_done, options.tail_share);
  Outlook outlook = OwnOutlook(MeasureOwnFall(curve, *rate, schedule, *now, options.tail_share));
  if (peers.size() >= kLeastPeers) {
    const std::vector<PeerExample> examples = Nearest(peers, now->features);
    const PeerProcess process(examples);
    const PeerProcess::Prediction predicted = process.Predict(now->features);
    outlook = {predicted.mean, predicted.sd};
    forecast.peers_used = examples.size();
    forecast.reason = "from what " + std::to_string(examples.size()) +
                      " finished runs gained after the same share of their steps";
    if (!process.converged()) forecast.warnings.push_back("the peers' process did not converge");
  } else {
    if (label == CurveLabel::kDropInProgress || label == CurveLabel::kNotYetPowerLaw) {
      return too_early(curve.quality.reason + "; finished runs of the same study would help");
    }
    forecast.reason = "from the run's own curve and schedule: " + std::to_string(peers.size()) +
                      " finished runs with the same schedule are too few to compare with";
  }
  if (label == CurveLabel::kAbruptDrop || label == CurveLabel::kDropInProgress) {
    forecast.warnings.push_back(curve.quality.reason);
  }
  // A loss does not rise on a falling rate; a forecast of that is noise of a finished fall.
  outlook.drop = std::max(outlook.drop, -0.05);
  const double z = NormalQuantile(0.5 * (1 + options.confidence));
  forecast.state = ForecastState::kForecast;
  const Outlook rest = outlook;
  MixWithSeen(curve, schedule, options.tail_share, now->level, outlook);
  outlook.sd = std::max(outlook.sd, curve.quality.noise / 3);
  forecast.end_loss = std::exp(now->level - outlook.drop);
  forecast.low = std::exp(now->level - outlook.drop - z * outlook.sd);
  forecast.high = std::exp(now->level - outlook.drop + z * outlook.sd);
  DrawPath(*rate, curve.x.back(), now->level, rest.drop, forecast);
  return forecast;
}

}  // namespace sextant::fitting
