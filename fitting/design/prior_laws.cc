// SPDX-License-Identifier: Apache-2.0
#include "fitting/design/prior_laws.h"

#include <algorithm>
#include <cmath>

#include "base/quantile.h"

namespace sextant::fitting::design {
namespace {

/// Exponents along constant D/N and in D at fixed N of the joint optimum, and how they spread over published
/// laws and recorded sweeps: as in fitting/optimum/population.cc.
struct Exponents {
  double path, path_deviation, tokens, tokens_deviation;
};
constexpr Exponents kRate = {-0.35, 0.14, 0.25, 0.15};
constexpr Exponents kBatch = {0.55, 0.13, 0.57, 0.15};
/// Optima of recipes that differ in schedule, warm-up and data at one N and D: published rates spread by
/// about this much even where few laws are at hand, and batches by more.
constexpr double kLeastRateSpread = 0.4, kLeastBatchSpread = 0.4;
constexpr double kRateAlone = -6.2, kBatchAlone = 13;  ///< ln of 2e-3 and 442K: where no law is given
constexpr double kAloneSpread = 1.2;

double MedianOf(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

void SetQuantity(const std::vector<LogPlane>& planes, const Exponents& exponents, double least_spread,
                 double alone, Eigen::Index at, Prior& prior) {
  std::vector<double> levels;
  levels.reserve(planes.size());
  for (const LogPlane& plane : planes) levels.push_back(plane.level);
  double level = alone, spread = kAloneSpread;
  if (!levels.empty()) {
    level = MedianOf(levels);
    std::vector<double> off;
    for (const double value : levels) off.push_back(std::fabs(value - level));
    // The median absolute deviation of a normal is 0.6745 of its standard deviation.
    spread = std::max(least_spread, MedianOf(off) / 0.6745);
    if (levels.size() == 1) spread = std::max(spread, 2 * least_spread);
  }
  prior.mean[at] = level;
  prior.mean[at + 1] = exponents.path - exponents.tokens;
  prior.mean[at + 2] = exponents.tokens;
  const double path = exponents.path_deviation * exponents.path_deviation;
  const double tokens = exponents.tokens_deviation * exponents.tokens_deviation;
  prior.covariance(at, at) = spread * spread;
  prior.covariance(at + 1, at + 1) = path + tokens;
  prior.covariance(at + 2, at + 2) = tokens;
  prior.covariance(at + 1, at + 2) = prior.covariance(at + 2, at + 1) = -tokens;
}

}  // namespace

Prior ConsensusOf(std::span<const PriorLaw> laws) {
  Prior prior;
  prior.covariance.setZero();
  std::vector<LogPlane> rates, batches;
  for (const PriorLaw& law : laws) {
    if (law.rate) rates.push_back(*law.rate);
    if (law.batch) batches.push_back(*law.batch);
  }
  SetQuantity(rates, kRate, kLeastRateSpread, kRateAlone, 0, prior);
  SetQuantity(batches, kBatch, kLeastBatchSpread, kBatchAlone, 3, prior);
  return prior;
}

}  // namespace sextant::fitting::design
