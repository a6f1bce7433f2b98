// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/average_estimator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "fitting/optimum/form_spread.h"
#include "fitting/optimum/hierarchical_estimator.h"
#include "fitting/optimum/joint_estimator.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/log_linear.h"
#include "fitting/optimum/own_runs.h"
#include "fitting/optimum/predict.h"
#include "fitting/optimum/surface_parameters.h"
#include "fitting/optimum/votes.h"

namespace sextant::fitting::optimum {
namespace {

/// Share of `regret` among the two that see all runs, the rest being of `hierarchical`. Set by pooling the
/// logarithm of excess loss over the studies of optimum_generalization_bench (--choose), recorded and
/// synthetic ones of equal weight. The optimum is flat: leaving one study out gives 0.6 to 0.8.
constexpr double kRegretOfPlane = 0.8;
constexpr double kRegretOfLine = 0;
/// Replicates of `band` that its variance is taken from, on a stream of their own: what is recommended does
/// not depend on how many replicates a user asks for.
constexpr int kVarianceReplicates = 200;
constexpr std::uint64_t kVarianceSeed = 1;
/// The band's variance counts twice: its bootstrap draws cells that it has, and knows nothing of others. The
/// optimum is flat: leaving one study out gives 1 to 4.
constexpr double kBandVariance = 2;
/// Relative loss: differences of less along the study's own runs are noise.
constexpr double kOwnNoise = 0.0002;
/// Half the width of a normal distribution's central 90 %.
constexpr double kHalfWidth = 1.645;
/// Places one natural logarithm beyond the cells count as half of these.
constexpr double kAhead = 1.0;
constexpr double kAheadShare = 0.5;
/// Successive multiples of the golden section modulo 1 fall evenly into shares of any size.
constexpr double kGolden = 0.6180339887498949;

/// Where a fit's columns lie.
struct Columns {
  std::size_t law;  ///< parameters of the law
  std::array<std::size_t, 2>
      centre;  ///< of surface.rate and surface.batch: log_c, a, b; past the end if absent
  std::array<bool, 2> present;
  std::size_t target;  ///< which of the two is the law's own
};

Columns FindColumns(const OptimumFit& fit, const OptimumOptions& options) {
  const auto find = [&fit](const std::string& name) {
    return static_cast<std::size_t>(std::find(fit.parameter_names.begin(), fit.parameter_names.end(), name) -
                                    fit.parameter_names.begin());
  };
  const std::array<std::size_t, 2> centre = {find("surface.rate.log_c"), find("surface.batch.log_c")};
  return {fit.law_parameters,
          centre,
          {centre[0] < fit.parameter_names.size(), centre[1] < fit.parameter_names.size()},
          options.target == OptimumTarget::kLearningRate ? std::size_t{0} : std::size_t{1}};
}

/// A law log_c + a ln N + b ln D, given as such, in the parameters of `variables`.
LawParameters InVariables(LawVariables variables, const double* law) {
  switch (variables) {
    case LawVariables::kParamsTokens:
      return {law[0], law[1], law[2]};
    case LawVariables::kParams:
      return {law[0], law[1], 0};
    case LawVariables::kTokens:
    case LawVariables::kTokensPerParam:
      return {law[0], law[2], 0};
    case LawVariables::kCompute:
      return {law[0] - law[1] * LawLogVariables(variables, 0, 0).x[0], law[1], 0};
  }
  return {};
}

/// The inverse: a law in `variables` as log_c + a ln N + b ln D.
std::array<double, 3> InParamsAndTokens(LawVariables variables, const double* law) {
  const double at_origin = EvaluateLogLaw(variables, law, 0, 0);
  return {at_origin, EvaluateLogLaw(variables, law, 1, 0) - at_origin,
          EvaluateLogLaw(variables, law, 0, 1) - at_origin};
}

/// A member's place: its law, and the centres of surface.rate and surface.batch as log_c + a ln N + b ln D.
struct Place {
  LawParameters law{};
  std::array<std::array<double, 3>, 2> centre{};
};

Place PlaceOf(const Columns& columns, const OptimumFit& fit) {
  Place place;
  std::copy_n(fit.estimates.begin(), columns.law, place.law.begin());
  for (std::size_t axis = 0; axis < 2; ++axis) {
    if (columns.centre[axis] >= fit.parameter_names.size()) continue;
    std::copy_n(fit.estimates.begin() + static_cast<std::ptrdiff_t>(columns.centre[axis]), 3,
                place.centre[axis].begin());
  }
  return place;
}

/// `band` has a law for the target alone: the partner stays where `other` has it.
Place PlaceOfBand(const Columns& columns, LawVariables variables, const OptimumFit& band, Place other) {
  std::copy_n(band.estimates.begin(), columns.law, other.law.begin());
  other.centre[columns.target] = InParamsAndTokens(variables, band.estimates.data());
  return other;
}

/// Moves a draw about `from` to the same draw about `to`.
void Move(const Columns& columns, LawVariables variables, const Place& from, const Place& to, double* row) {
  for (std::size_t axis = 0; axis < 2; ++axis) {
    std::array<double, 3> step{};
    for (std::size_t k = 0; k < 3; ++k) {
      step[k] = to.centre[axis][k] - from.centre[axis][k];
      if (columns.present[axis]) row[columns.centre[axis] + k] += step[k];
    }
    if (axis == columns.target) {
      const LawParameters moved = InVariables(variables, step.data());
      for (std::size_t k = 0; k < columns.law; ++k) row[k] += moved[k];
    }
  }
}

/// The share that the band gets before the runs are asked: estimates of one law are weighted with the inverse
/// of their variances, the surfaces' from the posterior of the laws, the band's from its bootstrap, over the
/// cells and places beyond them. A band over many cells knows its law well and assumes no bowl; one over few
/// cells, or noisy ones, does not, and its bootstrap says so.
double ShareByVariance(const std::vector<Cell>& cells, const HierarchicalLaws& laws, const OptimumFit& band,
                       std::size_t axis) {
  double n_high = -1e300, d_high = -1e300, sum = 0, total = 0;
  const auto add = [&](double n, double d, double weight) {
    const auto at = static_cast<Eigen::Index>(axis);
    const double of_laws = laws.Covariance(n, d)(at, at);
    const OptimumPrediction p = PredictOptimum(band, std::exp(n), std::exp(d));
    const double deviation = std::log(p.high / p.low) / (2 * kHalfWidth);
    const double share = of_laws / (of_laws + kBandVariance * deviation * deviation);
    sum += weight * (std::isfinite(share) ? share : 0), total += weight;
  };
  for (const Cell& cell : cells) {
    add(cell.log_params, cell.log_tokens, 1);
    n_high = std::max(n_high, cell.log_params), d_high = std::max(d_high, cell.log_tokens);
  }
  const double weight = kAheadShare * static_cast<double>(cells.size()) / 3;
  add(n_high + kAhead, d_high, weight);
  add(n_high, d_high + kAhead, weight);
  add(n_high + kAhead, d_high + kAhead, weight);
  return sum / total;
}

/// Those odds, moved by what the tried runs nearest to either law cost: by at most a factor of e.
double BandShare(const std::vector<Cell>& cells, Axes axes, const HierarchicalLaws& laws,
                 const OptimumFit& surfaces, const OptimumFit& band, std::size_t axis) {
  double own = 0, other = 0;
  for (const double excess : NearestRunExcess(cells, axes, surfaces)) own += excess;
  for (const double excess : NearestRunExcess(cells, axes, band)) other += excess;
  const double noise = kOwnNoise * static_cast<double>(cells.size());
  const double evidence = std::exp(std::clamp((own - other) / (own + other + noise), -1.0, 1.0));
  const double share = ShareByVariance(cells, laws, band, axis);
  return share * evidence / (share * evidence + 1 - share);
}

/// Turns a draw about the surfaces into one of the band's: its law, no bend, its cells' scatter.
void TakeBandDraw(const Columns& columns, LawVariables variables, const OptimumFit& band, std::size_t draw,
                  std::optional<std::size_t> bend, std::size_t width, double* row) {
  const double* of_band = band.replicates.data() + draw * band.parameter_count();
  std::copy_n(of_band, columns.law, row);
  if (columns.present[columns.target]) {
    const std::array<double, 3> centre = InParamsAndTokens(variables, of_band);
    std::copy_n(centre.begin(), 3, row + columns.centre[columns.target]);
  }
  for (std::size_t k = 0; bend && k < 3; ++k) row[*bend + k] = 0;
  row[width - 1] = of_band[band.parameter_count() - 1];
}

}  // namespace

absl::StatusOr<OptimumFit> FitAverage(const std::vector<Cell>& cells, Axes axes,
                                      const OptimumOptions& options) {
  const absl::StatusOr<JointFit> surface = FitStudySurface(cells, axes);
  if (!surface.ok()) {
    return surface.status();
  }
  std::optional<HierarchicalLaws> posterior;
  absl::StatusOr<OptimumFit> fit = FitHierarchical(cells, axes, options, &*surface, &posterior);
  if (!fit.ok()) {
    return fit;
  }
  const double of_regret = axes.rate && axes.batch ? kRegretOfPlane : kRegretOfLine;
  OptimumOptions point = options;
  point.replicates = 0;
  const absl::StatusOr<OptimumFit> regret = FitJoint(cells, axes, point, JointKind::kRegret, &*surface);
  if (!regret.ok()) {
    return regret.status();
  }
  fit->target = options.target;
  fit->variables = options.variables;
  const Columns columns = FindColumns(*fit, options);
  const std::array<Place, 2> joint = {PlaceOf(columns, *fit), PlaceOf(columns, *regret)};
  const auto mix = [&](const std::vector<const Place*>& places, const std::vector<double>& weights) {
    Place mean;
    for (std::size_t m = 0; m < places.size(); ++m) {
      for (std::size_t k = 0; k < columns.law; ++k) mean.law[k] += weights[m] * places[m]->law[k];
      for (std::size_t axis = 0; axis < 2; ++axis) {
        for (std::size_t k = 0; k < 3; ++k) {
          mean.centre[axis][k] += weights[m] * places[m]->centre[axis][k];
        }
      }
    }
    return mean;
  };
  const auto write = [&](const Place& place) {
    std::copy_n(place.law.begin(), columns.law, fit->estimates.begin());
    for (std::size_t axis = 0; axis < 2; ++axis) {
      if (!columns.present[axis]) continue;
      std::copy_n(place.centre[axis].begin(), 3,
                  fit->estimates.begin() + static_cast<std::ptrdiff_t>(columns.centre[axis]));
    }
  };
  const Place of_surfaces = mix({&joint[0], &joint[1]}, {1 - of_regret, of_regret});
  write(of_surfaces);
  std::array<double, 3> weights = {1 - of_regret, of_regret, 0};
  std::optional<OptimumFit> drawn;  // the band, with as many replicates as are asked for
  OptimumOptions variance = options;
  variance.replicates = kVarianceReplicates;
  variance.seed = kVarianceSeed;
  if (absl::StatusOr<OptimumFit> band = FitByVotes(cells, variance, BandVotes(variance, options.band));
      band.ok()) {
    band->target = options.target;
    band->variables = options.variables;
    weights[2] = BandShare(cells, axes, *posterior, *fit, *band, columns.target);
    weights[0] *= 1 - weights[2];
    weights[1] *= 1 - weights[2];
    const Place of_band = PlaceOfBand(columns, options.variables, *band, of_surfaces);
    write(mix({&joint[0], &joint[1], &of_band}, {weights[0], weights[1], weights[2]}));
    absl::StatusOr<OptimumFit> again = FitByVotes(cells, options, BandVotes(options, options.band));
    if (!again.ok()) return again.status();
    drawn = *std::move(again);
  } else if (absl::IsCancelled(band.status())) {
    return band.status();
  }
  const std::size_t width = fit->parameter_count();
  const std::optional<std::size_t> bend = BendColumn(*fit);
  for (std::size_t r = 0; r < fit->replicate_count; ++r) {
    const double at = std::fmod(static_cast<double>(r + 1) * kGolden, 1.0);
    if (at < weights[0]) continue;
    double* row = fit->replicates.data() + r * width;
    if (at >= weights[0] + weights[1] && drawn && drawn->replicate_count > 0) {
      TakeBandDraw(columns, options.variables, *drawn, r % drawn->replicate_count, bend, width, row);
    } else {
      Move(columns, options.variables, joint[0], joint[1], row);
    }
  }
  AddFormSpread(cells, options, *fit);
  fit->members = {{"hierarchical", weights[0], std::nan("")},
                  {"regret", weights[1], std::nan("")},
                  {"band", weights[2], std::nan("")}};
  fit->warnings.insert(fit->warnings.end(), regret->warnings.begin(), regret->warnings.end());
  return fit;
}

}  // namespace sextant::fitting::optimum
