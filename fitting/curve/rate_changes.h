// SPDX-License-Identifier: Apache-2.0
// The falls and rises of a schedule, merged for laws that sum over them. Immutable after construction,
// thread-safe.
#ifndef SEXTANT_FITTING_CURVE_RATE_CHANGES_H_
#define SEXTANT_FITTING_CURVE_RATE_CHANGES_H_

#include <cstddef>
#include <span>
#include <vector>

namespace sextant::fitting {

// Changes that lie close together as seen from one step, as one.
struct MergedChange {
  double drop = 0;      // sum of old rate less new rate; below 0 for a rise
  double log_rate = 0;  // mean ln of the new rate, weighted by the drops
  double since = 0;     // mean sum of the rates from the change to the step asked for, both included
};

class RateChanges {
 public:
  explicit RateChanges(std::span<const double> learning_rate);

  // Sum of the rates of steps 0 to `step`.
  double Sum(size_t step) const { return sum_[step]; }

  // The changes up to `step` (0-based, below the schedule's length), nearest first. Those whose `since` and
  // rates lie within a factor of 1.5 are one: a term of the multi-power law is smooth in ln since, so that
  // its sum moves by less than 1e-5 of the loss, while a change by itself stays exactly where it is and a
  // schedule of a million steps has about 50 of them. Changes to rate 0 gain nothing and are left out.
  std::vector<MergedChange> Before(size_t step) const;

 private:
  // Of one direction, by rising step; the sums are running ones over the entries before.
  struct Direction {
    std::vector<size_t> step;
    std::vector<double> sum_before;  // of the rates before the change
    std::vector<double> log_rate;    // ln of the new rate
    std::vector<double> drops{0}, log_rates{0}, sums{0};
    void Add(size_t at, double drop, double rate, double before);
  };
  void Append(const Direction& changes, size_t step, std::vector<MergedChange>& merged) const;

  std::vector<double> sum_;
  Direction falls_, rises_;
};

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_RATE_CHANGES_H_
