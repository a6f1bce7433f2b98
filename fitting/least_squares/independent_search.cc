// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/independent_search.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/progress.h"
#include "base/random.h"

namespace sextant::fitting::solve {
namespace {

constexpr std::size_t kRound = 16;  // proposals of a round
constexpr int kMostRounds = 24;
constexpr int kQuietRounds = 3;        // without a better optimum, to end
constexpr std::size_t kPool = 24;      // minima that steps are taken between
constexpr double kLeastSpread = 0.05;  // of a coordinate, relative to its size (or 1)
constexpr double kDifference = 0.8;    // of two minima, added to a third

double Slack(double value) { return kSameKinkedOptimum * std::max(std::abs(value), 1e-300); }

// The lowest minima that differ in value, best first.
void Shrink(std::vector<Polished>& pool) {
  std::erase_if(pool, [](const Polished& p) { return !std::isfinite(p.value) || p.walked.empty(); });
  std::stable_sort(pool.begin(), pool.end(),
                   [](const Polished& a, const Polished& b) { return a.value < b.value; });
  const auto same = [](const Polished& a, const Polished& b) { return b.value - a.value <= Slack(a.value); };
  pool.erase(std::unique(pool.begin(), pool.end(), same), pool.end());
  if (pool.size() > kPool) pool.resize(kPool);
}

std::vector<double> Spread(const std::vector<Polished>& pool) {
  const std::size_t k = pool[0].walked.size();
  std::vector<double> spread(k);
  for (std::size_t i = 0; i < k; ++i) {
    double sum = 0;
    for (const Polished& p : pool) sum += std::pow(p.walked[i] - pool[0].walked[i], 2);
    const double least = kLeastSpread * std::max(1.0, std::abs(pool[0].walked[i]));
    spread[i] = std::max(least, std::sqrt(sum / static_cast<double>(pool.size())));
  }
  return spread;
}

std::vector<double> Propose(const std::vector<Polished>& pool, const std::vector<double>& spread,
                            const ParameterMap& map, std::uint64_t seed, std::uint64_t stream) {
  RandomStream random(seed, 0x30000 + stream);
  std::vector<double> walked = pool[0].walked;
  const auto any = [&]() -> const std::vector<double>& { return pool[random.Index(pool.size())].walked; };
  switch (stream % 4) {
    case 0:
    case 1: {
      const double step = stream % 4 == 0 ? 0.25 : 1;
      for (std::size_t i = 0; i < walked.size(); ++i) walked[i] += step * spread[i] * random.Normal();
      break;
    }
    case 2: {
      const std::vector<double>&from = any(), &to = any();
      for (std::size_t i = 0; i < walked.size(); ++i) {
        walked[i] += kDifference * (to[i] - from[i]) + 0.1 * spread[i] * random.Normal();
      }
      break;
    }
    default: {
      const std::vector<double>& other = any();
      for (std::size_t i = 0; i < walked.size(); ++i) {
        if (random.Uniform() < 0.5) walked[i] = other[i];
        walked[i] += 0.1 * spread[i] * random.Normal();
      }
    }
  }
  map.Clamp(walked);
  return walked;
}

}  // namespace

int IndependentSearch::AtOptimum(double best) const {
  return static_cast<int>(
      std::count_if(values.begin(), values.end(), [&](double v) { return v <= best + Slack(best); }));
}

void ImproveBySimplex(Polisher& polisher, Polished& best) {
  const std::size_t k = best.walked.size();
  const ParameterMap& map = polisher.evaluator().map();
  // Twice: a simplex that has collapsed onto a kink is spread again.
  for (int restart = 0; restart < 2; ++restart) {
    std::vector<std::pair<double, std::vector<double>>> simplex = {{best.value, best.walked}};
    for (std::size_t i = 0; i < k; ++i) {
      std::vector<double> corner = best.walked;
      corner[i] += (i % 2 == 0 ? 1 : -1) * 0.02 * std::max(1.0, std::abs(corner[i]));
      map.Clamp(corner);
      simplex.emplace_back(polisher.Value(corner), std::move(corner));
    }
    const auto sort = [&] {
      std::stable_sort(simplex.begin(), simplex.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
    };
    sort();
    for (std::size_t step = 0; step < 150 * (k + 1); ++step) {
      if (simplex.back().first - simplex.front().first <= 1e-12 * std::abs(simplex.front().first)) break;
      std::vector<double> centre(k, 0.0);
      for (std::size_t c = 0; c < k; ++c) {
        for (std::size_t i = 0; i < k; ++i) centre[i] += simplex[c].second[i] / static_cast<double>(k);
      }
      const auto along = [&](double by) {
        std::vector<double> point(k);
        for (std::size_t i = 0; i < k; ++i)
          point[i] = centre[i] + by * (simplex.back().second[i] - centre[i]);
        map.Clamp(point);
        const double value = polisher.Value(point);
        return std::pair(value, std::move(point));
      };
      auto reflected = along(-1);
      if (reflected.first < simplex.front().first) {
        auto further = along(-2);
        simplex.back() = further.first < reflected.first ? std::move(further) : std::move(reflected);
      } else if (reflected.first < simplex[k - 1].first) {
        simplex.back() = std::move(reflected);
      } else {
        auto nearer = along(reflected.first < simplex.back().first ? -0.5 : 0.5);
        if (nearer.first < std::min(reflected.first, simplex.back().first)) {
          simplex.back() = std::move(nearer);
        } else {
          for (std::size_t c = 1; c <= k; ++c) {
            for (std::size_t i = 0; i < k; ++i)
              simplex[c].second[i] = 0.5 * (simplex[c].second[i] + simplex[0].second[i]);
            simplex[c].first = polisher.Value(simplex[c].second);
          }
        }
      }
      sort();
    }
    if (!(simplex.front().first < best.value)) break;
    best.walked = simplex.front().second;
    best.value = polisher.Value(best.walked, &best.scale);
  }
}

absl::Status SearchIndependently(const Evaluator& evaluator, const Objective& objective, bool kinked,
                                 std::uint64_t seed, const StopCheck& stop, Search& search,
                                 IndependentSearch& found) {
  std::vector<Polished> pool = search.polished;
  pool.push_back(search.best);
  Shrink(pool);
  if (pool.empty()) return absl::OkStatus();
  const ProgressPhase phase("search", kMostRounds);
  for (int round = 0, quiet = 0; round < kMostRounds && quiet < kQuietRounds; ++round) {
    phase.Add();
    const std::vector<double> spread = Spread(pool);
    std::vector<Polished> proposals(kRound);
    std::atomic<bool> stopped{false};
    tbb::parallel_for(std::size_t{0}, kRound, [&](std::size_t i) {
      if (stopped.load(std::memory_order_relaxed) || !stop().ok()) {
        stopped = true;
        return;
      }
      const std::unique_ptr<Evaluator> own = evaluator.Clone();
      Polisher polisher(*own, objective);
      proposals[i] = polisher.PolishWidened(
          Propose(pool, spread, own->map(), seed, static_cast<std::uint64_t>(round) * kRound + i), kWidening);
      if (!std::isfinite(proposals[i].value) || !kinked) return;
      // Newton may have stopped at a kink.
      if (proposals[i].value < 2 * std::abs(pool[0].value)) {
        ImproveBySimplex(polisher, proposals[i]);
        Polished again = polisher.Polish(proposals[i].walked);
        if (again.value < proposals[i].value) proposals[i] = std::move(again);
      }
    });
    if (stopped) return stop();
    const double best = pool[0].value;
    for (Polished& proposal : proposals) {
      found.values.push_back(proposal.value);
      pool.push_back(std::move(proposal));
    }
    Shrink(pool);
    quiet = pool[0].value < best - Slack(best) ? 0 : quiet + 1;
  }
  if (pool[0].value < search.best.value) search.best = pool[0];
  return absl::OkStatus();
}

}  // namespace sextant::fitting::solve
