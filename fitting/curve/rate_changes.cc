// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/rate_changes.h"

#include <algorithm>
#include <cmath>

namespace sextant::fitting {
namespace {

constexpr double kMergedWithin = 1.5;    // of `since`
constexpr double kMergedLogRates = 0.4;  // ln 1.5

}  // namespace

void RateChanges::Direction::Add(size_t at, double drop, double rate, double before) {
  const double weight = std::fabs(drop);
  step.push_back(at);
  sum_before.push_back(before);
  log_rate.push_back(std::log(rate));
  drops.push_back(drops.back() + drop);
  log_rates.push_back(log_rates.back() + weight * log_rate.back());
  sums.push_back(sums.back() + weight * before);
}

RateChanges::RateChanges(std::span<const double> learning_rate) {
  sum_.reserve(learning_rate.size());
  double total = 0;
  for (size_t i = 0; i < learning_rate.size(); ++i) {
    const double rate = learning_rate[i], drop = i == 0 ? 0 : learning_rate[i - 1] - rate;
    if (drop != 0 && rate > 0) (drop > 0 ? falls_ : rises_).Add(i, drop, rate, total);
    total += rate;
    sum_.push_back(total);
  }
}

void RateChanges::Append(const Direction& changes, size_t step, std::vector<MergedChange>& merged) const {
  const double sum = sum_[step];
  const auto& before = changes.sum_before;
  auto end = static_cast<size_t>(std::upper_bound(changes.step.begin(), changes.step.end(), step) -
                                 changes.step.begin());
  while (end > 0) {
    const double nearest = sum - before[end - 1];
    const auto last = before.begin() + static_cast<std::ptrdiff_t>(end) - 1;
    auto begin = static_cast<size_t>(std::lower_bound(before.begin(), last, sum - kMergedWithin * nearest) -
                                     before.begin());
    // Early in a warm-up rates differ by much over little of the sum.
    while (begin + 1 < end &&
           std::fabs(changes.log_rate[begin] - changes.log_rate[end - 1]) > kMergedLogRates)
      begin = (begin + end) / 2;
    MergedChange one;
    one.drop = changes.drops[end] - changes.drops[begin];
    const double weight = std::fabs(one.drop);
    if (begin + 1 == end || !(weight > 0)) {
      one.since = nearest;
      one.log_rate = changes.log_rates[end] - changes.log_rates[begin];
      if (weight > 0) one.log_rate /= weight;
    } else {
      one.since = std::max(nearest, sum - (changes.sums[end] - changes.sums[begin]) / weight);
      one.log_rate = (changes.log_rates[end] - changes.log_rates[begin]) / weight;
    }
    if (weight > 0 && one.since > 0) merged.push_back(one);
    end = begin;
  }
}

std::vector<MergedChange> RateChanges::Before(size_t step) const {
  std::vector<MergedChange> merged;
  Append(falls_, step, merged);
  Append(rises_, step, merged);
  return merged;
}

}  // namespace sextant::fitting
