// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/plan.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "tests/fitting/catalogue_fixture.h"

namespace sextant::fitting {
namespace {

LossSurface Published(const std::string& id) {
  const std::shared_ptr<const Law> law = ShippedLaw(id);
  absl::StatusOr<LossSurface> surface = LossSurface::Make(id, law, law->PublishedParameters(), {}, {});
  EXPECT_TRUE(surface.ok()) << surface.status();
  return *std::move(surface);
}

AllocationPlan Plan(const LossSurface& surface, const PlanRequest& request) {
  absl::StatusOr<AllocationPlan> plan = PlanAllocation(surface, request);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *std::move(plan) : AllocationPlan{};
}

// Hoffmann et al. 2022 (rounded and unrounded constants) and Besiroglu et al. 2024, N* and D* at 5.76e23.
TEST(PlanAllocation, ReproducesPublishedAllocations) {
  struct Case {
    const char* law;
    double params, tokens;
  };
  for (const Case& c : {Case{"chinchilla-a3", 3.218985915e10, 2.982305687e12},
                        Case{"chinchilla-a3-unrounded", 4.036093839e10, 2.378537363e12},
                        Case{"chinchilla-epoch", 7.235645839e10, 1.326764772e12}}) {
    const AllocationPlan plan = Plan(Published(c.law), {.flops = 5.76e23});
    EXPECT_NEAR(plan.params.value / c.params, 1, 1e-6) << c.law;
    EXPECT_NEAR(plan.tokens.value / c.tokens, 1, 1e-6) << c.law;
    EXPECT_NEAR(plan.flops / 5.76e23, 1, 1e-12) << c.law;
  }
}

// Muennighoff et al. 2023: the search in their repository for C = 1e22 and 25e9 unique tokens gives 7.022e9
// parameters and 237.3e9 tokens; it steps through a grid, so the loss is what must not be worse.
TEST(PlanAllocation, ReproducesTheOptimumWithRepeatedData) {
  const LossSurface surface = Published("muennighoff");
  const AllocationPlan plan = Plan(surface, {.flops = 1e22, .unique_tokens = 25e9});
  EXPECT_NEAR(plan.params.value / 7022364735.88, 1, 0.02);
  EXPECT_NEAR(plan.tokens.value / 237336955477.55, 1, 0.02);
  EXPECT_NEAR(*plan.epochs, 9.493, 0.2);
  EXPECT_LE(plan.loss.value,
            surface.Loss(surface.parameters(), 7022364735.88, 237336955477.55, 25e9) + 1e-12);
}

// All ways of giving the budget meet at one point.
TEST(PlanAllocation, WaysOfGivingTheBudgetAgree) {
  const LossSurface surface = Published("chinchilla-epoch");
  const AllocationPlan plan = Plan(surface, {.flops = 1e21});
  const auto same = [&](const PlanRequest& request, const char* what) {
    const AllocationPlan other = Plan(surface, request);
    EXPECT_NEAR(other.params.value / plan.params.value, 1, 1e-6) << what;
    EXPECT_NEAR(other.tokens.value / plan.tokens.value, 1, 1e-6) << what;
    EXPECT_NEAR(other.loss.value / plan.loss.value, 1, 1e-9) << what;
  };
  same({.gpus = 8, .days = 1e21 / (8 * 86400 * 1e15 * 0.4), .gpu_flops_per_second = 1e15, .utilisation = 0.4},
       "gpus");
  same({.params = plan.params.value}, "params");
  same({.tokens = plan.tokens.value}, "tokens");
  same({.target_loss = plan.loss.value}, "target loss");
  same({.flops = 1e21, .params = plan.params.value}, "flops and params");
  same({.flops = 1e21, .tokens = plan.tokens.value}, "flops and tokens");
  same({.params = plan.params.value, .tokens = plan.tokens.value}, "params and tokens");
  same({.target_loss = plan.loss.value, .params = plan.params.value}, "target loss and params");
}

// With inference and repeats the budget that a loss asks for gives that loss, by the other way round.
TEST(PlanAllocation, ATargetLossAndItsBudgetAgreeUnderConstraints) {
  const LossSurface surface = Published("chinchilla-epoch");
  for (const PlanRequest& request :
       {PlanRequest{.target_loss = 2.2, .inference_tokens = 2e12},
        PlanRequest{.target_loss = 2.1, .unique_tokens = 3e10},
        PlanRequest{.target_loss = 2.2, .unique_tokens = 5e10, .inference_tokens = 1e11}}) {
    const AllocationPlan plan = Plan(surface, request);
    EXPECT_NEAR(plan.loss.value / *request.target_loss, 1, 1e-9);
    PlanRequest back = request;
    back.target_loss.reset();
    back.flops = plan.flops + plan.inference_flops.value_or(0);
    const AllocationPlan other = Plan(surface, back);
    EXPECT_NEAR(other.params.value / plan.params.value, 1, 1e-3);
    EXPECT_NEAR(other.loss.value / plan.loss.value, 1, 1e-6);
  }
}

TEST(PlanAllocation, CostsOfMachinesAddUp) {
  const AllocationPlan plan =
      Plan(Published("chinchilla-epoch"),
           {.gpus = 64, .days = 30, .gpu_flops_per_second = 989e12, .utilisation = 0.4});
  EXPECT_NEAR(*plan.wall_days, 30, 1e-9);
  EXPECT_NEAR(*plan.gpu_hours, 64 * 30 * 24, 1e-6);
  EXPECT_NEAR(plan.flops, 64 * 30 * 86400 * 989e12 * 0.4, 1e9);
}

TEST(PlanAllocation, ConstraintsHoldAndSayWhatTheyCost) {
  const LossSurface surface = Published("chinchilla-epoch");
  const AllocationPlan free = Plan(surface, {.flops = 1e21});
  const AllocationPlan small = Plan(surface, {.flops = 1e21, .max_params = free.params.value / 4});
  EXPECT_DOUBLE_EQ(small.params.value, free.params.value / 4);
  EXPECT_GT(small.loss.value, free.loss.value);
  ASSERT_FALSE(small.warnings.empty());
  EXPECT_NE(small.warnings[1].find("the constraints cost loss"), std::string::npos);
  const AllocationPlan long_run = Plan(surface, {.flops = 1e21, .overtrain = 9});
  EXPECT_NEAR(long_run.tokens_per_param.value / free.tokens_per_param.value, 9, 1e-6);
  EXPECT_NEAR(long_run.flops / 1e21, 1, 1e-9);
  // Inference makes a smaller model on more tokens the cheaper one (Sardana et al. 2024).
  const AllocationPlan served = Plan(surface, {.target_loss = free.loss.value, .inference_tokens = 2e12});
  EXPECT_LT(served.params.value, 0.8 * free.params.value);
  EXPECT_NEAR(served.loss.value / free.loss.value, 1, 1e-9);
  EXPECT_LT(served.flops + *served.inference_flops, free.flops + 2 * free.params.value * 2e12);
}

TEST(PlanAllocation, TheValleyHoldsSizesWithinTheTolerance) {
  const LossSurface surface = Published("chinchilla-epoch");
  const AllocationPlan plan = Plan(surface, {.flops = 1e21, .tolerance = 0.0025});
  for (const double params : {*plan.valley_low, *plan.valley_high}) {
    const double loss = surface.Loss(surface.parameters(), params, 1e21 / (6 * params), std::nullopt);
    EXPECT_NEAR(loss / plan.loss.value, 1.0025, 1e-6);
  }
  EXPECT_LT(*plan.valley_low, plan.params.value);
  EXPECT_GT(*plan.valley_high, plan.params.value);
  ASSERT_EQ(plan.frontier.size(), 7U);
  for (const FrontierPoint& point : plan.frontier) EXPECT_GE(point.loss, plan.loss.value * (1 - 1e-12));
}

// Replicates whose N* is known in closed form: A moves N* by A^(1/(alpha+beta)).
TEST(PlanAllocation, IntervalsArePercentilesOfReplicateOptima) {
  const std::shared_ptr<const Law> law = ShippedLaw("chinchilla-epoch");
  const std::vector<double> center = law->PublishedParameters();
  const std::size_t a = *law->ParameterIndex("A");
  RandomStream random(1, 0);
  std::vector<double> replicates;
  for (int r = 0; r < 2000; ++r) {
    std::vector<double> row = center;
    row[a] *= std::exp(0.1 * random.Normal());
    replicates.insert(replicates.end(), row.begin(), row.end());
  }
  const absl::StatusOr<LossSurface> surface = LossSurface::Make("fit", law, center, replicates, {});
  ASSERT_TRUE(surface.ok());
  const AllocationPlan plan = Plan(*surface, {.flops = 1e21});
  const double alpha = center[*law->ParameterIndex("alpha")], beta = center[*law->ParameterIndex("beta")];
  const double spread = 1.6449 * 0.1 / (alpha + beta);
  EXPECT_NEAR(std::log(*plan.params.high / plan.params.value), spread, 0.1 * spread);
  EXPECT_NEAR(std::log(plan.params.value / *plan.params.low), spread, 0.1 * spread);
}

TEST(PlanAllocation, RefusesWhatCannotBe) {
  const LossSurface surface = Published("chinchilla-epoch");
  const double nan = std::nan("");
  for (const auto& [request, named] : std::vector<std::pair<PlanRequest, std::string>>{
           {{}, "budget"},
           {{.flops = 0}, "flops"},
           {{.flops = -1}, "flops"},
           {{.flops = nan}, "flops"},
           {{.flops = 1e300}, "flops"},
           {{.gpus = 8, .days = 3}, "days"},
           {{.gpus = 8, .days = 3, .gpu_flops_per_second = 1e15, .utilisation = 40}, "utilisation"},
           {{.flops = 1e21, .gpus = 8, .days = 3, .gpu_flops_per_second = 1e15, .utilisation = 0.4}, "flops"},
           {{.flops = 1e21, .target_loss = 2}, "budget"},
           {{.flops = 1e21, .params = 1e9, .tokens = 1e9}, "budget"},
           {{.params = 1e9, .max_params = 1e8}, "max_params"},
           {{.flops = 1e21, .overtrain = 0}, "overtrain"}}) {
    const absl::Status status = PlanAllocation(surface, request).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(status.message().find(named), std::string::npos) << status << " lacks " << named;
  }
  for (const auto& [request, named] : std::vector<std::pair<PlanRequest, std::string>>{
           {{.target_loss = 1.5}, "target_loss"},  // below E = 1.817
           {{.flops = 100}, "flops"},
           {{.flops = 1e18, .inference_tokens = 1e18}, "inference_tokens"}}) {
    const absl::Status status = PlanAllocation(surface, request).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_NE(status.message().find(named), std::string::npos) << status << " lacks " << named;
  }
}

TEST(PlanAllocation, FarExtrapolationIsLoud) {
  const AllocationPlan plan = Plan(Published("chinchilla-epoch"), {.flops = 1e32});
  EXPECT_GT(plan.extrapolation_params, 1000);
  EXPECT_NE(plan.warnings.back().find("a guess"), std::string::npos) << plan.warnings.back();
}

TEST(LossSurface, TakesOnlyLawsOfParamsAndTokens) {
  for (const char* id : {"step-law-lr", "kaplan-l-n", "mpl"}) {
    const std::shared_ptr<const Law> law = ShippedLaw(id);
    EXPECT_FALSE(LossSurface::Make(id, law, law->PublishedParameters(), {}, {}).ok()) << id;
  }
}

}  // namespace
}  // namespace sextant::fitting
