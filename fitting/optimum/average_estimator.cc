// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/average_estimator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "fitting/optimum/form_spread.h"
#include "fitting/optimum/hierarchical_estimator.h"
#include "fitting/optimum/joint_estimator.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/log_linear.h"
#include "fitting/optimum/own_runs.h"
#include "fitting/optimum/votes.h"

namespace sextant::fitting::optimum {
namespace {

/// Shares of `regret`, the rest being of `hierarchical`, and the most that `band` gets. Set by pooling the
/// logarithm of excess loss over the studies of optimum_generalization_bench (--choose), recorded and
/// synthetic ones of equal weight. Leaving one study out gives 0.7 or 0.8, and 0.25, where both axes are
/// swept; none, and 0.1 or 0.5, where one is: sweeps of one axis have few runs a cell, and the population
/// says more than regret over them.
struct Shares {
  double regret, band;
};
constexpr Shares kOfPlane = {0.8, 0.25};
constexpr Shares kOfLine = {0, 0.5};
/// Relative loss: differences of less along the study's own runs are noise.
constexpr double kOwnNoise = 0.0002;
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
  const double at_origin = EvaluateLogLaw(variables, band.estimates.data(), 0, 0);
  other.centre[columns.target] = {at_origin,
                                  EvaluateLogLaw(variables, band.estimates.data(), 1, 0) - at_origin,
                                  EvaluateLogLaw(variables, band.estimates.data(), 0, 1) - at_origin};
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

/// The part of the band's largest share that it gets: none where the study's own runs speak for the average,
/// most of it where those along the average cost several times as much as those along the band.
double OwnRunsForBand(const std::vector<Cell>& cells, Axes axes, const OptimumFit& average,
                      const OptimumFit& band) {
  double own = 0, other = 0;
  for (const double excess : NearestRunExcess(cells, axes, average)) own += excess;
  for (const double excess : NearestRunExcess(cells, axes, band)) other += excess;
  const double count = static_cast<double>(cells.size());
  return std::clamp((own - other) / (own + other + kOwnNoise * count), 0.0, 1.0);
}

}  // namespace

absl::StatusOr<OptimumFit> FitAverage(const std::vector<Cell>& cells, Axes axes,
                                      const OptimumOptions& options) {
  const absl::StatusOr<JointFit> surface = FitStudySurface(cells, axes);
  if (!surface.ok()) {
    return surface.status();
  }
  absl::StatusOr<OptimumFit> fit = FitHierarchical(cells, axes, options, &*surface);
  if (!fit.ok()) {
    return fit;
  }
  const Shares shares = axes.rate && axes.batch ? kOfPlane : kOfLine;
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
  const Place of_surfaces = mix({&joint[0], &joint[1]}, {1 - shares.regret, shares.regret});
  write(of_surfaces);
  std::array<double, 3> weights = {1 - shares.regret, shares.regret, 0};
  Place of_band = of_surfaces;
  if (absl::StatusOr<OptimumFit> band = FitByVotes(cells, point, BandVotes(point, point.band)); band.ok()) {
    band->target = options.target;
    band->variables = options.variables;
    of_band = PlaceOfBand(columns, options.variables, *band, of_surfaces);
    weights[2] = shares.band * OwnRunsForBand(cells, axes, *fit, *band);
    weights[0] *= 1 - weights[2];
    weights[1] *= 1 - weights[2];
    write(mix({&joint[0], &joint[1], &of_band}, {weights[0], weights[1], weights[2]}));
  }
  const std::size_t width = fit->parameter_count();
  for (std::size_t r = 0; r < fit->replicate_count; ++r) {
    const double at = std::fmod(static_cast<double>(r + 1) * kGolden, 1.0);
    if (at < weights[0]) continue;
    Move(columns, options.variables, joint[0], at < weights[0] + weights[1] ? joint[1] : of_band,
         fit->replicates.data() + r * width);
  }
  AddFormSpread(cells, options, *fit);
  fit->members = {{"hierarchical", weights[0], std::nan("")},
                  {"regret", weights[1], std::nan("")},
                  {"band", weights[2], std::nan("")}};
  fit->warnings.insert(fit->warnings.end(), regret->warnings.begin(), regret->warnings.end());
  return fit;
}

}  // namespace sextant::fitting::optimum
