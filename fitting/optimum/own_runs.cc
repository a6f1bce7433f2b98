// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/own_runs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/str_format.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/surface_parameters.h"

namespace sextant::fitting::optimum {
namespace {

/// Where both axes are swept `band` was the worse answer in the benchmark's studies down to large
/// differences: it stands in for gross failures alone.
constexpr double kLeastOnPlane = 0.02;
constexpr double kLeastOnLine = 0.001;
constexpr double kLeastShare = 5;

double Least(Axes axes) { return axes.rate && axes.batch ? kLeastOnPlane : kLeastOnLine; }
/// Runs this much farther than the nearest, in natural logarithms, count as near, too: the same level.
constexpr double kSameLevel = 0.01;

}  // namespace

std::vector<double> NearestRunExcess(const std::vector<Cell>& cells, Axes axes, const OptimumFit& fit) {
  const std::optional<SurfaceReader> surface = SurfaceReader::Make(fit);
  const int target = fit.target == OptimumTarget::kLearningRate ? 0 : 1;
  std::vector<double> excess;
  for (const Cell& cell : cells) {
    Eigen::Vector2d at = Eigen::Vector2d::Constant(std::numeric_limits<double>::quiet_NaN());
    if (surface && axes.rate && axes.batch) {
      at = surface->Centre(fit.estimates.data(), cell.log_params, cell.log_tokens);
    }
    at[target] = EvaluateLogLaw(fit.variables, fit.estimates.data(), cell.log_params, cell.log_tokens);
    const auto distance = [&](const CellRun& run) {
      const Eigen::Vector2d place(run.log_rate, run.log_batch);
      const double along = std::abs(place[target] - at[target]);
      const double across = std::isfinite(at[1 - target]) ? std::abs(place[1 - target] - at[1 - target]) : 0;
      return std::hypot(along, across);
    };
    double nearest = std::numeric_limits<double>::infinity();
    for (const CellRun& run : cell.runs) {
      nearest = std::min(nearest, distance(run));
    }
    double best = std::numeric_limits<double>::infinity();
    for (const CellRun& run : cell.runs) {
      best = distance(run) <= nearest + kSameLevel ? std::min(best, run.loss) : best;
    }
    excess.push_back(std::min(1.0, best / cell.best_loss() - 1));
  }
  return excess;
}

bool MayContradict(const std::vector<Cell>& cells, Axes axes, const OptimumFit& fit) {
  double mean = 0;
  for (const double excess : NearestRunExcess(cells, axes, fit)) {
    mean += excess / static_cast<double>(cells.size());
  }
  return mean > Least(axes);
}

std::string Contradiction(const std::vector<Cell>& cells, Axes axes, const OptimumFit& fit,
                          const OptimumFit& simpler) {
  const std::vector<double> own = NearestRunExcess(cells, axes, fit);
  const std::vector<double> other = NearestRunExcess(cells, axes, simpler);
  const double count = static_cast<double>(own.size());
  double sum = 0, squares = 0, own_mean = 0, other_mean = 0;
  for (std::size_t c = 0; c < own.size(); ++c) {
    const double difference = own[c] - other[c];
    sum += difference, squares += difference * difference;
    own_mean += own[c] / count, other_mean += other[c] / count;
  }
  const double mean = sum / count;
  const double error = std::sqrt(std::max(0.0, squares / count - mean * mean) / std::max(1.0, count - 1));
  if (!(mean > std::max({Least(axes), kLeastShare * other_mean, 2 * error}))) {
    return "";
  }
  return absl::StrFormat(
      "the law of '%s' contradicts the runs beside it: those nearest to it cost %.2f %% of loss above the "
      "best of "
      "their cells, along '%s' %.2f %%",
      fit.estimator, 100 * own_mean, simpler.estimator, 100 * other_mean);
}

}  // namespace sextant::fitting::optimum
