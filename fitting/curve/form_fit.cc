// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/form_fit.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/give_up.h"
#include "base/random.h"

namespace sextant::fitting {
namespace {

constexpr size_t kStartsKept = 3;
// Of the objective: M4 has valleys so flat that less would never be met, and would not matter.
constexpr double kFitTolerance = 1e-7;

// Where Ceres starts: a few steps tell more about a start than where it stands, some more steps from the best
// few tell which valley is deepest.
std::vector<double> BestStart(const DenseProblem& problem, const std::vector<std::vector<double>>& starts) {
  std::vector<DenseSolution> tried;
  for (const std::vector<double>& start : starts) tried.push_back(SolveQuickly(problem, start, 4));
  const auto better = [](const DenseSolution& a, const DenseSolution& b) {
    return a.objective < b.objective;
  };
  std::stable_sort(tried.begin(), tried.end(), better);
  tried.resize(std::min(tried.size(), kStartsKept));
  for (DenseSolution& solution : tried) solution = SolveQuickly(problem, solution.parameters, 25, 1e-5);
  return std::min_element(tried.begin(), tried.end(), better)->parameters;
}

}  // namespace

std::vector<size_t> HeldOutHeads(size_t points, size_t least) {
  std::vector<size_t> heads;
  for (double share : {.55, .7, .82}) {
    const auto head = static_cast<size_t>(std::lround(share * static_cast<double>(points)));
    if (head >= least && head < points && (heads.empty() || heads.back() != head)) heads.push_back(head);
  }
  return heads;
}

FormFit FitForm(CurveForm form, int breaks, const LogCurve& curve) {
  FormFit fit{LogForm(form, breaks, curve), {}, 0};
  const size_t n = curve.u.size();
  const DenseProblem problem = fit.form.Problem(curve, n);
  fit.solution = SolveWithCeres(problem, BestStart(problem, fit.form.Starts(curve)), 200, kFitTolerance);
  double sum = 0, weight = 0;
  for (size_t head : HeldOutHeads(n, static_cast<size_t>(fit.form.parameters()) + 1)) {
    const DenseSolution refit =
        SolveQuickly(fit.form.Problem(curve, head), fit.solution.parameters, 15, 1e-6);
    for (size_t i = head; i < n; ++i) {
      const double error = fit.form.Evaluate(refit.parameters.data(), curve.u[i], nullptr) - curve.v[i];
      sum += curve.weight[i] * std::min(error * error, 1.0);
      weight += curve.weight[i];
    }
  }
  fit.held_out_error = weight > 0 ? std::sqrt(sum / weight) : std::numeric_limits<double>::quiet_NaN();
  return fit;
}

FormFit FitBroken(int most, const LogCurve& curve) {
  FormFit best = FitForm(CurveForm::kBrokenPowerLaw, 0, curve);
  for (int breaks = 1; breaks <= most; ++breaks) {
    if (curve.u.size() < static_cast<size_t>(3 + 3 * breaks) + 2) break;
    FormFit next = FitForm(CurveForm::kBrokenPowerLaw, breaks, curve);
    if (std::isnan(best.held_out_error) || next.held_out_error < 0.9 * best.held_out_error)
      best = std::move(next);
  }
  return best;
}

std::vector<std::vector<double>> BootstrapForm(const FormFit& fit, const LogCurve& curve,
                                               std::span<const double> u, int replicates, uint64_t seed) {
  const size_t n = curve.u.size();
  std::vector<double> fitted(n), residual(n);
  // Residuals of a fit with p parameters are too small by sqrt(1 - p/n).
  const double degrees = std::max(1.0, static_cast<double>(n) - fit.form.parameters());
  const double widen = std::sqrt(static_cast<double>(n) / degrees);
  for (size_t i = 0; i < n; ++i) {
    fitted[i] = fit.form.Evaluate(fit.solution.parameters.data(), curve.u[i], nullptr);
    residual[i] = widen * (curve.v[i] - fitted[i]);
  }
  std::vector<std::vector<double>> rows(replicates);
  const GiveUpOfCaller caller;
  tbb::parallel_for(0, replicates, [&](int r) {
    const auto scope = caller.Enter();
    RandomStream random(seed, static_cast<uint64_t>(r));
    LogCurve drawn = curve;
    for (size_t i = 0; i < n; ++i) drawn.v[i] = fitted[i] + residual[random.Index(n)];
    const DenseSolution solution =
        SolveQuickly(fit.form.Problem(drawn, n), fit.solution.parameters, 12, 1e-6);
    for (double at : u) rows[r].push_back(fit.form.Evaluate(solution.parameters.data(), at, nullptr));
  });
  return rows;
}

}  // namespace sextant::fitting
