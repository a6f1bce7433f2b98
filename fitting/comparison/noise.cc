// SPDX-License-Identifier: Apache-2.0
#include "fitting/comparison/noise.h"

#include <cmath>
#include <set>

namespace sextant::fitting::comparison {
namespace {

constexpr double kSlopeDeviation = 0.1;

// One repeated setting as the likelihood sees it.
struct Repeat {
  double offset, sum_squares, degrees;
};

// Maximises the gamma likelihood of the sums of squares in (ln variance, slope of the deviation) by Newton's
// method.
void FitSlope(const std::vector<Repeat>& repeats, NoiseModel& model) {
  double level = 2 * model.log_deviation, slope = 0;
  for (int iteration = 0; iteration < 50; ++iteration) {
    double g0 = 0, g1 = -slope / (kSlopeDeviation * kSlopeDeviation);
    double h00 = 1e-12, h01 = 0, h11 = 1 / (kSlopeDeviation * kSlopeDeviation);
    for (const Repeat& repeat : repeats) {
      const double ratio = repeat.sum_squares * std::exp(-level - 2 * slope * repeat.offset);
      const double gradient = 0.5 * (ratio - repeat.degrees);
      // The expected information: half the degrees of freedom per unit of ln variance.
      const double information = 0.5 * repeat.degrees;
      g0 += gradient;
      g1 += 2 * repeat.offset * gradient;
      h00 += information;
      h01 += 2 * repeat.offset * information;
      h11 += 4 * repeat.offset * repeat.offset * information;
    }
    const double determinant = h00 * h11 - h01 * h01;
    const double step0 = (h11 * g0 - h01 * g1) / determinant, step1 = (h00 * g1 - h01 * g0) / determinant;
    const double length = std::max(1.0, std::fabs(step0));
    level += step0 / length;
    slope += step1 / length;
    if (std::fabs(step0) + std::fabs(step1) < 1e-10) break;
  }
  if (!std::isfinite(level) || !std::isfinite(slope)) return;
  model.log_deviation = level / 2;
  model.slope = slope;
}

}  // namespace

double NoiseModel::DeviationAt(double flops) const {
  return std::exp(log_deviation + slope * std::log(flops / centre_flops));
}

const char* NoiseSourceName(NoiseSource source) {
  switch (source) {
    case NoiseSource::kRepeats:
      return "repeats";
    case NoiseSource::kResiduals:
      return "residuals";
    case NoiseSource::kAssumed:
      break;
  }
  return "assumed";
}

NoiseModel PoolRepeats(std::span<const RepeatGroup> groups) {
  NoiseModel model;
  model.log_deviation = std::log(kAssumedDeviation);
  double sum = 0, degrees = 0, centre = 0;
  std::set<long> scales;
  for (const RepeatGroup& group : groups) {
    if (group.runs < 2) continue;
    const double own = static_cast<double>(group.runs) - 1;
    ++model.groups;
    sum += group.sum_squares;
    degrees += own;
    centre += own * std::log(group.flops);
    scales.insert(std::lround(std::log(group.flops) / std::log(2.0)));
  }
  if (!(degrees > 0) || !(sum > 0)) return model;
  model.source = NoiseSource::kRepeats;
  model.degrees = static_cast<int>(degrees);
  model.log_deviation = 0.5 * std::log(sum / degrees);
  model.centre_flops = std::exp(centre / degrees);
  if (scales.size() < 3) return model;
  std::vector<Repeat> repeats;
  for (const RepeatGroup& group : groups) {
    if (group.runs < 2) continue;
    repeats.push_back(
        {std::log(group.flops / model.centre_flops), group.sum_squares, static_cast<double>(group.runs) - 1});
  }
  FitSlope(repeats, model);
  return model;
}

}  // namespace sextant::fitting::comparison
