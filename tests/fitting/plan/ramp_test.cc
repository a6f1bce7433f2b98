// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/ramp.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sextant::fitting {
namespace {

// A loss 2 + 100 D^-0.3 and Kaplan et al.'s critical batch 2e8 L^(-1/0.21).
RampRequest Request() {
  RampRequest request;
  request.tokens = 1e11;
  request.batch_size_tokens = 1048576;
  request.learning_rate = 4e-4;
  request.loss = [](double tokens) { return 2 + 100 * std::pow(tokens, -0.3); };
  request.critical_batch = [](double loss, double) { return 2e8 * std::pow(loss, -1 / 0.21); };
  return request;
}

TEST(Ramp, EveryStageIsBelowTheCriticalBatchAndCoversTheRun) {
  const auto ramp = PlanRamp(Request());
  ASSERT_TRUE(ramp.ok()) << ramp.status();
  ASSERT_GE(ramp->stages.size(), 2U);
  double at = 0, steps = 0;
  for (const RampStage& stage : ramp->stages) {
    EXPECT_DOUBLE_EQ(stage.from_tokens, at);
    at = stage.to_tokens;
    steps += (stage.to_tokens - stage.from_tokens) / stage.batch_size_tokens;
    EXPECT_LE(stage.batch_size_tokens, stage.critical_batch * (1 + 1e-6));
    EXPECT_GT(2 * stage.batch_size_tokens, stage.critical_batch * (1 - 0.05));
    // The rate goes with the square root of the batch.
    EXPECT_NEAR(*stage.learning_rate, 4e-4 * std::sqrt(stage.batch_size_tokens / 1048576), 1e-12);
  }
  EXPECT_DOUBLE_EQ(at, 1e11);
  EXPECT_NEAR(ramp->steps, steps, 1e-6 * steps);
  EXPECT_NEAR(ramp->steps_saved_share, 1 - steps / (1e11 / ramp->stages.front().batch_size_tokens), 1e-12);
  EXPECT_GT(ramp->steps_saved_share, 0.3);
  EXPECT_TRUE(ramp->warnings.empty());
}

TEST(Ramp, HoldsTheBatchBeyondWhatWasMeasured) {
  RampRequest request = Request();
  request.losses = {2.3, 10};
  const auto ramp = PlanRamp(request);
  ASSERT_TRUE(ramp.ok()) << ramp.status();
  ASSERT_FALSE(ramp->warnings.empty());
  EXPECT_NE(ramp->warnings[0].find("held"), std::string::npos);
  EXPECT_LE(ramp->stages.back().batch_size_tokens, 2e8 * std::pow(2.3, -1 / 0.21));
  request.losses = {};
  request.max_batch_size = 1e6;
  const auto capped = PlanRamp(request);
  ASSERT_TRUE(capped.ok());
  EXPECT_LE(capped->stages.back().batch_size_tokens, 1e6);
}

TEST(Ramp, RefusesWhereNothingWasMeasured) {
  RampRequest request = Request();
  request.losses = {0.5, 1.9};
  const auto ramp = PlanRamp(request);
  EXPECT_EQ(ramp.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(ramp.status().message().find("beyond that no ramp"), std::string::npos) << ramp.status();
}

}  // namespace
}  // namespace sextant::fitting
