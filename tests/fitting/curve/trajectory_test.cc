// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/trajectory.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/random.h"

namespace sextant::fitting {
namespace {

// Kaplan et al. 2020, table 3 and equation 1.4.
const TrajectoryLaw kKaplan = {6.5e13, .077, 2.1e3, .76, 2e8, .21};

TEST(Trajectory, SolvesTheImplicitLossAtAnyBatch) {
  const double loss = TrajectoryLoss(kKaplan, 1e9, 1e5, 524288);
  EXPECT_NEAR(loss, 2.5411926181, 1e-10);
  const double steps = MinimumSteps(1e5, 524288, CriticalBatchAtLoss(loss, 2e8, .21));
  EXPECT_NEAR(std::pow(6.5e13 / 1e9, .077) + std::pow(2.1e3 / steps, .76), loss, 1e-12);
}

TEST(Trajectory, ReachesTheUnlimitedBatchLawAsTheBatchGrows) {
  EXPECT_NEAR(TrajectoryLoss(kKaplan, 1e9, 1e5, 1e18),
              std::pow(6.5e13 / 1e9, .077) + std::pow(2.1e3 / 1e5, .76), 1e-9);
}

TEST(Trajectory, KaplansCriticalBatch) {
  EXPECT_NEAR(CriticalBatchAtLoss(3.0, 2e8, .21), 1069114.01, .01);
  EXPECT_NEAR(CriticalBatchAtLoss(2.5, 2e8, .21), 2547285.21, .01);
  EXPECT_NEAR(CriticalBatchAtLoss(2.0, 2e8, .21), 7371465.31, .01);
  EXPECT_NEAR(CriticalBatchAtLoss(1.8, 2e8, .21), 12174373.97, .01);
}

TEST(Trajectory, MinimumComputeIsHalfAtTheCriticalBatch) {
  EXPECT_DOUBLE_EQ(MinimumCompute(1e20, 5e5, 5e5), 5e19);
  EXPECT_DOUBLE_EQ(MinimumSteps(1e5, 5e5, 5e5), 5e4);
}

TEST(Trajectory, GradientAgreesWithDifferences) {
  for (double batch : {1e4, 524288.0, 1e8}) {
    std::array<double, 6> gradient{};
    TrajectoryLoss(kKaplan, 1e9, 1e5, batch, gradient.data());
    for (int k = 0; k < 6; ++k) {
      auto at = [&](double share) {
        TrajectoryLaw law = kKaplan;
        double* const fields[] = {&law.n_c, &law.alpha_n, &law.s_c, &law.alpha_s, &law.b_star, &law.alpha_b};
        const double step = *fields[k] * share;
        *fields[k] += step;
        return std::pair(TrajectoryLoss(law, 1e9, 1e5, batch), step);
      };
      const auto [up, h] = at(1e-6);
      const auto [down, minus_h] = at(-1e-6);
      EXPECT_NEAR(gradient[k], (up - down) / (2 * h), 1e-6 * std::fabs(gradient[k]) + 1e-18)
          << batch << " " << k;
    }
  }
}

TEST(Trajectory, RefusesNumbersThatHaveNoMeaning) {
  EXPECT_TRUE(std::isnan(TrajectoryLoss(kKaplan, -1, 1e5, 1e5)));
  EXPECT_TRUE(std::isnan(TrajectoryLoss(kKaplan, 1e9, 1e5, INFINITY)));
}

std::vector<TrajectoryPoint> Simulate(double noise, uint64_t seed) {
  std::vector<TrajectoryPoint> points;
  int run = 0;
  for (double params : {1e7, 4e7, 1.6e8}) {
    for (double batch : {1.6e4, 6.5e4, 2.6e5, 1e6}) {
      RandomStream random(seed, ++run);
      const double shift = noise * random.Normal();  // one run's own luck
      for (double steps = 500; steps < 1e5; steps *= 2) {
        const double loss = TrajectoryLoss(kKaplan, params, steps, batch);
        points.push_back({params, steps, batch, loss * std::exp(shift + noise * random.Normal()), run});
      }
    }
  }
  return points;
}

TEST(Trajectory, StepsAndTokensOfALossGoBackToThatLoss) {
  const TrajectoryLaw law = {6.5e13, .077, 2.1e3, .76, 2e8, .21};
  for (const double params : {1e7, 1e9}) {
    for (const double batch : {3e4, 5e5, 8e6}) {
      for (const double steps : {3e2, 1e4, 1e6}) {
        const double loss = TrajectoryLoss(law, params, steps, batch);
        const auto cost = TrajectoryCostOf(law, params, loss, batch);
        ASSERT_TRUE(cost.ok()) << cost.status();
        EXPECT_NEAR(cost->steps / steps, 1, 1e-9);
        EXPECT_NEAR(cost->tokens / (steps * batch), 1, 1e-9);
        EXPECT_NEAR(cost->critical_batch_tokens, 2e8 * std::pow(loss, -1 / .21), 1e-3);
        EXPECT_NEAR((cost->steps / cost->min_steps - 1) * (cost->tokens / cost->min_tokens - 1), 1, 1e-9);
      }
    }
  }
  const auto at_critical = TrajectoryCostOf(law, 1e9, 3, 0);
  ASSERT_TRUE(at_critical.ok());
  EXPECT_NEAR(at_critical->steps, 2 * at_critical->min_steps, 1e-6);
  EXPECT_NEAR(at_critical->tokens / at_critical->min_tokens, 2, 1e-12);
  // (6.5e13 / 1e9)^0.077 = 2.347 is all that a model of 1e9 comes to.
  EXPECT_EQ(TrajectoryCostOf(law, 1e9, 2.3, 1e5).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(TrajectoryCostOf(law, 1e9, -3, 1e5).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(TrajectoryFit, RecoversExactConstantsFromExactCurves) {
  const auto fit = FitTrajectory(Simulate(0, 1), {.replicates = 0});
  ASSERT_TRUE(fit.ok()) << fit.status().message();
  EXPECT_TRUE(fit->converged);
  EXPECT_NEAR(fit->law.alpha_n, .077, 1e-5);
  EXPECT_NEAR(fit->law.alpha_s, .76, 1e-4);
  EXPECT_NEAR(fit->law.alpha_b, .21, 1e-4);
  EXPECT_NEAR(fit->law.b_star / 2e8, 1, 1e-3);
}

TEST(TrajectoryFit, IntervalsHoldTheTruthUnderNoise) {
  const auto fit = FitTrajectory(Simulate(2e-3, 2), {.replicates = 100});
  ASSERT_TRUE(fit.ok()) << fit.status().message();
  EXPECT_LT(fit->relative_error, 5e-3);
  EXPECT_LT(fit->low.alpha_b, .21);
  EXPECT_GT(fit->high.alpha_b, .21);
  EXPECT_LT(fit->low.alpha_s, .76);
  EXPECT_GT(fit->high.alpha_s, .76);
}

TEST(TrajectoryFit, NamesTheAxisThatDoesNotVary) {
  std::vector<TrajectoryPoint> points = Simulate(0, 1);
  for (TrajectoryPoint& p : points) p.params = 1e7;
  const auto fit = FitTrajectory(points);
  ASSERT_FALSE(fit.ok());
  EXPECT_NE(std::string(fit.status().message()).find("params"), std::string::npos);
  points = Simulate(0, 1);
  points[3].loss = NAN;
  EXPECT_EQ(FitTrajectory(points).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sextant::fitting
