#include "fitting/optimum_record.h"

#include <gtest/gtest.h>

#include "fitting/optimum/predict.h"
#include "fitting/optimum_draws.h"
#include "tests/fitting/synthetic.h"

namespace sextant::fitting {
namespace {

TEST(OptimumRecord, AStoredFitPredictsWhatTheOriginalDid) {
  OptimumOptions options;
  options.replicates = 30;
  for (const std::string& estimator : EstimatorNames()) {
    options.estimator = estimator;
    absl::StatusOr<OptimumFit> fit = FitOptimum(KnownSweep(5e-4), options);
    ASSERT_TRUE(fit.ok()) << estimator << ": " << fit.status();
    FitResult result;
    OptimumToResult(*fit, result);
    ASSERT_TRUE(HoldsOptimum(result));
    absl::StatusOr<OptimumFit> restored = OptimumFromResult(result);
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ(restored->parameter_names, fit->parameter_names);
    EXPECT_EQ(restored->estimates, fit->estimates);
    EXPECT_EQ(restored->replicates, fit->replicates);
    const OptimumPrediction before = PredictOptimum(*fit, 1e9, 1e11);
    const OptimumPrediction after = PredictOptimum(*restored, 1e9, 1e11);
    EXPECT_EQ(before.value, after.value) << estimator;
    EXPECT_EQ(before.low, after.low);
    EXPECT_EQ(before.high, after.high);
    EXPECT_EQ(before.near_optimal_low, after.near_optimal_low);
    EXPECT_EQ(before.params_extrapolation, after.params_extrapolation);
  }
}

TEST(OptimumDraws, GiveTheIntervalOfTheFit) {
  for (const LawVariables variables :
       {LawVariables::kParamsTokens, LawVariables::kTokens, LawVariables::kCompute}) {
    OptimumOptions options;
    options.estimator = "band";
    options.variables = variables;
    options.replicates = 137;
    absl::StatusOr<OptimumFit> fit = FitOptimum(KnownSweep(5e-4), options);
    ASSERT_TRUE(fit.ok()) << fit.status();
    const OptimumDraws draws(*fit);
    for (const double confidence : {0.5, 0.9, 0.99}) {
      const OptimumPrediction slow = PredictOptimum(*fit, 3e9, 2e11, confidence);
      const auto fast = draws.Interval(3e9, 2e11, confidence);
      ASSERT_TRUE(fast.has_value());
      EXPECT_NEAR(fast->first / slow.low, 1, 1e-10);
      EXPECT_NEAR(fast->second / slow.high, 1, 1e-10);
    }
  }
}

TEST(OptimumRecord, RefusesARecordWithMissingReplicates) {
  OptimumOptions options;
  options.estimator = "band";
  options.replicates = 5;
  absl::StatusOr<OptimumFit> fit = FitOptimum(KnownSweep(), options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  FitResult result;
  OptimumToResult(*fit, result);
  result.model_replicates.pop_back();
  EXPECT_EQ(OptimumFromResult(result).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(OptimumFromResult(FitResult{}).ok());
}

}  // namespace
}  // namespace sextant::fitting
