// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/starts.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/progress.h"
#include "base/random.h"

namespace sextant::fitting::solve {
namespace {

constexpr double kSameOptimum = 1e-8;
constexpr std::size_t kFirstStarts = 16;  // the rest are polished only where these disagree

// Values of one nonlinear coordinate, in walked coordinates.
std::vector<double> Axis(const ParameterSpec& parameter, const ParameterMap::Free& free, const LawData& data,
                         std::size_t wanted, bool thresholds) {
  std::vector<double> values;
  for (const double start : parameter.starts) {
    const double walked = free.log ? std::log(start) : start;
    if (walked >= free.low && walked <= free.high) values.push_back(walked);
  }
  if (!values.empty()) return values;
  // A range given by the law or the user is meant; the widest one that a logarithm can hold is not.
  const bool bounded =
      std::isfinite(free.low) && std::isfinite(free.high) && !(free.log && free.high - free.low > 100);
  if (bounded) {
    for (std::size_t j = 0; j < wanted; ++j) {
      const double share = (static_cast<double>(j) + 0.5) / static_cast<double>(wanted);
      // Ranges of exponents start at 0 and end far above usual values: closer together near 0.
      values.push_back(free.low + (free.high - free.low) * (free.low == 0 ? share * share : share));
    }
    return values;
  }
  // As large as a variable somewhere in the data.
  std::vector<double> sizes;
  for (const std::vector<double>& column : data.columns) {
    std::vector<double> sorted(column);
    std::sort(sorted.begin(), sorted.end());
    for (const double quantile : {0.1, 0.5, 0.9}) {
      const double value =
          sorted[static_cast<std::size_t>(quantile * static_cast<double>(sorted.size() - 1))];
      if (value > 0) sizes.push_back(value);
    }
  }
  if (free.log) {
    values = {std::log(0.1), 0.0, std::log(10.0)};  // a scale of unknown size
    for (const double size : sizes) values.push_back(std::log(size));
  } else {
    values = {0.05, 0.15, 0.3, 0.45, 0.6, 0.8, 1.1, 1.7};
    if (free.low < 0) values.insert(values.end(), {-0.1, -0.3, -0.6, -1.1});
    for (const double size : sizes) {
      if (thresholds) values.insert(values.end(), {size, std::log(size)});
    }
  }
  std::erase_if(values, [&](double value) { return value < free.low || value > free.high; });
  if (values.empty()) values.push_back(std::isfinite(free.low) ? free.low + 1 : free.high - 1);
  return values;
}

struct Candidate {
  std::vector<double> walked;
  double value;
};

}  // namespace

StopCheck MakeStopCheck(absl::Time deadline, const std::atomic<bool>* cancel) {
  return [deadline, cancel]() -> absl::Status {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) {
      return absl::CancelledError("the fit was cancelled");
    }
    if (deadline != absl::InfiniteFuture() && absl::Now() > deadline) {
      return absl::DeadlineExceededError("the fit's deadline passed before it was done");
    }
    return absl::OkStatus();
  };
}

