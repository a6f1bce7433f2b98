// SPDX-License-Identifier: Apache-2.0
#include "fitting/allocation/allocation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fitting/least_squares/fixtures.h"

namespace sextant::fitting {
namespace {

using testing::ChinchillaLaw;
using ::testing::HasSubstr;
using testing::Surface;

const std::vector<double> kRounded = {1.69, 406.4, 410.7, 0.34, 0.28};
const std::vector<double> kUnrounded = {1.6933737, 406.4010175, 410.7228270, 0.33917084, 0.2849083};

// Worked by hand from Hoffmann et al. 2022, equation 4, at their rounded and unrounded constants.
TEST(Allocation, ClosedFormAtPublishedConstants) {
  const auto law = ChinchillaLaw();
  const auto rounded = OptimalAllocation(*law, kRounded, {}, 5.76e23);
  ASSERT_TRUE(rounded.ok());
  EXPECT_NEAR(rounded->params.value / 3.218985915e10, 1, 1e-9);
  EXPECT_NEAR(rounded->tokens.value / 2.982305687e12, 1, 1e-9);
  EXPECT_NEAR(rounded->tokens_per_param.value / 92.647367, 1, 1e-7);
  const auto unrounded = OptimalAllocation(*law, kUnrounded, {}, 1e21);
  ASSERT_TRUE(unrounded.ok());
  EXPECT_NEAR(unrounded->tokens_per_param.value / 33.910566, 1, 1e-5);
  EXPECT_FALSE(unrounded->params.low);
  const auto laws = ClosedFormAllocation(*law, kRounded);
  ASSERT_TRUE(laws);
  EXPECT_NEAR(laws->params.exponent, 0.28 / 0.62, 1e-12);
  EXPECT_NEAR(laws->tokens.log_coefficient / std::log(10), -0.5553569, 1e-7);
}

TEST(Allocation, OneDimensionalMinimumAgreesWithTheClosedForm) {
  // The same surface under names that the closed form does not know.
  const auto other = golden::TextLaw(
      "floor + a * N^(-p) + b * D^(-q)", {"N", "D"},
      {{"floor", {}, "", {}}, {"a", {}, "", {}}, {"b", {}, "", {}}, {"p", {}, "", {}}, {"q", {}, "", {}}});
  ASSERT_NE(other, nullptr);
  EXPECT_FALSE(ClosedFormAllocation(*other, kRounded));
  const auto found = OptimalAllocation(*other, kRounded, {}, 5.76e23);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_NEAR(found->params.value / 3.218985915e10, 1, 1e-6);
}

TEST(Allocation, NamesAloneDoNotMakeTheForm) {
  const auto swapped = golden::TextLaw(
      "E + A / N^beta + B / D^alpha", {"N", "D"},
      {{"E", {}, "", {}}, {"A", {}, "", {}}, {"B", {}, "", {}}, {"alpha", {}, "", {}}, {"beta", {}, "", {}}});
  ASSERT_NE(swapped, nullptr);
  EXPECT_FALSE(ClosedFormAllocation(*swapped, kRounded));
  EXPECT_TRUE(OptimalAllocation(*swapped, kRounded, {}, 1e21).ok());
}

TEST(Allocation, ReplicatesBecomeIntervals) {
  std::vector<double> replicates;
  for (int i = -20; i <= 20; ++i) {
    std::vector<double> one = kRounded;
    one[3] += 0.0005 * i;
    replicates.insert(replicates.end(), one.begin(), one.end());
  }
  const auto found = OptimalAllocation(*ChinchillaLaw(), kRounded, replicates, 1e21);
  ASSERT_TRUE(found.ok());
  ASSERT_TRUE(found->params.low && found->params.high && found->loss.low);
  EXPECT_LT(*found->params.low, found->params.value);
  EXPECT_GT(*found->params.high, found->params.value);
}

TEST(Allocation, RefusesWhatHasNoOptimum) {
  const auto law = ChinchillaLaw();
  for (const double flops : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_EQ(OptimalAllocation(*law, kRounded, {}, flops).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  const auto no_tokens = golden::TextLaw("E + A / N^alpha", {"N"},
                                         {{"E", {}, "", {}}, {"A", {}, "", {}}, {"alpha", {}, "", {}}});
  EXPECT_EQ(OptimalAllocation(*no_tokens, std::vector<double>{1, 2, 0.3}, {}, 1e21).status().code(),
            absl::StatusCode::kInvalidArgument);
  // Loss that only falls with size: the largest allowed model is always best.
  const auto greedy = golden::TextLaw("E + A / N^alpha + 0 * D", {"N", "D"},
                                      {{"E", {}, "", {}}, {"A", {}, "", {}}, {"alpha", {}, "", {}}});
  ASSERT_NE(greedy, nullptr);
  EXPECT_EQ(OptimalAllocation(*greedy, std::vector<double>{1, 400, 0.3}, {}, 1e21).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

std::vector<TrainingCurve> Curves(const Surface& surface) {
  std::vector<TrainingCurve> curves;
  for (int size = 0; size < 25; ++size) {
    TrainingCurve curve;
    curve.params = 3e7 * std::pow(10.0, size / 8.0);
    for (int i = 0; i <= 60; ++i) {
      curve.tokens.push_back(0.01 * curve.params * std::pow(10.0, i / 15.0));
      curve.loss.push_back(surface.Loss(curve.params, curve.tokens.back()));
    }
    curves.push_back(curve);
  }
  return curves;
}

TEST(Envelope, FindsTheExponentsOfASymmetricSurface) {
  const auto fit = FitEnvelope(Curves({1.69, 400, 400, 0.31, 0.31}), 1500, {50, 1, 0.8});
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_NEAR(fit->params.exponent, 0.5, 0.02);
  EXPECT_NEAR(fit->params.exponent + fit->tokens.exponent, 1, 1e-9);
  ASSERT_TRUE(fit->params_exponent.low && fit->params_exponent.high);
  EXPECT_LT(*fit->params_exponent.low, 0.51);
  EXPECT_GT(*fit->params_exponent.high, 0.49);
  const Allocation at = fit->At(1e21);
  EXPECT_NEAR(at.params.value * at.tokens.value * 6 / 1e21, 1, 1e-6);
  EXPECT_TRUE(at.tokens.low);
}

TEST(Envelope, RefusesCurvesThatSayNothing) {
  EXPECT_FALSE(FitEnvelope({}).ok());
  std::vector<TrainingCurve> curves = Curves({});
  EXPECT_FALSE(FitEnvelope({curves[0], curves[1]}).ok());
  curves[2].tokens[3] = curves[2].tokens[2];
  const auto fit = FitEnvelope(curves);
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(fit.status().message()), HasSubstr("training curve 3"));
}

TEST(IsoFlop, LeavesOutBudgetsWithoutAMinimumAndGivesIntervals) {
  const Surface surface;
  std::vector<IsoFlopRun> runs;
  RandomStream random(8, 0);
  for (int budget = 0; budget < 4; ++budget) {
    const double flops = 6e18 * std::pow(10.0, budget);
    const double best = 1.3447 * std::pow(flops / 6, 0.4516129);
    for (int i = -5; i <= 5; ++i) {
      // The last budget samples only sizes that are too large.
      const double params = best * std::pow(2.0, budget == 3 ? 3 + 0.3 * (i + 5) : 0.4 * i);
      runs.push_back({flops * (1 + 0.01 * random.Uniform()), params, flops / (6 * params),
                      surface.Loss(params, flops / (6 * params)) * std::exp(0.0005 * random.Normal())});
    }
  }
  const auto fit = FitIsoFlopParabolas(runs, 0.05, {200, 1, 0.95});
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->optima.size(), 3u);
  EXPECT_TRUE(testing::AnyContains(fit->warnings, "left out"));
  EXPECT_NEAR(fit->params.exponent, 0.4516, 0.05);
  ASSERT_TRUE(fit->params_exponent.low);
  EXPECT_LT(*fit->params_exponent.low, fit->params.exponent);
  EXPECT_EQ(FitIsoFlopParabolas({}).status().code(), absl::StatusCode::kFailedPrecondition);
  runs[0].loss = std::nan("");
  EXPECT_EQ(FitIsoFlopParabolas(runs).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sextant::fitting
