// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/newton.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sextant::fitting::solve {
namespace {

constexpr double kSame = 1e-9;  // objectives of one optimum, relative
constexpr double kNear = 1e-5;  // a full step that gains no more than this goes where its model says

constexpr double kLeaveReweighted = 1e-2;
constexpr double kLeastLeaveGain = 1e-9;
constexpr double kFirstReweightedDamping = 1e-3;

// In-place lower Cholesky factor of the k x k matrix `a`; false unless positive definite.
bool Factor(std::vector<double>& a, std::size_t k) {
  for (std::size_t j = 0; j < k; ++j) {
    double pivot = a[j * k + j];
    const double whole = pivot;
    for (std::size_t i = 0; i < j; ++i) pivot -= a[j * k + i] * a[j * k + i];
    if (!(pivot > 1e-14 * whole) || !(whole > 0)) return false;
    const double root = std::sqrt(pivot);
    a[j * k + j] = root;
    for (std::size_t r = j + 1; r < k; ++r) {
      double entry = a[r * k + j];
      for (std::size_t i = 0; i < j; ++i) entry -= a[r * k + i] * a[j * k + i];
      a[r * k + j] = entry / root;
    }
  }
  return true;
}

}  // namespace

// Solves (H + damping * scale) step = -gradient over coordinates that are not held; `predicted` is the
// decrease that the quadratic model promises.
bool Newton::Step(const std::vector<char>& held, double damping, double& predicted) {
  const std::size_t k = here_.gradient.size();
  factor_ = here_.hessian;
  for (std::size_t i = 0; i < k; ++i) {
    factor_[i * k + i] += damping * scale_[i];
    step_[i] = held[i] ? 0.0 : -here_.gradient[i];
    if (!held[i]) continue;
    for (std::size_t j = 0; j < k; ++j) factor_[i * k + j] = factor_[j * k + i] = 0.0;
    factor_[i * k + i] = 1.0;
  }
  if (!Factor(factor_, k)) return false;
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < i; ++j) step_[i] -= factor_[i * k + j] * step_[j];
    step_[i] /= factor_[i * k + i];
  }
  for (std::size_t i = k; i-- > 0;) {
    for (std::size_t j = i + 1; j < k; ++j) step_[i] -= factor_[j * k + i] * step_[j];
    step_[i] /= factor_[i * k + i];
  }
  predicted = 0;
  for (std::size_t i = 0; i < k; ++i) {
    double product = 0;
    for (std::size_t j = 0; j < k; ++j) product += here_.hessian[i * k + j] * step_[j];
    predicted -= step_[i] * (here_.gradient[i] + 0.5 * product);
  }
  return std::isfinite(predicted);
}

NewtonResult Newton::Minimise(Evaluator& evaluator, std::vector<double> start, const NewtonOptions& options) {
  const std::size_t k = evaluator.dimension();
  const std::vector<ParameterMap::Free>& free = evaluator.map().free();
  NewtonResult result;
  result.walked = std::move(start);
  evaluator.map().Clamp(result.walked);
  evaluator.Evaluate(result.walked, here_);
  result.evaluations = 1;
  result.objective = here_.value;
  if (!std::isfinite(here_.value)) return result;

  step_.assign(k, 0.0);
  scale_.assign(k, 0.0);
  trial_.assign(k, 0.0);
  std::vector<char> held(k, 0);
  double damping = 0;
  int stalls = 0;
  int indefinite = 0;
  Curvature curvature = Curvature::kExact;
  double leave_gain = kLeaveReweighted;  // relative gain below which reweighted steps give way to Newton's
  const auto switch_to = [&](Curvature wanted) {
    curvature = wanted;
    evaluator.Evaluate(result.walked, here_, wanted);
    ++result.evaluations;
    damping = wanted == Curvature::kExact ? 0 : kFirstReweightedDamping;
    std::fill(scale_.begin(), scale_.end(), 0.0);
  };
  while (result.evaluations < options.max_evaluations) {
    double trace = 0;
    for (std::size_t i = 0; i < k; ++i) {
      scale_[i] = std::max(scale_[i] * 0.5, std::abs(here_.hessian[i * k + i]));
      trace += scale_[i];
    }
    for (std::size_t i = 0; i < k; ++i) scale_[i] = std::max(scale_[i], 1e-5 * trace);
    // A coordinate at its bound stays there while the objective falls outwards.
    for (std::size_t i = 0; i < k; ++i) {
      held[i] = (result.walked[i] <= free[i].low && here_.gradient[i] >= 0) ||
                (result.walked[i] >= free[i].high && here_.gradient[i] <= 0);
    }
    double predicted = 0;
    bool solved = Step(held, damping, predicted);
    if (!solved && curvature == Curvature::kExact && ++indefinite > options.indefinite_steps &&
        leave_gain > kLeastLeaveGain) {
      switch_to(Curvature::kReweighted);
      continue;
    }
    while (!solved) {
      damping = damping == 0 ? 1e-3 : damping * 8;
      if (damping > 1e12) return result;
      solved = Step(held, damping, predicted);
    }
    const bool newton = curvature == Curvature::kExact && damping == 0;
    if (newton && predicted <= options.tolerance * here_.value) {
      result.converged = true;
      return result;
    }
    if (newton && predicted <= kNear * here_.value &&
        std::abs(here_.value - predicted - options.known) <= kSame * options.known) {
      result.joined = true;
      return result;
    }
    bool clipped = false;
    for (std::size_t i = 0; i < k; ++i) {
      trial_[i] = result.walked[i] + step_[i];
      if (trial_[i] < free[i].low || trial_[i] > free[i].high) {
        trial_[i] = std::clamp(trial_[i], free[i].low, free[i].high);
        clipped = true;
      }
    }
    evaluator.Evaluate(trial_, there_, curvature);
    ++result.evaluations;
    const double actual = here_.value - there_.value;
    if (actual > 0 && (clipped || actual > 1e-4 * predicted)) {
      const double ratio = actual / predicted;
      if (ratio > 0.75) damping = damping < 1e-4 ? 0 : damping / 8;
      if (ratio < 0.25) damping = std::max(damping * 2, 1e-4);
      const bool slow = actual < leave_gain * here_.value;
      result.walked = trial_;
      std::swap(here_, there_);
      result.objective = here_.value;
      stalls = 0;
      if (curvature == Curvature::kReweighted && slow) {
        leave_gain *= 0.1;
        switch_to(Curvature::kExact);
      }
      continue;
    }
    // Rounding hides the last gains: an undamped step that neither gains nor loses has arrived.
    if (newton && std::abs(actual) <= 1e-13 * here_.value && predicted <= 1e-11 * here_.value) {
      result.converged = true;
      return result;
    }
    damping = std::max(damping * 4, 1e-3);
    if (damping <= 1e12 && ++stalls <= 60) continue;
    if (curvature == Curvature::kExact) return result;
    leave_gain = 0;
    stalls = 0;
    switch_to(Curvature::kExact);
  }
  return result;
}

}  // namespace sextant::fitting::solve