std::vector<std::vector<double>> MakeStarts(Evaluator& evaluator, const LawSpec& spec, const LawData& data,
                                            const Objective& objective, const AffineStructure& structure,
                                            const StartOptions& options) {
  const ParameterMap& map = evaluator.map();
  const std::size_t k = map.free_count();
  AffineSolver affine(structure, data);
  Polisher scorer(evaluator, objective);
  std::vector<Candidate> candidates;
  const auto add = [&](std::vector<double> walked) {
    map.Clamp(walked);
    const double value = scorer.Value(walked);
    if (std::isfinite(value)) candidates.push_back({std::move(walked), value});
  };

  std::vector<std::vector<double>> axes(k);
  const std::size_t wanted = structure.nonlinear.size() <= 2 ? 8 : 5;
  std::size_t grid = 1;
  for (const std::size_t i : structure.nonlinear) {
    const ParameterMap::Free& free = map.free()[i];
    axes[i] = Axis(spec.parameters[free.index], free, data, wanted, options.thresholds);
    grid = grid > options.largest_grid ? grid : grid * axes[i].size();
  }
  // Affine parameters begin anywhere inside their bounds: they are solved next.
  std::vector<double> base(k);
  for (const std::size_t i : structure.linear) {
    const ParameterMap::Free& free = map.free()[i];
    const std::vector<double>& starts = spec.parameters[free.index].starts;
    base[i] = starts.empty() ? 0.0 : (free.log ? std::log(starts.front()) : starts.front());
  }
  map.Clamp(base);

  for (const std::vector<double>& given : options.given) {
    add(given);
    std::vector<double> solved = given;
    if (!structure.linear.empty() && affine.Solve(evaluator, solved)) add(std::move(solved));
  }
  const bool full = grid <= options.largest_grid;
  const std::size_t points =
      structure.log_linear ? 1 : (full ? grid : std::min<std::size_t>(1024, options.largest_grid));
  for (std::size_t point = 0; point < points; ++point) {
    std::vector<double> walked = base;
    RandomStream random(options.seed, point);
    std::size_t rest = point;
    for (const std::size_t i : structure.nonlinear) {
      const std::size_t size = axes[i].size();
      walked[i] = axes[i][full ? rest % size : random.Index(size)];
      rest /= size;
    }
    if (affine.Solve(evaluator, walked)) add(std::move(walked));
  }
  // Between the grid's points, spread as far as its ends: only where nothing is known about the parameters'
  // scale.
  if (structure.linear.empty() && !structure.log_linear) {
    for (int draw = 0; draw < options.random; ++draw) {
      std::vector<double> walked = base;
      RandomStream random(options.seed, 0x10000 + static_cast<std::uint64_t>(draw));
      for (const std::size_t i : structure.nonlinear) {
        const auto [low, high] = std::minmax_element(axes[i].begin(), axes[i].end());
        walked[i] = *low + (*high - *low) * random.Uniform();
      }
      add(std::move(walked));
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.value < b.value; });
  const std::size_t keep = structure.log_linear ? 1 : static_cast<std::size_t>(std::max(1, options.polished));
  std::vector<std::vector<double>> starts;
  for (Candidate& candidate : candidates) {
    if (starts.size() == keep) break;
    starts.push_back(std::move(candidate.walked));
  }
  return starts;
}

void CountAtOptimum(double tolerance, Search& search) {
  // A likelihood may be negative or 0: relative to its size, but never finer than rounding.
  const double slack = tolerance * std::max(std::abs(search.best.value), 1e-300);
  search.at_optimum = 0;
  for (const Polished& polished : search.polished)
    search.at_optimum += polished.value <= search.best.value + slack;
}

absl::Status PolishStarts(const Evaluator& evaluator, const Objective& objective,
                          const std::vector<std::vector<double>>& starts, bool all, const StopCheck& stop,
                          Search& search) {
  std::vector<Polished> polished(starts.size());
  const ProgressPhase phase("starts", static_cast<std::int64_t>(starts.size()));
  std::atomic<bool> stopped{false};
  const auto polish = [&](std::size_t begin, std::size_t end) {
    tbb::parallel_for(tbb::blocked_range<std::size_t>(begin, end, 4), [&](const auto& range) {
      const std::unique_ptr<Evaluator> own = evaluator.Clone();
      Polisher polisher(*own, objective);
      for (std::size_t i = range.begin(); i < range.end(); ++i) {
        if (stopped.load(std::memory_order_relaxed) || !stop().ok()) {
          stopped = true;
          return;
        }
        polished[i] = polisher.PolishWidened(starts[i], kWidening);
        phase.Add();
      }
    });
    search = Search();
    search.best.value = std::numeric_limits<double>::infinity();
    search.starts = static_cast<int>(end);
    for (std::size_t i = 0; i < end; ++i) {
      if (polished[i].value < search.best.value) search.best = polished[i];
    }
    search.polished.assign(polished.begin(), polished.begin() + static_cast<std::ptrdiff_t>(end));
    CountAtOptimum(kSameOptimum, search);
  };
  const std::size_t first = all ? starts.size() : std::min(kFirstStarts, starts.size());
  polish(0, first);
  if (!stopped && 4 * search.at_optimum < 3 * search.starts) polish(first, starts.size());
  return stopped ? stop() : absl::OkStatus();
}

}  // namespace sextant::fitting::solve
