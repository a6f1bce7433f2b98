// SPDX-License-Identifier: Apache-2.0
// Many scored forecasts: how often stated intervals held, and whether they failed more often than they say.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace sextant::fitting::ledger {

/// One scored quantity of one forecast.
struct ScoredNumber {
  double interval = 0.9;  ///< the coverage that was stated
  bool has_interval = false, inside = false;
  double error = 0;                                               ///< ln(actual / forecast)
  double width = std::numeric_limits<double>::quiet_NaN();        ///< (high - low) / value
  double excess_loss = std::numeric_limits<double>::quiet_NaN();  ///< where one is known
};

/// Of a group of them. NaN where nothing tells.
struct Calibration {
  std::int64_t scored = 0;                                   ///< numbers
  std::int64_t intervals = 0;                                ///< of them with an interval
  std::int64_t covered = 0;                                  ///< of those that held
  double nominal = 0;                                        ///< mean of the stated coverages
  double coverage = 0, coverage_low = 0, coverage_high = 0;  ///< with its 90 % interval
  double mean_bias = 0;                                      ///< mean error
  double mean_absolute_error = 0;
  double median_width = 0;
  double mean_excess_loss = 0;
  bool fails = false;
};

/// A source fails where so few intervals would hold with this probability or less if they were right.
inline constexpr double kFailureLevel = 0.05;

/// P(X <= hits) for X ~ Binomial(n, p), exactly; 1 for hits >= n.
double BinomialTail(std::int64_t hits, std::int64_t n, double p);

/// Whether `hits` of `n` intervals of nominal coverage `p` are significantly few: BinomialTail <=
/// kFailureLevel.
bool IntervalsFail(std::int64_t hits, std::int64_t n, double p);

/// The interval of a share, hits of n, by Wilson 1927 (J. Am. Stat. Assoc. 22, 209), at 90 %.
struct ShareInterval {
  double low = 0, high = 1;
};
ShareInterval WilsonInterval(std::int64_t hits, std::int64_t n);

Calibration Calibrate(std::span<const ScoredNumber> numbers);

}  // namespace sextant::fitting::ledger
