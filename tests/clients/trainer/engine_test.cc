// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/engine/engine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/clients/trainer/test_tokens.h"

namespace sextant::trainer {
namespace {

FusedJob SmallJob() {
  FusedJob job;
  job.shape = {64, 2, 64, 24, 12};
  job.batch_sequences = 4;
  job.schedule = {ScheduleKind::kCosine, 60, 5, 0, 0};
  job.validation_windows = 6;
  job.runs = {{3e-3, 0.1, 1, 1}};
  return job;
}

TEST(ReferenceEngineTest, GradientMatchesDifferencesOfTheLossInEveryTensor) {
  FusedJob job = SmallJob();
  job.batch_sequences = 2;
  const TokenSet tokens = PhraseTokens(24, 2000, 200);
  auto engine = NewReferenceEngine(job, tokens).value();
  std::vector<float> weights = engine->ReadParameters(0).value();
  // Wider weights than the initial ones, so that attention and gates are far from linear.
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = weights[i] == 1.0F ? 1.1F : weights[i] * 6;
  ASSERT_TRUE(engine->WriteParameters(0, weights).ok());
  const std::vector<float> gradient = engine->ComputeGradient(0).value();
  // The loss of the coming batch, read from the log of a step taken by a twin.
  auto loss_at = [&](const std::vector<float>& at) {
    auto twin = NewReferenceEngine(job, tokens).value();
    EXPECT_TRUE(twin->WriteParameters(0, at).ok());
    EXPECT_TRUE(twin->Advance(1).ok());
    return static_cast<double>(twin->ReadLog().value()[0].train_loss[0]);
  };
  // Along the gradient of one tensor at a time the slope is its squared norm.
  for (const Tensor& tensor : ParameterLayout(job.shape).tensors) {
    double squared = 0;
    for (size_t i = tensor.offset; i < tensor.offset + tensor.size(); ++i) {
      squared += static_cast<double>(gradient[i]) * gradient[i];
    }
    ASSERT_GT(squared, 0) << tensor.name;
    const double step = 2e-2 / std::sqrt(squared);
    double slope = 0;
    for (const double side : {1.0, -1.0}) {
      std::vector<float> moved = weights;
      for (size_t i = tensor.offset; i < tensor.offset + tensor.size(); ++i) {
        moved[i] += static_cast<float>(side * step * gradient[i]);
      }
      slope += side * loss_at(moved) / (2 * step);
    }
    EXPECT_NEAR(slope / squared, 1, 0.02) << tensor.name;
  }
}

TEST(ReferenceEngineTest, LearnsPhrasesOnTheCpu) {
  FusedJob job = SmallJob();
  job.batch_sequences = 8;
  job.schedule.steps = 120;
  job.runs[0].learning_rate = 6e-3;
  const TokenSet tokens = PhraseTokens(24, 12000, 400);
  auto engine = NewReferenceEngine(job, tokens).value();
  const double before = engine->ValidationLoss().value()[0];
  EXPECT_NEAR(before, std::log(24.0), 0.1);
  ASSERT_TRUE(engine->Advance(120).ok());
  EXPECT_LT(engine->ValidationLoss().value()[0], before - 0.5);
}

TEST(ReferenceEngineTest, SameSeedGivesTheSameCurveAndAnotherSeedAnother) {
  FusedJob job = SmallJob();
  job.runs = {{3e-3, 0.1, 1, 1}, {3e-3, 0.1, 1, 1}, {3e-3, 0.1, 2, 1}, {3e-3, 0.1, 1, 2}};
  const TokenSet tokens = PhraseTokens(24, 3000, 400);
  auto engine = NewReferenceEngine(job, tokens).value();
  ASSERT_TRUE(engine->Advance(3).ok());
  const auto log = engine->ReadLog().value();
  EXPECT_EQ(log[0].train_loss, log[1].train_loss);
  EXPECT_NE(log[0].train_loss, log[2].train_loss);
  EXPECT_NE(log[0].train_loss, log[3].train_loss);
}

TEST(ReferenceEngineTest, DivergenceOfOneRunLeavesTheOthersUntouched) {
  FusedJob job = SmallJob();
  const TokenSet tokens = PhraseTokens(24, 3000, 400);
  auto alone = NewReferenceEngine(job, tokens).value();
  job.runs.push_back({1e38, 0.1, 1, 1});
  auto both = NewReferenceEngine(job, tokens).value();
  ASSERT_TRUE(alone->Advance(8).ok());
  ASSERT_TRUE(both->Advance(8).ok());
  const auto log = both->ReadLog().value();
  EXPECT_EQ(log[0].train_loss, alone->ReadLog().value()[0].train_loss);
  EXPECT_TRUE(std::isnan(log[1].train_loss.back()));
}

TEST(EngineValidateTest, NamesWhatIsWrong) {
  const TokenSet tokens = PhraseTokens(24, 3000, 400);
  FusedJob job = SmallJob();
  job.shape.d_model = 100;
  EXPECT_NE(std::string(Validate(job, tokens).message()).find("d_model = 100"), std::string::npos);
  job = SmallJob();
  job.shape.vocab = 16;
  EXPECT_NE(std::string(Validate(job, tokens).message()).find("vocabulary of 24"), std::string::npos);
  job = SmallJob();
  job.validation_windows = 1000;
  EXPECT_NE(std::string(Validate(job, tokens).message()).find("validation_windows"), std::string::npos);
  job = SmallJob();
  job.runs[0].learning_rate = NAN;
  EXPECT_EQ(Validate(job, tokens).code(), absl::StatusCode::kInvalidArgument);
  job = SmallJob();
  job.schedule.warmup_steps = 61;
  EXPECT_EQ(Validate(job, tokens).code(), absl::StatusCode::kInvalidArgument);
}

TEST(NoiseScaleTest, RecoversAKnownScale) {
  // E|G_B|^2 = |G|^2 + tr(S) / B with |G|^2 = 2 and tr(S) = 3000: the scale is 1500 tokens.
  const double batch = 1000;
  EXPECT_NEAR(NoiseScaleTokens({2 + 3000 / batch, 2 + 3000 / (batch / 2)}, batch), 1500, 1e-6);
  EXPECT_TRUE(std::isnan(NoiseScaleTokens({1.0, 0.5}, batch)));
}

}  // namespace
}  // namespace sextant::trainer
