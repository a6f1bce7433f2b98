// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/dense_solver.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "fitting/curve/form_fit.h"

namespace sextant::fitting {
namespace {

LogCurve Curve(uint64_t seed) {
  RandomStream random(seed, 0);
  LogCurve curve;
  for (int i = 0; i < 40; ++i) {
    curve.u.push_back(-3 + 3 * i / 39.0);
    curve.v.push_back(std::log(.6 + .4 * std::exp(-.5 * curve.u.back())) + .01 * random.Normal());
    curve.weight.push_back(1);
  }
  curve.noise = .01;
  return curve;
}

TEST(DenseSolver, TheQuickPathEndsAtCeresObjective) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const LogCurve curve = Curve(seed);
    for (CurveForm form : {CurveForm::kM1, CurveForm::kM2, CurveForm::kM3}) {
      const LogForm log_form(form, 0, curve);
      const DenseProblem problem = log_form.Problem(curve, curve.u.size());
      const std::vector<double> start = log_form.Starts(curve).front();
      const DenseSolution quick = SolveQuickly(problem, start, 300, 1e-13),
                          ceres = SolveWithCeres(problem, start);
      EXPECT_TRUE(ceres.converged);
      EXPECT_NEAR(quick.objective / ceres.objective, 1, 1e-6) << log_form.law() << " " << seed;
    }
  }
}

TEST(DenseSolver, DerivativesOfEveryFormAgreeWithDifferences) {
  const LogCurve curve = Curve(1);
  RandomStream random(8, 8);
  const struct {
    CurveForm form;
    int breaks;
  } forms[] = {{CurveForm::kM1, 0},
               {CurveForm::kM2, 0},
               {CurveForm::kM3, 0},
               {CurveForm::kM4, 0},
               {CurveForm::kBrokenPowerLaw, 0},
               {CurveForm::kBrokenPowerLaw, 2}};
  for (const auto& [form, breaks] : forms) {
    const LogForm log_form(form, breaks, curve);
    const DenseProblem problem = log_form.Problem(curve, curve.u.size());
    for (const std::vector<double>& start : log_form.Starts(curve)) {
      std::vector<double> p = start;
      for (size_t k = 0; k < p.size(); ++k) {
        p[k] = std::min(std::max(p[k] + .05 * random.Normal(), problem.lower[k]), problem.upper[k]);
      }
      for (double u : {-3.0, -.7, 0.0, 1.5}) {
        std::vector<double> gradient(p.size());
        log_form.Evaluate(p.data(), u, gradient.data());
        for (size_t k = 0; k < p.size(); ++k) {
          std::vector<double> up = p, down = p;
          up[k] += 1e-6;
          down[k] -= 1e-6;
          const double slope =
              (log_form.Evaluate(up.data(), u, nullptr) - log_form.Evaluate(down.data(), u, nullptr)) / 2e-6;
          EXPECT_NEAR(gradient[k], slope, 2e-6 * (1 + std::fabs(slope)))
              << log_form.law() << " " << k << " " << u;
        }
      }
    }
  }
}

TEST(DenseSolver, HuberResidualSumsToTwiceHubersLoss) {
  for (double r : {-.3, -1e-3, -2e-4, 0.0, 5e-4, 1e-3, .02}) {
    double slope = 0;
    const double value = HuberResidual(r, 1e-3, &slope);
    const double loss = std::fabs(r) <= 1e-3 ? .5 * r * r : 1e-3 * (std::fabs(r) - 5e-4);
    EXPECT_NEAR(.5 * value * value, loss, 1e-15);
    double ignored = 0;
    if (std::fabs(std::fabs(r) - 1e-3) < 1e-9) continue;
    const double difference =
        (HuberResidual(r + 1e-9, 1e-3, &ignored) - HuberResidual(r - 1e-9, 1e-3, &ignored)) / 2e-9;
    EXPECT_NEAR(slope, difference, 1e-5);
  }
}

TEST(DenseSolver, StaysInsideTheBox) {
  DenseProblem problem;
  problem.residuals = 2;
  problem.parameters = 2;
  problem.lower = {0, 0};
  problem.upper = {1, 1};
  problem.evaluate = [](const double* p, double* r, double* jacobian) {
    r[0] = p[0] - 3;
    r[1] = p[1] + .5;
    if (jacobian != nullptr) {
      jacobian[0] = jacobian[3] = 1;
      jacobian[1] = jacobian[2] = 0;
    }
    return true;
  };
  for (const DenseSolution& s : {SolveQuickly(problem, {.5, .5}), SolveWithCeres(problem, {.5, .5})}) {
    EXPECT_NEAR(s.parameters[0], 1, 1e-6);
    EXPECT_NEAR(s.parameters[1], 0, 1e-6);
  }
}

TEST(DenseSolver, AStartThatHasNoValueIsNotASolution) {
  DenseProblem problem;
  problem.residuals = problem.parameters = 1;
  problem.evaluate = [](const double*, double*, double*) { return false; };
  EXPECT_FALSE(SolveWithCeres(problem, {1}).converged);
  EXPECT_FALSE(SolveQuickly(problem, {1}).converged);
}

}  // namespace
}  // namespace sextant::fitting
