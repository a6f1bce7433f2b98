// SPDX-License-Identifier: Apache-2.0
// What the solver differentiates: objective, gradient and Hessian against differences, on every path.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fitting/least_squares/bounded_least_squares.h"
#include "fitting/least_squares/ceres_solve.h"
#include "fitting/least_squares/evaluator.h"
#include "fitting/least_squares/newton.h"
#include "tests/fitting/least_squares/fixtures.h"

namespace sextant::fitting::solve {
namespace {

using fitting::testing::ChinchillaLaw;
using fitting::testing::SurfaceRuns;

const std::vector<double> kPoint = {1.8, 6.1, 6.3, 0.35, 0.27};

void CheckDerivatives(Evaluator& evaluator) {
  Derivatives at, up, down;
  evaluator.Evaluate(kPoint, at);
  const double scale = at.value;
  for (std::size_t i = 0; i < 5; ++i) {
    const double step = 1e-6;
    std::vector<double> moved = kPoint;
    moved[i] += step;
    evaluator.Evaluate(moved, up);
    moved[i] -= 2 * step;
    evaluator.Evaluate(moved, down);
    EXPECT_NEAR(at.gradient[i], (up.value - down.value) / (2 * step),
                2e-6 * std::max(scale, std::abs(at.gradient[i])));
    for (std::size_t j = 0; j < 5; ++j) {
      const double expected = (up.gradient[j] - down.gradient[j]) / (2 * step);
      EXPECT_NEAR(at.hessian[i * 5 + j], expected, 2e-4 * (std::abs(expected) + scale)) << i << "," << j;
      EXPECT_EQ(at.hessian[i * 5 + j], at.hessian[j * 5 + i]);
    }
  }
}

// Deltas that put all, none or some residuals inside; a sample with fewer points than any vector width
// divides.
TEST(Derivatives, MatchDifferencesForLogAndLevelResiduals) {
  LawData data = SurfaceRuns(5, 5, 0.02);
  RandomStream random(1, 1);
  for (std::size_t row = 0; row < data.size(); ++row) data.weights.push_back(0.5 + random.Uniform());
  const auto law = ChinchillaLaw();
  const auto map = ParameterMap::Make(law->spec(), {}, {});
  ASSERT_TRUE(map.ok());
  for (const ResidualKind kind : {ResidualKind::kLog, ResidualKind::kLevel}) {
    for (const double delta : {std::numeric_limits<double>::infinity(), 0.0312, 1e-4}) {
      Evaluator evaluator(law, data, *map, kind);
      evaluator.SetDelta(delta);
      CheckDerivatives(evaluator);
    }
  }
}

TEST(Derivatives, ReweightedMatrixIsAboveTheHuberTermsAndPositive) {
  const LawData data = SurfaceRuns(5, 5, 0.02);
  const auto law = ChinchillaLaw();
  const auto map = ParameterMap::Make(law->spec(), {}, {});
  Evaluator evaluator(law, data, *map, ResidualKind::kLog);
  evaluator.SetDelta(0.01);
  Derivatives exact, reweighted;
  evaluator.Evaluate(kPoint, exact);
  evaluator.Evaluate(kPoint, reweighted, Curvature::kReweighted);
  EXPECT_EQ(exact.value, reweighted.value);
  EXPECT_EQ(exact.gradient, reweighted.gradient);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_GT(reweighted.hessian[i * 6], 0);
}

TEST(Evaluator, DroppingRowsEqualsWeightsOfZero) {
  const LawData data = SurfaceRuns(6, 7, 0.02);
  const auto law = ChinchillaLaw();
  const auto map = ParameterMap::Make(law->spec(), {}, {});
  Evaluator evaluator(law, data, *map, ResidualKind::kLog);
  Derivatives all, some, again;
  evaluator.Evaluate(kPoint, all);
  std::vector<double> weights(data.size(), 0.0);
  for (std::size_t row = 0; row < data.size(); row += 3) weights[row] = 2;
  evaluator.SetWeights(weights);
  evaluator.Evaluate(kPoint, some);
  std::vector<double> residual;
  ASSERT_TRUE(evaluator.Residuals(kPoint, residual, nullptr));
  double expected = 0;
  for (std::size_t row = 0; row < data.size(); ++row) {
    const double size = std::abs(residual[row]);
    expected += weights[row] * (size <= 1e-3 ? 0.5 * size * size : 1e-3 * (size - 0.5e-3));
  }
  EXPECT_NEAR(some.value / expected, 1, 1e-12);
  evaluator.SetWeights(std::vector<double>(data.size(), 1.0));
  evaluator.Evaluate(kPoint, again);
  EXPECT_EQ(again.value, all.value);
  EXPECT_EQ(again.hessian, all.hessian);
}

TEST(Newton, EndsWhereCeresEndsOnSeveralLaws) {
  struct Form {
    const char* expression;
    std::vector<golden::TextParameter> parameters;
    std::vector<double> start;
  };
  const std::vector<Form> forms = {{"E + A / N^alpha + B / D^beta",
                                    {{"E", {0, 100}, "", {}},
                                     {"A", {0, 1e300}, "log", {}},
                                     {"B", {0, 1e300}, "log", {}},
                                     {"alpha", {0, 5}, "", {}},
                                     {"beta", {0, 5}, "", {}}},
                                    {1.6, 6, 6, 0.33, 0.29}},
                                   {"E + (A / N^alpha + B / D^beta)^k",
                                    {{"E", {0, 100}, "", {}},
                                     {"A", {0, 1e300}, "log", {}},
                                     {"B", {0, 1e300}, "log", {}},
                                     {"alpha", {0, 5}, "", {}},
                                     {"beta", {0, 5}, "", {}},
                                     {"k", {0.9, 1.1}, "", {}}},
                                    {1.6, 6, 6, 0.33, 0.29, 1}},
                                   {"((N_c / N)^(a / b) + D_c / D)^b",
                                    {{"N_c", {0, 1e300}, "log", {}},
                                     {"D_c", {0, 1e300}, "log", {}},
                                     {"a", {1e-4, 5}, "", {}},
                                     {"b", {1e-4, 5}, "", {}}},
                                    {30, 30, 0.08, 0.1}}};
  const LawData data = SurfaceRuns(7, 7, 0.01);
  for (const Form& form : forms) {
    const auto law = golden::TextLaw(form.expression, {"N", "D"}, form.parameters);
    ASSERT_NE(law, nullptr) << form.expression;
    const auto map = ParameterMap::Make(law->spec(), {}, {});
    Evaluator evaluator(law, data, *map, ResidualKind::kLog);
    for (const double delta : {std::numeric_limits<double>::infinity(), 0.01}) {
      evaluator.SetDelta(delta);
      Newton newton;
      const NewtonResult fast = newton.Minimise(evaluator, form.start);
      const CeresResult record = SolveWithCeres(evaluator, form.start);
      EXPECT_TRUE(fast.converged) << form.expression;
      EXPECT_TRUE(record.converged) << form.expression << ": " << record.message;
      EXPECT_LE(fast.objective, record.objective * (1 + 1e-9)) << form.expression << " delta " << delta;
      // From the polished point Ceres can only stay.
      EXPECT_NEAR(SolveWithCeres(evaluator, fast.walked).objective / fast.objective, 1, 1e-9);
    }
  }
}

TEST(BoundedLeastSquares, PinsWhatWouldLeaveItsBounds) {
  // Columns (1, x) on x = 0, 1, 2 with y falling: the slope is held at 0 and the level becomes the mean.
  std::vector<double> solution;
  ASSERT_TRUE(SolveBoundedLeastSquares({3, 3, 3, 5}, {6, 4}, {0, 0}, {1e300, 1e300}, solution));
  EXPECT_NEAR(solution[0], 2, 1e-9);
  EXPECT_EQ(solution[1], 0);
  ASSERT_TRUE(SolveBoundedLeastSquares({3, 3, 3, 5}, {6, 4}, {-10, -10}, {10, 10}, solution));
  EXPECT_NEAR(solution[0], 3, 1e-9);
  EXPECT_NEAR(solution[1], -1, 1e-9);
  EXPECT_FALSE(SolveBoundedLeastSquares({std::nan("")}, {1}, {0}, {1}, solution));
}

}  // namespace
}  // namespace sextant::fitting::solve
