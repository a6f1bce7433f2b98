// SPDX-License-Identifier: Apache-2.0
// Laws of compute-optimal N and D fitted to runs.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "fitting/fit.h"
#include "fitting/predict.h"
#include "tests/fitting/catalogue_fixture.h"

namespace sextant::fitting {
namespace {

// Besiroglu et al. 2024.
constexpr double kE = 1.817165, kA = 482.0057, kB = 2085.4342, kAlpha = 0.347813, kBeta = 0.365854;

double BestParams(double flops) {
  return std::pow(kAlpha * kA / (kBeta * kB), 1 / (kAlpha + kBeta)) *
         std::pow(flops / 6, kBeta / (kAlpha + kBeta));
}

// N is counted with the head, of which the rest is the smaller a share the smaller N is.
void AddRun(double params, double flops, double noise, bool record_flops, FitInput& input) {
  RandomStream random(5, input.allocation.size());
  AllocationRun run;
  run.id = std::to_string(input.allocation.size());
  run.params = params;
  run.counts[0] = run.params - 40 * std::pow(run.params, 2.0 / 3);
  run.counts[3] = run.params;
  run.tokens = flops / (6 * run.params);
  if (record_flops) run.flops = flops;
  run.loss = (kE + kA * std::pow(run.params, -kAlpha) + kB * std::pow(run.tokens, -kBeta)) *
             std::exp(noise * random.Normal());
  input.allocation.push_back(run);
  input.runs.id.push_back(run.id);
  input.runs.params.push_back(run.params);
  input.runs.tokens.push_back(run.tokens);
  input.runs.loss.push_back(run.loss);
  input.runs.state.push_back(RunState::kFinished);
  for (auto column : {&RunTable::learning_rate, &RunTable::batch_size_tokens, &RunTable::sequence_length,
                      &RunTable::steps, &RunTable::weight_decay, &RunTable::adam_beta2}) {
    (input.runs.*column).push_back(std::nan(""));
  }
}

// Seven budgets of nine sizes.
FitInput IsoFlop(double noise = 0.001, bool record_flops = true) {
  FitInput input;
  for (int b = 0; b < 7; ++b) {
    const double flops = 1e18 * std::pow(2.15, b);
    for (int i = -4; i <= 4; ++i) {
      AddRun(BestParams(flops) * std::pow(6.0, i / 4.0), flops, noise, record_flops, input);
    }
  }
  return input;
}

// Sizes trained for several lengths each, with no curves.
FitInput Ladders() {
  FitInput input;
  for (int i = 0; i < 9; ++i) {
    for (int b = 0; b < 7; ++b) {
      AddRun(BestParams(1e18) / 2 * std::pow(20.0, i / 8.0), 1e18 * std::pow(2.15, b), 0.001, true, input);
    }
  }
  return input;
}

FitRequest Request(const std::string& estimator, const std::string& flops_count = "auto") {
  FitRequest request;
  request.estimator = estimator;
  request.param_count = "non-input-embedding";
  request.bootstrap_replicates = 200;
  request.options = ComputeOptimalOptions{flops_count};
  return request;
}

bool Says(const FitResult& result, const std::string& text) {
  for (const std::string& warning : result.warnings) {
    if (warning.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(AllocationFit, EveryApproachFindsTheLineWithAnInterval) {
  for (const char* estimator : {"isoflop", "parametric", "envelope"}) {
    for (const char* law : {"params-opt-c", "tokens-opt-c"}) {
      const FitInput input = std::string(estimator) == "envelope" ? Ladders() : IsoFlop();
      const auto fit = Fit(ShippedLaw(law), input, Request(estimator));
      ASSERT_TRUE(fit.ok()) << estimator << ": " << fit.status();
      EXPECT_EQ(fit->estimator, estimator);
      const bool params = std::string(law) == "params-opt-c";
      const double truth = params ? kBeta / (kAlpha + kBeta) : kAlpha / (kAlpha + kBeta);
      EXPECT_NEAR(fit->parameters[1].estimate, truth, 0.05) << estimator << " " << law;
      ASSERT_TRUE(fit->parameters[1].low && fit->parameters[1].high) << estimator;
      EXPECT_LT(*fit->parameters[1].low, *fit->parameters[1].high);
      EXPECT_TRUE(std::holds_alternative<AllocationModel>(fit->model));
      EXPECT_EQ(fit->replicates.size(), 400U);
      EXPECT_EQ(fit->runs_used, 63);
      EXPECT_GT(fit->fitted_range.at("C").high, fit->fitted_range.at("C").low);
      // The fit predicts by itself.
      const auto predictor = Predictor::FromFit("studies/s/fits/f", *fit);
      ASSERT_TRUE(predictor.ok()) << predictor.status();
      Prediction prediction;
      PredictionTarget target;
      target.params = 1e9;
      target.tokens = 1e20 / 6e9;
      (*predictor)->Predict(target, prediction);
      const Target predicted = params ? Target::kParams : Target::kTokens;
      ASSERT_TRUE(prediction.quantities.contains(predicted)) << estimator;
      const double best = params ? BestParams(1e20) : 1e20 / (6 * BestParams(1e20));
      EXPECT_NEAR(prediction.quantities.at(predicted).value / best, 1, 0.3) << estimator;
      EXPECT_TRUE(prediction.quantities.at(predicted).low.has_value());
    }
  }
}

TEST(AllocationFit, AutoTakesIsoFlopWhereTheRunsAreMadeForIt) {
  EXPECT_EQ(Fit(ShippedLaw("params-opt-c"), IsoFlop(), Request("auto"))->estimator, "isoflop");
  FitInput scattered = IsoFlop();
  RandomStream random(6, 0);
  for (AllocationRun& run : scattered.allocation) {
    run.tokens *= std::exp(random.Normal());
    run.flops = 6 * run.params * run.tokens;
    run.loss = kE + kA * std::pow(run.params, -kAlpha) + kB * std::pow(run.tokens, -kBeta);
  }
  EXPECT_EQ(Fit(ShippedLaw("params-opt-c"), scattered, Request("auto"))->estimator, "parametric");
}

TEST(AllocationFit, NamesHowFlopsAreCountedAndNeverMixes) {
  const auto law = ShippedLaw("params-opt-c");
  const auto recorded = Fit(law, IsoFlop(), Request("isoflop"));
  EXPECT_TRUE(Says(*recorded, "as the runs record it"));
  EXPECT_TRUE(Says(*recorded, "the recorded FLOPs are 6 N D"));
  FitInput heavier = IsoFlop();
  for (AllocationRun& run : heavier.allocation) run.flops *= 1.1;
  const auto more = Fit(law, heavier, Request("isoflop"));
  ASSERT_TRUE(more.ok());
  EXPECT_NE(more->law_toml.find("as the runs record it"), std::string::npos);
  EXPECT_TRUE(Says(*more, "C is 1.1 to 1.1 times 6 N D"));
  const auto assumed = Fit(law, IsoFlop(0.001, false), Request("isoflop"));
  EXPECT_TRUE(Says(*assumed, "C is counted 6 N D with N non-input-embedding"));
  const auto other = Fit(law, IsoFlop(), Request("parametric", "6nd-non-embedding"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_TRUE(Says(*other, "times 6 N D with the study's own N"));
  FitInput mixed = IsoFlop();
  mixed.allocation[3].flops = kNotRecorded;
  const absl::Status refused = Fit(law, mixed, Request("isoflop")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_NE(refused.message().find("62 of 63 runs record their FLOPs"), std::string::npos) << refused;
  const auto chosen = Fit(law, mixed, Request("isoflop", "recorded"));
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  EXPECT_TRUE(Says(*chosen, "1 of 63 runs lack"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Fit(law, IsoFlop(), Request("isoflop", "with-attention")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Fit(law, IsoFlop(), Request("isoflop", "7nd")).status()));
}

TEST(AllocationFit, AnswersUnderEveryCountingOfN) {
  const auto fit = Fit(ShippedLaw("params-opt-c"), IsoFlop(), Request("isoflop"));
  ASSERT_TRUE(fit.ok());
  ASSERT_TRUE(fit->diagnostics.contains("counting.non-embedding.params_exponent"));
  // The head is the larger a share of small models: leaving it out makes N grow faster.
  EXPECT_GT(fit->diagnostics.at("counting.non-embedding.params_exponent"),
            fit->diagnostics.at("counting.non-input-embedding.params_exponent"));
  EXPECT_TRUE(Says(*fit, "Counting N non-input-embedding gives the steadiest")) << fit->warnings.back();
}

TEST(AllocationFit, WarnsOfAFlatValley) {
  EXPECT_FALSE(Says(*Fit(ShippedLaw("params-opt-c"), IsoFlop(0.0005), Request("isoflop")), "flat valley"));
  const auto noisy = Fit(ShippedLaw("params-opt-c"), IsoFlop(0.01), Request("isoflop"));
  ASSERT_TRUE(noisy.ok()) << noisy.status();
  EXPECT_TRUE(Says(*noisy, "flat valley"));
}

TEST(AllocationFit, RepeatedSeedsAndSettingsBecomeOneCell) {
  FitInput input = IsoFlop(0);
  const std::size_t runs = input.allocation.size();
  for (std::size_t i = 0; i < runs; ++i) {
    input.allocation[i].learning_rate = 1e-3;
    AllocationRun seed = input.allocation[i], worse = seed;
    seed.loss += 0.002;
    input.allocation[i].loss -= 0.002;
    worse.learning_rate = 3e-3;
    worse.loss += 0.3;
    input.allocation.push_back(seed);
    input.allocation.push_back(worse);
  }
  const auto fit = Fit(ShippedLaw("params-opt-c"), input, Request("isoflop"));
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->cells_used, 63);
  EXPECT_NEAR(fit->parameters[1].estimate, kBeta / (kAlpha + kBeta), 0.003);
}

TEST(AllocationFit, RefusesOtherFormsAndTooLittle) {
  const absl::Status form =
      Fit(ShippedLaw("chinchilla-epoch-params"), IsoFlop(), Request("isoflop")).status();
  EXPECT_TRUE(absl::IsInvalidArgument(form)) << form;
  EXPECT_NE(form.message().find("of another form"), std::string::npos);
  FitInput few = IsoFlop();
  few.allocation.resize(9);
  EXPECT_TRUE(IsNotIdentifiable(Fit(ShippedLaw("params-opt-c"), few, Request("isoflop")).status()));
  few.allocation.clear();
  EXPECT_TRUE(IsNotIdentifiable(Fit(ShippedLaw("params-opt-c"), few, Request("auto")).status()));
  FitRequest held = Request("isoflop");
  held.holdout_filter = "tokens > 1e9";
  EXPECT_TRUE(absl::IsInvalidArgument(Fit(ShippedLaw("params-opt-c"), IsoFlop(), held).status()));
  FitRequest count = Request("auto");
  EXPECT_FALSE(ValidateFitRequest(count, ShippedLaw("loss-chinchilla")->spec()).empty());
}

}  // namespace
}  // namespace sextant::fitting
