#include "fitting/curve/forecast.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>

#include "absl/status/status.h"
#include "fitting/curve/form_average.h"
#include "fitting/curve/local_regression.h"
#include "fitting/curve/normal_quantile.h"
#include "fitting/curve/peer_process.h"

namespace sextant::fitting {
namespace {

constexpr size_t kLeastPeers = 8;
constexpr size_t kMostPeers = 160;  // the nearest are taken: cost grows with the cube
constexpr size_t kMostPoints = 60;  // of a curve's own fit
// What annealing the rate from its peak to zero takes off ln loss beyond the power law in the sum of rates,
// and how much that differs between runs: measured on the shipped runs data/calibration/h100-bytes-t128 (see
// docs/curves.md).
constexpr double kAnnealGain = 0.12, kAnnealGainSd = 0.08;
// The error of a curve's own power law per unit of ln S1 extrapolated, from the same runs.
constexpr double kOwnLawSd = 0.05;

std::string Percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

struct Snapshot {
  double level = 0;  // ln loss at the end of what is seen
  PeerFeatures features{};
};

// What a curve looks like after `share` of its steps: its level and slope now, its slope before, its rate and
// length.
std::optional<Snapshot> Look(const CleanCurve& curve, const ScheduleSpec& schedule, double share) {
  const double end = std::log(share * schedule.total_steps);
  std::vector<double> u, v;
  for (size_t i = 0; i < curve.x.size() && std::log(curve.x[i]) <= end + 1e-9; ++i) {
    u.push_back(std::log(curve.x[i]));
    v.push_back(std::log(curve.loss[i]));
  }
  if (u.size() < 8 || u.back() < end - 0.1) return std::nullopt;
  const std::vector<double> ones(u.size(), 1.0);
  const LocalRegression lines(u, v, ones);
  const auto between = [&](double from, double to) {
    const auto first = static_cast<size_t>(std::lower_bound(u.begin(), u.end(), end + from) - u.begin());
    const auto last = static_cast<size_t>(std::upper_bound(u.begin(), u.end(), end + to + 1e-9) - u.begin());
    return std::pair(first, last);
  };
  auto [first, last] = between(-0.35, 0);
  if (last - first < 4) first = last - 4;
  const LocalRegression::Line now = lines.Through(first, last, end);
  auto [earlier, until] = between(-0.9, -0.35);
  if (until < 4) return std::nullopt;
  if (until - std::min(earlier, until) < 4) earlier = until - 4;
  const LocalRegression::Line before = lines.Through(earlier, until, end - 0.35);
  return Snapshot{now.value,
                  {now.value, now.slope, before.slope, std::log(schedule.peak_learning_rate),
                   std::log(schedule.total_steps)}};
}

// ln of the mean loss over the last `tail_share` of the run; nothing when the curve does not reach the end.
std::optional<double> EndLoss(const CleanCurve& curve, const ScheduleSpec& schedule, double tail_share) {
  if (curve.x.empty() || curve.x.back() < 0.98 * schedule.total_steps) return std::nullopt;
  double sum = 0, count = 0;
  for (size_t i = 0; i < curve.x.size(); ++i) {
    if (curve.x[i] <= (1 - tail_share) * schedule.total_steps) continue;
    sum += curve.loss[i];
    count += 1;
  }
  if (count == 0) return std::nullopt;
  return std::log(sum / count);
}

CleanCurve CleanForForecast(const LossCurve& curve, const ScheduleSpec& schedule,
                            const std::vector<double>& rate) {
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
  options.warmup_steps = schedule.warmup_steps;
  return Clean(with_rate, options);
}

struct Outlook {
  double drop = 0, sd = 0;  // of ln loss, from the level now to the end
};

// The run's own law: forms averaged over the sum of learning rates, less the gain of the annealing to come.
Outlook OwnOutlook(const CleanCurve& curve, const std::vector<double>& rate, const ScheduleSpec& schedule,
                   double level, double tail_share) {
  std::vector<double> sum(rate.size());
  double total = 0;
  for (size_t i = 0; i < rate.size(); ++i) sum[i] = total += rate[i];
  const auto at = [&](double step) {
    return std::log(sum[static_cast<size_t>(std::clamp(step, 1.0, static_cast<double>(sum.size()))) - 1]);
  };
  const double now = curve.x.back();
  LogCurve log_curve;
  // Warm-up leaves its mark for about as long again.
  const double from = std::max(2 * schedule.warmup_steps, 0.1 * now);
  const double first = at(std::max(from, curve.x.front())), last = at(now);
  const double width = (last - first) / kMostPoints;
  for (size_t i = 0; i < curve.x.size();) {
    if (curve.x[i] < from) {
      ++i;
      continue;
    }
    const double begin = at(curve.x[i]);
    double u = 0, v = 0, count = 0;
    for (; i < curve.x.size() && at(curve.x[i]) <= begin + width; ++i) {
      u += at(curve.x[i]);
      v += std::log(curve.loss[i]);
      count += 1;
    }
    log_curve.u.push_back(u / count - last);
    log_curve.v.push_back(v / count - level);
    log_curve.weight.push_back(std::min(count, 4.0));
  }
  log_curve.noise = curve.quality.noise;
  const double end_step = (1 - 0.5 * tail_share) * schedule.total_steps, reach = at(end_step) - last;
  Outlook outlook;
  if (log_curve.u.size() >= 4) outlook.drop = -FormAverage(log_curve).Predict(reach);
  const double peak = schedule.peak_learning_rate;
  const auto rate_at = [&](double step) {
    return rate[static_cast<size_t>(std::clamp(step, 1.0, static_cast<double>(rate.size()))) - 1];
  };
  const double annealed = std::max(0.0, rate_at(now) - rate_at(end_step)) / peak;
  outlook.drop += kAnnealGain * annealed;
  outlook.sd = std::hypot(kAnnealGainSd * annealed, kOwnLawSd * reach);
  return outlook;
}

struct Peer {
  CleanCurve curve;
  PeerExample example;
  double level = 0, end = 0;
};

std::vector<Peer> UsePeers(std::span<const FinishedRun> runs, const ScheduleSpec& schedule, double share,
                           double tail_share) {
  std::vector<Peer> peers;
  std::map<std::pair<double, double>, int> groups;
  const double warmup_share = schedule.warmup_steps / schedule.total_steps;
  const double floor = schedule.final_learning_rate / schedule.peak_learning_rate;
  for (const FinishedRun& run : runs) {
    const ScheduleSpec& s = run.schedule;
    if (s.shape != schedule.shape || !(s.total_steps >= 1) || !(s.peak_learning_rate > 0)) continue;
    if (std::fabs(s.warmup_steps / s.total_steps - warmup_share) > 0.05) continue;
    if (std::fabs(s.final_learning_rate / s.peak_learning_rate - floor) > 0.05) continue;
    CleanOptions options;
    options.warmup_steps = s.warmup_steps;
    Peer peer;
    peer.curve = Clean(run.curve, options);
    const std::optional<Snapshot> then = Look(peer.curve, s, share);
    const std::optional<double> end = EndLoss(peer.curve, s, tail_share);
    if (!then || !end) continue;
    peer.level = then->level;
    peer.end = *end;
    peer.example.features = then->features;
    peer.example.target = then->level - *end;
    // Runs of one size and one horizon share their luck: they count as one group.
    const double horizon = std::round(std::log(s.total_steps * std::max(run.batch_size_tokens, 1.0)) / 0.05);
    peer.example.group =
        groups.emplace(std::pair(run.params, horizon), static_cast<int>(groups.size())).first->second;
    peers.push_back(std::move(peer));
  }
  return peers;
}

std::vector<PeerExample> Nearest(const std::vector<Peer>& peers, const PeerFeatures& to) {
  PeerFeatures scale{};
  for (const Peer& p : peers) {
    for (int k = 0; k < kPeerFeatures; ++k) scale[k] += std::pow(p.example.features[k] - to[k], 2);
  }
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < peers.size(); ++i) {
    double distance = 0;
    for (int k = 0; k < kPeerFeatures; ++k) {
      distance += std::pow(peers[i].example.features[k] - to[k], 2) / std::max(scale[k], 1e-12);
    }
    order.emplace_back(distance, i);
  }
  std::sort(order.begin(), order.end());
  std::vector<PeerExample> nearest;
  for (size_t i = 0; i < std::min(order.size(), kMostPeers); ++i)
    nearest.push_back(peers[order[i].second].example);
  return nearest;
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
  absl::StatusOr<std::vector<double>> rate = MakeSchedule(run.schedule);
  if (!rate.ok()) return rate.status();
  RunForecast forecast;
  if (run.curve.step.empty()) {
    forecast.reason = "the curve records no steps";
    return forecast;
  }
  const CleanCurve curve = CleanForForecast(run.curve, run.schedule, *rate);
  forecast.quality = curve.quality;
  const CurveLabel label = curve.quality.label;
  if (label == CurveLabel::kMalformed || label == CurveLabel::kDiverged) {
    forecast.reason = std::string(CurveLabelName(label)) + ": " + curve.quality.reason;
    return forecast;
  }
  forecast.share_done = curve.x.empty() ? 0 : std::min(1.0, curve.x.back() / run.schedule.total_steps);
  const double warmup_share = run.schedule.warmup_steps / run.schedule.total_steps;
  const double needed = std::max(options.min_share, 2 * warmup_share);
  const auto too_early = [&](std::string why) {
    forecast.state = ForecastState::kTooEarly;
    forecast.reason = std::move(why);
    return forecast;
  };
  if (forecast.share_done < needed) {
    return too_early(Percent(forecast.share_done) + " of the steps are done; a forecast needs " +
                     Percent(needed));
  }
  const std::optional<Snapshot> now = Look(curve, run.schedule, forecast.share_done);
  if (label == CurveLabel::kTooShort || !now) {
    return too_early("too few points after the warm-up: " + std::to_string(curve.x.size()));
  }
  const std::vector<Peer> peers = UsePeers(finished, run.schedule, forecast.share_done, options.tail_share);
  Outlook outlook = OwnOutlook(curve, *rate, run.schedule, now->level, options.tail_share);
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
  outlook.sd = std::max(outlook.sd, curve.quality.noise / 3);
  const double z = NormalQuantile(0.5 * (1 + options.confidence));
  forecast.state = ForecastState::kForecast;
  forecast.end_loss = std::exp(now->level - outlook.drop);
  forecast.low = std::exp(now->level - outlook.drop - z * outlook.sd);
  forecast.high = std::exp(now->level - outlook.drop + z * outlook.sd);
  DrawPath(*rate, curve.x.back(), now->level, outlook.drop, forecast);
  return forecast;
}

}  // namespace sextant::fitting
