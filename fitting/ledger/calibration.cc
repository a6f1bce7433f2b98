// SPDX-License-Identifier: Apache-2.0
#include "fitting/ledger/calibration.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/quantile.h"

namespace sextant::fitting::ledger {
namespace {

constexpr double kNormal95 = 1.6448536269514722;  // the 0.95 quantile: 90 % between it and its negative
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

double Mean(double sum, std::int64_t count) {
  return count > 0 ? sum / static_cast<double>(count) : kNothing;
}

}  // namespace

double BinomialTail(std::int64_t hits, std::int64_t n, double p) {
  if (hits < 0) return 0;
  if (hits >= n) return 1;
  if (p <= 0) return 1;
  if (p >= 1) return 0;
  const double count = static_cast<double>(n);
  double sum = 0;
  for (std::int64_t k = 0; k <= hits; ++k) {
    const double x = static_cast<double>(k);
    sum += std::exp(std::lgamma(count + 1) - std::lgamma(x + 1) - std::lgamma(count - x + 1) +
                    x * std::log(p) + (count - x) * std::log1p(-p));
  }
  return std::min(sum, 1.0);
}

bool IntervalsFail(std::int64_t hits, std::int64_t n, double p) {
  return n > 0 && BinomialTail(hits, n, p) <= kFailureLevel;
}

ShareInterval WilsonInterval(std::int64_t hits, std::int64_t n) {
  if (n <= 0) return {};
  const double count = static_cast<double>(n), share = static_cast<double>(hits) / count;
  const double z2 = kNormal95 * kNormal95, scale = 1 + z2 / count;
  const double middle = share + z2 / (2 * count);
  const double half = kNormal95 * std::sqrt(share * (1 - share) / count + z2 / (4 * count * count));
  // Exact at the ends, where rounding would fall short of them.
  return {hits == 0 ? 0 : (middle - half) / scale, hits == n ? 1 : (middle + half) / scale};
}

Calibration Calibrate(std::span<const ScoredNumber> numbers) {
  Calibration all;
  std::vector<double> widths;
  double nominal = 0, bias = 0, absolute = 0, excess = 0;
  std::int64_t with_excess = 0;
  for (const ScoredNumber& number : numbers) {
    ++all.scored;
    bias += number.error;
    absolute += std::fabs(number.error);
    if (!std::isnan(number.excess_loss)) {
      excess += number.excess_loss;
      ++with_excess;
    }
    if (!number.has_interval) continue;
    ++all.intervals;
    all.covered += number.inside ? 1 : 0;
    nominal += number.interval;
    if (std::isfinite(number.width)) widths.push_back(number.width);
  }
  all.nominal = Mean(nominal, all.intervals);
  all.coverage = Mean(static_cast<double>(all.covered), all.intervals);
  const ShareInterval share = WilsonInterval(all.covered, all.intervals);
  all.coverage_low = share.low;
  all.coverage_high = share.high;
  all.mean_bias = Mean(bias, all.scored);
  all.mean_absolute_error = Mean(absolute, all.scored);
  all.median_width = Quantile(std::move(widths), 0.5);
  all.mean_excess_loss = Mean(excess, with_excess);
  // Of different coverages the mean: the sum of unlike trials spreads less than a binomial of their mean.
  all.fails = all.intervals > 0 && IntervalsFail(all.covered, all.intervals, all.nominal);
  return all;
}

}  // namespace sextant::fitting::ledger
