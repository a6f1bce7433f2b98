// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/form_spread.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/random.h"

namespace sextant::fitting::optimum {
namespace {

/// Scales in natural logarithms, one set for rates and batches: the largest that leaving one recorded sweep
/// of optimum_generalization_bench out gives, since a new study may differ from these as they do from each
/// other; the first two by a Student-t likelihood of the misses of `average`, the others by the interval
/// score
/// (--choose). Synthetic sweeps, whose laws are power laws, would do with none.
constexpr double kPerStep = 0.13;          ///< per ln of the grid's step
constexpr double kModels = 0.13;           ///< over the root of the number of distinct N less one
constexpr double kPerParams = 0.04;        ///< per ln of N beyond the range
constexpr double kPerParamsModels = 0.06;  ///< the same, over the root of the number of distinct N less one
constexpr double kPerTokens = 0.04;        ///< per ln of D beyond the range
constexpr int kFreedom = 5;
/// Misses of rate and batch go along the valley of the bowl.
constexpr double kCorrelation = 0.7;
constexpr std::uint64_t kFirstStream = std::uint64_t{1} << 40;

/// Half the distance between the neighbours of each cell's best value, or the distance to the one neighbour:
/// the median over cells.
double GridStep(const std::vector<Cell>& cells, OptimumTarget target) {
  const auto value = [target](const CellRun& run) {
    return target == OptimumTarget::kLearningRate ? run.log_rate : run.log_batch;
  };
  constexpr double kOneLevel = 0.003;
  std::vector<double> steps;
  for (const Cell& cell : cells) {
    const double best = value(cell.runs[cell.best]);
    double below = -1e300, above = 1e300;
    for (const CellRun& run : cell.runs) {
      if (value(run) < best - kOneLevel) below = std::max(below, value(run));
      if (value(run) > best + kOneLevel) above = std::min(above, value(run));
    }
    if (below > -1e299 && above < 1e299) {
      steps.push_back(0.5 * (above - below));
    } else if (below > -1e299 || above < 1e299) {
      steps.push_back(below > -1e299 ? best - below : above - best);
    }
  }
  if (steps.empty()) return 0;
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return *middle;
}

int CountModels(const std::vector<Cell>& cells, double tolerance) {
  int models = 0;
  double last = 0;
  for (const Cell& cell : cells) {  // in order of N
    if (models == 0 || cell.log_params > last + std::log1p(tolerance)) {
      ++models;
      last = cell.log_params;
    }
  }
  return models;
}

}  // namespace

FormDesign FormDesignOf(const std::vector<Cell>& cells, OptimumTarget target, double grouping_tolerance) {
  return {GridStep(cells, target), CountModels(cells, std::max(grouping_tolerance, kParamsTolerance))};
}

void AddFormSpread(const std::vector<Cell>& cells, const OptimumOptions& options, OptimumFit& fit) {
  const auto column = [&fit](const std::string& name) {
    return static_cast<std::size_t>(std::find(fit.parameter_names.begin(), fit.parameter_names.end(), name) -
                                    fit.parameter_names.begin());
  };
  const std::size_t columns = fit.parameter_count();
  const std::array<std::array<std::size_t, 3>, 2> at = {
      {{column("offset"), column("beyond.params"), column("beyond.tokens")},
       {column("partner_offset"), column("partner_beyond.params"), column("partner_beyond.tokens")}}};
  const OptimumTarget partner = options.target == OptimumTarget::kLearningRate
                                    ? OptimumTarget::kBatchSizeTokens
                                    : OptimumTarget::kLearningRate;
  const FormDesign design = FormDesignOf(cells, options.target, options.grouping_tolerance);
  const double root = std::sqrt(std::max(1, design.models - 1));
  const double of_models = kModels / root;
  const double per_params = std::hypot(kPerParams, kPerParamsModels / root);
  const std::array<double, 2> inside = {std::hypot(kPerStep * design.step, of_models),
                                        std::hypot(kPerStep * GridStep(cells, partner), of_models)};
  for (std::size_t r = 0; r < fit.replicate_count; ++r) {
    RandomStream random(options.seed, kFirstStream + r);
    const double scale = 1 / std::sqrt(random.ChiSquared(kFreedom) / kFreedom);
    for (std::size_t k = 0; k < 3; ++k) {
      const double own = random.Normal();
      const double other = kCorrelation * own + std::sqrt(1 - kCorrelation * kCorrelation) * random.Normal();
      for (std::size_t who = 0; who < 2; ++who) {
        if (at[who][k] >= columns) continue;
        const double deviation = k == 0 ? inside[who] : k == 1 ? per_params : kPerTokens;
        fit.replicates[r * columns + at[who][k]] += deviation * scale * (who == 0 ? own : other);
      }
    }
  }
}

double BeyondRange(const FittedRange& range, double log_value) {
  if (!(range.low > 0) || !(range.high > 0)) return 0;
  return std::max({0.0, log_value - std::log(range.high), std::log(range.low) - log_value});
}

}  // namespace sextant::fitting::optimum
