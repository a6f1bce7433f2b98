// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/floor_profile.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "tests/fitting/catalogue_fixture.h"

namespace sextant::fitting {
namespace {

RunTable Runs(int count, double noise, std::uint64_t seed) {
  RunTable runs;
  RandomStream random(seed, 0);
  for (int i = 0; i < count; ++i) {
    const double params = 1e7 * std::pow(300.0, random.Uniform()),
                 tokens = 2e8 * std::pow(300.0, random.Uniform());
    runs.id.push_back(std::to_string(i));
    runs.params.push_back(params);
    runs.tokens.push_back(tokens);
    runs.loss.push_back((1.8 + 480 * std::pow(params, -0.35) + 2000 * std::pow(tokens, -0.365)) *
                        std::exp(noise * random.Normal()));
    runs.state.push_back(RunState::kFinished);
  }
  for (auto column : {&RunTable::learning_rate, &RunTable::batch_size_tokens, &RunTable::sequence_length,
                      &RunTable::steps, &RunTable::weight_decay, &RunTable::adam_beta2}) {
    (runs.*column).assign(static_cast<std::size_t>(count), std::nan(""));
  }
  return runs;
}

FitRequest Squared() {
  FitRequest request;
  request.loss = "squared";
  return request;
}

TEST(FloorProfile, HoldsTheTruthAndWidensWithNoise) {
  const auto law = ShippedLaw("loss-chinchilla");
  const double truth = 1.8 + 480 * std::pow(7e10, -0.35) + 2000 * std::pow(1.4e12, -0.365);
  double last = 0;
  for (const double noise : {0.001, 0.004}) {
    const auto profile = ProfileFloor(law, Runs(60, noise, 3), Squared(), 7e10, 1.4e12, 0.95, 25);
    ASSERT_TRUE(profile.ok()) << profile.status();
    EXPECT_LT(profile->floor_low, 1.8);
    EXPECT_GT(profile->floor_high, 1.8);
    EXPECT_LE(profile->loss_low, truth);
    EXPECT_GE(profile->loss_high, truth);
    EXPECT_GT(profile->loss_high - profile->loss_low, last);
    last = profile->loss_high - profile->loss_low;
    for (const FloorPoint& point : profile->points) EXPECT_GE(point.deviance, -1e-6);
  }
}

// marin#5619: three points in C fit two floors equally well.
TEST(FloorProfile, SaysThatEveryFloorFitsWithoutSpareRuns) {
  const auto profile =
      ProfileFloor(ShippedLaw("loss-chinchilla"), Runs(5, 0, 4), Squared(), 7e10, 1.4e12, 0.9, 9);
  EXPECT_EQ(profile.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(profile.status().message().find("every floor fits"), std::string::npos) << profile.status();
}

TEST(FloorProfile, NeedsALawWithAFloor) {
  const auto profile =
      ProfileFloor(ShippedLaw("lr-power-nd"), Runs(9, 0, 4), Squared(), 7e10, 1.4e12, 0.9, 9);
  EXPECT_EQ(profile.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sextant::fitting
