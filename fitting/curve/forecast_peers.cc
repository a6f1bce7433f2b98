// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/forecast_peers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/give_up.h"
#include "base/quantile.h"
#include "fitting/curve/local_regression.h"
#include "fitting/curve/recorded_schedule.h"

namespace sextant::fitting {
namespace {

constexpr size_t kMostPeers = 160;

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

}  // namespace

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

std::optional<double> DecayShareOfPeers(std::span<const FinishedRun> runs) {
  std::vector<double> shares;
  for (const FinishedRun& run : runs) {
    if (run.schedule.shape != DecayShape::kWsd) continue;
    const RecordedSchedule read = ReadSchedule(run.curve, run.schedule, true);
    if (read.decay_seen) shares.push_back(read.schedule.decay_share);
  }
  if (shares.empty()) return std::nullopt;
  return Quantile(std::move(shares), 0.5);
}

std::vector<Peer> UsePeers(std::span<const FinishedRun> runs, const ScheduleSpec& schedule, LossColumn loss,
                           double share, double tail_share) {
  std::vector<Peer> peers;
  std::map<std::pair<double, double>, int> groups;
  const double warmup_share = schedule.warmup_steps / schedule.total_steps;
  const double floor = schedule.final_learning_rate / schedule.peak_learning_rate;
  for (const FinishedRun& run : runs) {
    CheckGivenUp();
    const ScheduleSpec s = ReadSchedule(run.curve, run.schedule, true).schedule;
    if (s.shape != schedule.shape || !(s.total_steps >= 1) || !(s.peak_learning_rate > 0)) continue;
    if (std::fabs(s.warmup_steps / s.total_steps - warmup_share) > 0.05) continue;
    if (std::fabs(s.final_learning_rate / s.peak_learning_rate - floor) > 0.05) continue;
    if (s.shape == DecayShape::kWsd && std::fabs(s.decay_share - schedule.decay_share) > 0.05) continue;
    CleanOptions options;
    options.loss = loss;
    options.warmup_steps = s.warmup_steps;
    Peer peer;
    const CleanCurve curve = Clean(run.curve, options);
    const std::optional<Snapshot> then = Look(curve, s, share);
    const std::optional<double> end = EndLoss(curve, s, tail_share);
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

}  // namespace sextant::fitting
