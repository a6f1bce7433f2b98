// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/average_estimator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "fitting/optimum/hierarchical_estimator.h"
#include "fitting/optimum/joint_estimator.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/log_linear.h"

namespace sextant::fitting::optimum {
namespace {

/// Share of `regret`; set by looking at the whole of optimum_generalization_bench, not by leaving studies
/// out.
constexpr double kRegretShareOfPlane = 0.6;
/// Sweeps of one axis have few runs a cell, and the population says more than regret over them.
constexpr double kRegretShareOfLine = 0.25;

/// Where a fit's columns lie.
struct Columns {
  std::size_t law;  ///< parameters of the law
  std::array<std::size_t, 2>
      centre;          ///< of surface.rate and surface.batch: log_c, a, b; past the end if absent
  std::size_t target;  ///< which of the two is the law's own
};

Columns FindColumns(const OptimumFit& fit, const OptimumOptions& options) {
  const auto find = [&fit](const std::string& name) {
    return static_cast<std::size_t>(std::find(fit.parameter_names.begin(), fit.parameter_names.end(), name) -
                                    fit.parameter_names.begin());
  };
  return {fit.law_parameters,
          {find("surface.rate.log_c"), find("surface.batch.log_c")},
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

/// Moves a row's centres, and its law with them, by `share` of the way from one fit's centres to another's.
void Move(const Columns& columns, LawVariables variables, const OptimumFit& from, const OptimumFit& to,
          double share, bool law_too, double* row) {
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::size_t first = columns.centre[axis];
    if (first >= from.parameter_names.size()) {
      continue;
    }
    std::array<double, 3> step{};
    for (std::size_t k = 0; k < 3; ++k) {
      step[k] = share * (to.estimates[first + k] - from.estimates[first + k]);
      row[first + k] += step[k];
    }
    if (law_too && axis == columns.target) {
      const LawParameters moved = InVariables(variables, step.data());
      for (std::size_t k = 0; k < columns.law; ++k) {
        row[k] += moved[k];
      }
    }
  }
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
  const double share = axes.rate && axes.batch ? kRegretShareOfPlane : kRegretShareOfLine;
  OptimumOptions point = options;
  point.replicates = 0;
  const absl::StatusOr<OptimumFit> regret = FitJoint(cells, axes, point, JointKind::kRegret, &*surface);
  if (!regret.ok()) {
    return regret.status();
  }
  const Columns columns = FindColumns(*fit, options);
  const OptimumFit hierarchical = *fit;
  const std::size_t width = fit->parameter_count();
  for (std::size_t r = 0; r < fit->replicate_count; ++r) {
    // Every second replicate, or whatever share the member has.
    const double before = std::floor(static_cast<double>(r) * share);
    if (std::floor(static_cast<double>(r + 1) * share) > before) {
      Move(columns, options.variables, hierarchical, *regret, 1, true, fit->replicates.data() + r * width);
    }
  }
  for (std::size_t k = 0; k < columns.law; ++k) {
    fit->estimates[k] += share * (regret->estimates[k] - hierarchical.estimates[k]);
  }
  Move(columns, options.variables, hierarchical, *regret, share, false, fit->estimates.data());
  fit->members = {{"hierarchical", 1 - share, std::nan("")}, {"regret", share, std::nan("")}};
  fit->warnings.insert(fit->warnings.end(), regret->warnings.begin(), regret->warnings.end());
  return fit;
}

}  // namespace sextant::fitting::optimum
