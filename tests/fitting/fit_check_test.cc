// SPDX-License-Identifier: Apache-2.0
#include "fitting/fit_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "fitting/fit.h"
#include "fitting/optimum/draws.h"
#include "fitting/optimum/predict.h"
#include "fitting/predict.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/fitting/synthetic.h"

namespace sextant::fitting {
namespace {

using ::testing::HasSubstr;

FitResult BandFit() {
  FitRequest request;
  request.estimator = "band";
  request.bootstrap_replicates = 5;
  absl::StatusOr<FitResult> fit = Fit(ShippedLaw("lr-power-nd"), {.runs = KnownSweep(5e-4)}, request);
  EXPECT_TRUE(fit.ok()) << fit.status();
  return fit.ok() ? *fit : FitResult{};
}

TEST(FitCheck, FindsWhatNoPredictionCouldBeComputedFrom) {
  const FitResult sound = BandFit();
  ASSERT_TRUE(CheckFitResult(sound).ok()) << CheckFitResult(sound);
  using Change = std::function<void(FitResult&, OptimumModel&)>;
  const std::pair<const char*, Change> changes[] = {
      {"0 law parameters", [](FitResult&, OptimumModel& m) { m.law_parameters = 0; }},
      {"4 law parameters", [](FitResult&, OptimumModel& m) { m.law_parameters = 4; }},
      {"2 in its report", [](FitResult& r, OptimumModel&) { r.parameters.pop_back(), r.replicates.clear(); }},
      {"unknown target", [](FitResult&, OptimumModel& m) { m.target = static_cast<OptimumTarget>(2); }},
      {"unknown variables", [](FitResult&, OptimumModel& m) { m.variables = static_cast<LawVariables>(9); }},
      {"29 replicate values", [](FitResult&, OptimumModel& m) { m.replicates.pop_back(); }},
      {"replicate values", [](FitResult&, OptimumModel& m) { m.replicate_count = std::size_t{1} << 62; }},
      {"estimates", [](FitResult&, OptimumModel& m) { m.estimates.pop_back(); }},
      {"0 model parameters", [](FitResult&, OptimumModel& m) { m.parameter_names.clear(); }},
      {"model parameters", [](FitResult&, OptimumModel& m) { m.parameter_names.back() = "other"; }},
      {"not finite", [](FitResult&, OptimumModel& m) { m.estimates[0] = std::nan(""); }},
      {"not finite",
       [](FitResult&, OptimumModel& m) { m.replicates[3] = std::numeric_limits<double>::infinity(); }},
      {"tolerance", [](FitResult&, OptimumModel& m) { m.near_optimal_tolerance = 0; }},
      {"14 replicate values", [](FitResult& r, OptimumModel&) { r.replicates.pop_back(); }},
      {"no parameters", [](FitResult& r, OptimumModel&) { r.parameters.clear(); }},
      {"correlations",
       [](FitResult& r, OptimumModel&) {
         r.correlations = {1, 2};
       }},
  };
  for (const auto& [what, change] : changes) {
    FitResult changed = sound;
    change(changed, std::get<OptimumModel>(changed.model));
    const absl::Status status = CheckFitResult(changed);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
    EXPECT_FALSE(Predictor::FromFit("f", changed).ok()) << what;
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
    EXPECT_EQ(fit->law_parameters, LawParameterCount(variables));
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

TEST(FitCheck, FindsWhatNoIntervalOfALossCouldBeComputedFrom) {
  FitRequest request;
  request.bootstrap_replicates = 5;
  auto fit = Fit(ShippedLaw("loss-chinchilla"), {.runs = KnownSweep(5e-4)}, request);
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_TRUE(CheckFitResult(*fit).ok()) << CheckFitResult(*fit);
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::pair<const char*, std::function<void(LossModel&)>> changes[] = {
      {"spread or reach", [](LossModel& m) { m.noise = -1; }},
      {"spread or reach", [](LossModel& m) { m.held_out_sd = kNan; }},
      {"impossible scale", [](LossModel& m) { m.largest_scale = kNan; }},
      {"impossible scale", [](LossModel& m) { m.held_out_error = -0.5; }},
      {"averages 3 laws", [](LossModel& m) { m.members.resize(3); }},
      {"the weight 2",
       [](LossModel& m) {
         m.members = {{"a", 2, 0}};
       }},
  };
  for (const auto& [what, change] : changes) {
    FitResult damaged = *fit;
    change(std::get<LossModel>(damaged.model));
    EXPECT_THAT(std::string(CheckFitResult(damaged).message()), HasSubstr(what));
    EXPECT_FALSE(Predictor::FromFit("f", damaged).ok()) << what;
  }
}

}  // namespace
}  // namespace sextant::fitting
