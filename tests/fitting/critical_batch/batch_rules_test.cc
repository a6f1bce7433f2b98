// SPDX-License-Identifier: Apache-2.0
// Scores over workloads and batches by the norm test, against arithmetic by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "fitting/critical_batch/norm_test.h"
#include "fitting/critical_batch/performance_profile.h"

namespace sextant::fitting {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

TEST(PerformanceProfile, ScoresAreTheAreaUnderTheProfile) {
  const std::vector<TimeToGoal> times = {{"a", "adam", 100}, {"a", "sgd", 200},   {"b", "adam", 300},
                                         {"b", "sgd", 100},  {"c", "adam", 50},   {"c", "sgd", kNone},
                                         {"c", "adam", 500}, {"d", "adam", 1000}, {"d", "sgd", 100}};
  const auto scores = ScoreSubmissions(times, 4);
  ASSERT_TRUE(scores.ok()) << scores.status();
  ASSERT_EQ(scores->size(), 2U);
  // sgd: ratios 2, 1, never, 1: (2 + 3 + 0 + 3) / (3 x 4). adam: 1, 3, 1, 10: (3 + 1 + 3 + 0) / 12.
  EXPECT_EQ((*scores)[0].submission, "sgd");
  EXPECT_DOUBLE_EQ((*scores)[0].score, 8. / 12);
  EXPECT_DOUBLE_EQ((*scores)[1].score, 7. / 12);
  EXPECT_DOUBLE_EQ(PerformanceProfile((*scores)[1], 1), 0.5);
  EXPECT_DOUBLE_EQ(PerformanceProfile((*scores)[1], 2.999), 0.5);
  EXPECT_DOUBLE_EQ(PerformanceProfile((*scores)[1], 3), 0.75);
  EXPECT_TRUE(std::isinf((*scores)[0].workloads[2].ratio));
}

TEST(PerformanceProfile, WorkloadsThatNobodySolvesCountAgainstAll) {
  const auto scores = ScoreSubmissions({{"a", "x", 1}, {"b", "x", kNone}});
  ASSERT_TRUE(scores.ok());
  EXPECT_DOUBLE_EQ(scores->front().score, 0.5);
  EXPECT_FALSE(ScoreSubmissions({}).ok());
  EXPECT_FALSE(ScoreSubmissions({{"a", "x", 0}}).ok());
  EXPECT_FALSE(ScoreSubmissions({{"a", "x", 1}}, 1).ok());
}

TEST(NormTest, BatchesFollowTheNoiseAndNeverFall) {
  const std::vector<double> tokens = {1000, 2000, 3000, 4000, 5000, 6000};
  const std::vector<double> noise = {10, 25.1, kNone, 20, 60, 400};
  const auto plan =
      PlanByNormTest(tokens, noise, {.eta = 0.5, .first_batch_tokens = 50, .largest_batch_tokens = 1000});
  ASSERT_TRUE(plan.ok()) << plan.status();
  // ceil(25.1 / 0.25) = 101, then 240, then 1600 held at 1000; 20 / 0.25 = 80 changes nothing.
  ASSERT_EQ(plan->stages.size(), 4U);
  EXPECT_DOUBLE_EQ(plan->stages[0].batch_size_tokens, 50);
  EXPECT_DOUBLE_EQ(plan->stages[1].batch_size_tokens, 101);
  EXPECT_DOUBLE_EQ(plan->stages[1].from_tokens, 2000);
  EXPECT_DOUBLE_EQ(plan->stages[2].batch_size_tokens, 240);
  EXPECT_DOUBLE_EQ(plan->stages[3].batch_size_tokens, 1000);
  EXPECT_DOUBLE_EQ(plan->steps, 2000 / 50. + 3000 / 101. + 1000 / 240.);
  EXPECT_DOUBLE_EQ(plan->steps_of_first_batch, 120);
  EXPECT_THAT(plan->warnings, ::testing::ElementsAre(::testing::HasSubstr("largest")));
}

TEST(NormTest, RoundsUpAndSmoothes) {
  const std::vector<double> tokens = {1, 2, 3, 4}, noise = {10, 1000, 10, 12};
  auto plan =
      PlanByNormTest(tokens, noise, {.eta = 1, .first_batch_tokens = 8, .multiple_tokens = 8, .window = 3});
  ASSERT_TRUE(plan.ok());
  EXPECT_DOUBLE_EQ(plan->stages.back().batch_size_tokens,
                   8 * std::ceil(505 / 8.));  // the median of the first two
  EXPECT_FALSE(PlanByNormTest(tokens, noise, {.eta = 0, .first_batch_tokens = 8}).ok());
  EXPECT_FALSE(PlanByNormTest(tokens, noise, {.eta = 1}).ok());
  const std::vector<double> none(4, kNone);
  EXPECT_EQ(PlanByNormTest(tokens, none, {.eta = 1, .first_batch_tokens = 8}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sextant::fitting
