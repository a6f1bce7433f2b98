// SPDX-License-Identifier: Apache-2.0
#include "fitting/plan/allocation_plan.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/fitting/catalogue_fixture.h"

namespace sextant::fitting {
namespace {

ComputeLaw Published(const std::string& id) {
  const std::shared_ptr<const Law> law = ShippedLaw(id);
  auto made = MakeComputeLaw(id, law, law->PublishedParameters(), {}, law->spec().variables[0].fitted);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

AllocationPlan Plan(const ComputeOptimalLaws& laws, const PlanRequest& request) {
  const auto plan = PlanOnAllocation(laws, request);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : AllocationPlan{};
}

// Porian et al. 2024, tuned; MiniCPM (N and D in billions); Marin MoE v16.
TEST(PlanOnAllocation, ReproducesPublishedAllocations) {
  struct Case {
    const char *params, *tokens;
    double n, d, tolerance;
  };
  for (const Case& c :
       {Case{"porian-params", "porian-tokens", 3.23778e9, 5.14760e10, 1e-3},
        Case{"minicpm-params", "minicpm-tokens", 9.996e8, 1.6673e11, 1e-3},
        Case{"marin-v16-params", "marin-v16-tokens", 1.8725e9, 8.8734e10, 1e-3},
        Case{"chinchilla-epoch-params", "chinchilla-epoch-tokens", 2.7821e9, 5.9906e10, 1e-3}}) {
    const ComputeOptimalLaws laws{Published(c.params), Published(c.tokens)};
    const AllocationPlan plan = Plan(laws, {.flops = 1e21});
    EXPECT_NEAR(plan.params.value / c.n, 1, c.tolerance) << c.params;
    EXPECT_NEAR(plan.tokens.value / c.d, 1, c.tolerance) << c.tokens;
    EXPECT_EQ(plan.basis, "allocation");
    EXPECT_TRUE(std::isnan(plan.loss.value));
  }
}

TEST(PlanOnAllocation, OneLawAndTheBudgetGiveTheOther) {
  ComputeOptimalLaws laws;
  laws.params = Published("chinchilla-epoch-params");
  const AllocationPlan plan = Plan(laws, {.flops = 5.76e23});
  EXPECT_NEAR(plan.params.value / 7.235645839e10, 1, 1e-9);
  EXPECT_NEAR(6 * plan.params.value * plan.tokens.value / 5.76e23, 1, 1e-12);
  // N or D instead of the budget.
  const AllocationPlan by_params = Plan(laws, {.params = 7.235645839e10});
  EXPECT_NEAR(by_params.flops / 5.76e23, 1, 1e-6);
  const AllocationPlan by_tokens = Plan(laws, {.tokens = plan.tokens.value});
  EXPECT_NEAR(by_tokens.params.value / plan.params.value, 1, 1e-6);
}

TEST(PlanOnAllocation, ConstraintsMoveAlongTheBudget) {
  const ComputeOptimalLaws laws{Published("porian-params"), Published("porian-tokens")};
  const AllocationPlan free = Plan(laws, {.flops = 1e19});
  const AllocationPlan capped = Plan(laws, {.flops = 1e19, .max_params = free.params.value / 3});
  EXPECT_DOUBLE_EQ(capped.params.value, free.params.value / 3);
  EXPECT_NEAR(capped.tokens.value / free.tokens.value, 3, 1e-9);
  const AllocationPlan longer = Plan(laws, {.flops = 1e19, .overtrain = 4});
  EXPECT_NEAR(longer.tokens_per_param.value / free.tokens_per_param.value, 4, 1e-9);
  const AllocationPlan far = Plan(laws, {.flops = 1e25});
  ASSERT_FALSE(far.warnings.empty());
  EXPECT_NE(far.warnings.back().find("a guess"), std::string::npos) << far.warnings.back();
}

TEST(PlanOnAllocation, PairsReplicatesOfBothLaws) {
  ComputeOptimalLaws laws{Published("porian-params"), Published("porian-tokens")};
  for (int r = 0; r < 100; ++r) {
    const double move = std::exp(0.02 * (r - 49.5) / 10);
    for (const double value : {laws.params->parameters[0] * move, laws.params->parameters[1]}) {
      laws.params->replicates.push_back(value);
    }
    for (const double value : {laws.tokens->parameters[0] / move, laws.tokens->parameters[1]}) {
      laws.tokens->replicates.push_back(value);
    }
  }
  const AllocationPlan plan = Plan(laws, {.flops = 1e19});
  ASSERT_TRUE(plan.tokens_per_param.low && plan.params.low);
  // Tokens per parameter move by the square.
  EXPECT_NEAR(std::log(*plan.tokens_per_param.high / plan.tokens_per_param.value),
              2 * std::log(*plan.params.high / plan.params.value), 1e-6);
}

TEST(PlanOnAllocation, RefusesWhatNeedsALossLawByName) {
  const ComputeOptimalLaws laws{Published("porian-params"), Published("porian-tokens")};
  for (const auto& [request, named] : std::vector<std::pair<PlanRequest, std::string>>{
           {{.target_loss = 2}, "target_loss"},
           {{.flops = 1e21, .unique_tokens = 1e9}, "unique_tokens"},
           {{.flops = 1e21, .inference_tokens = 1e9}, "inference_tokens"},
           {{.flops = 1e21, .params = 1e9}, "params"}}) {
    const absl::Status status = PlanOnAllocation(laws, request).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_NE(status.message().find(named), std::string::npos) << status;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(PlanOnAllocation(laws, {.flops = -1}).status()));
  // DeepSeek counts C as M D: N does not follow from D there.
  ComputeOptimalLaws other;
  other.tokens = Published("deepseek-d-opt");
  EXPECT_TRUE(absl::IsFailedPrecondition(PlanOnAllocation(other, {.flops = 1e20}).status()));
  const auto law = ShippedLaw("chinchilla-epoch");
  EXPECT_FALSE(MakeComputeLaw("x", law, law->PublishedParameters(), {}, {}).ok());
}

}  // namespace
}  // namespace sextant::fitting
