// SPDX-License-Identifier: Apache-2.0
// FitLaw: recovers what made the data, refuses what cannot be fitted, and says how far to trust the rest.
#include "fitting/least_squares/fit_law.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <atomic>
#include <limits>

#include "tests/fitting/least_squares/fixtures.h"

namespace sextant::fitting {
namespace {

using testing::AnyContains;
using testing::ChinchillaLaw;
using testing::Estimate;
using ::testing::HasSubstr;
using testing::Quick;
using testing::SurfaceRuns;

std::string Message(const absl::StatusOr<FitResult>& fit) { return std::string(fit.status().message()); }

TEST(FitLaw, RecoversANoiseFreeSurfaceExactly) {
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), SurfaceRuns(7, 7, 0), Quick());
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_NEAR(Estimate(*fit, "E"), 1.69, 1e-9);
  EXPECT_NEAR(Estimate(*fit, "A") / 406.4, 1, 1e-7);
  EXPECT_NEAR(Estimate(*fit, "B") / 410.7, 1, 1e-7);
  EXPECT_NEAR(Estimate(*fit, "alpha"), 0.34, 1e-9);
  EXPECT_NEAR(Estimate(*fit, "beta"), 0.28, 1e-9);
}

TEST(FitLaw, EveryObjectiveFindsTheSurfaceUnderNoise) {
  const LawData data = SurfaceRuns(9, 9, 0.002);
  for (const char* text : {"squared", "huber:1e-3", "absolute", "huber-likelihood:1e-3", "huber-likelihood:1",
                           "level-squared", "level-huber:1e-3", "level-absolute"}) {
    SolveOptions options = Quick();
    options.objective = *ParseObjective(text);
    const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), data, options);
    ASSERT_TRUE(fit.ok()) << text << ": " << fit.status();
    EXPECT_EQ(fit->objective_kind, ObjectiveToString(*options.objective));
    EXPECT_NEAR(Estimate(*fit, "E"), 1.69, 0.04) << text;
    EXPECT_NEAR(Estimate(*fit, "alpha"), 0.34, 0.02) << text;
    EXPECT_NEAR(Estimate(*fit, "beta"), 0.28, 0.02) << text;
    EXPECT_TRUE(fit->warnings.empty()) << text << ": " << fit->warnings.front();
  }
}

// Five parameters: the sum of |r| has its minimum at a point where five residuals vanish.
TEST(FitLaw, AbsoluteLossEndsAtAVertex) {
  const LawData data = SurfaceRuns(6, 6, 0.01);
  SolveOptions options = Quick();
  options.objective = Objective{LossKind::kAbsolute, 0, ResidualKind::kLog};
  const auto law = ChinchillaLaw();
  const absl::StatusOr<FitResult> fit = FitLaw(law, data, options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  std::vector<double> parameters;
  for (const ParameterEstimate& parameter : fit->parameters) parameters.push_back(parameter.estimate);
  int through = 0;
  double sum = 0;
  for (std::size_t row = 0; row < data.size(); ++row) {
    const std::vector<double> at = {data.columns[0][row], data.columns[1][row]};
    const double residual = std::log(law->Evaluate(at, parameters) / data.observed[row]);
    through += std::abs(residual) < 1e-8;
    sum += std::abs(residual);
  }
  EXPECT_GE(through, 4);  // a curved law may stop a residual short of a vertex
  EXPECT_NEAR(fit->objective / sum, 1, 1e-9);
}

TEST(FitLaw, SameSeedSameBitsAtAnyThreadCount) {
  const LawData data = SurfaceRuns(6, 7, 0.003);
  SolveOptions options;
  options.replicates = 200;
  std::vector<FitResult> fits;
  for (const std::size_t threads : {1, 2, 5}) {
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), data, options);
    ASSERT_TRUE(fit.ok()) << fit.status();
    fits.push_back(*std::move(fit));
  }
  for (std::size_t i = 1; i < fits.size(); ++i) {
    EXPECT_EQ(fits[i].objective, fits[0].objective);
    EXPECT_EQ(fits[i].replicates, fits[0].replicates);
    for (std::size_t p = 0; p < 5; ++p)
      EXPECT_EQ(fits[i].parameters[p].estimate, fits[0].parameters[p].estimate);
    EXPECT_EQ(fits[i].influence.size(), fits[0].influence.size());
  }
}

TEST(FitLaw, FixedParametersAndBoundsHold) {
  const LawData data = SurfaceRuns(6, 6, 0.002);
  SolveOptions options = Quick();
  options.fixed = {{"E", 1.5}};
  options.bounds = {{"alpha", {0.0, 0.25}}};
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), data, options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(Estimate(*fit, "E"), 1.5);
  EXPECT_EQ(Estimate(*fit, "alpha"), 0.25);
  EXPECT_TRUE(fit->parameters[3].at_bound);
  EXPECT_FALSE(fit->parameters[0].at_bound);
  EXPECT_TRUE(AnyContains(fit->warnings, "alpha ended at its bound"));
}

TEST(FitLaw, WeightZeroIsTheSameAsLeavingARunOut) {
  LawData data = SurfaceRuns(6, 6, 0.004);
  LawData fewer = data;
  data.weights.assign(data.size(), 1.0);
  data.weights[0] = 0;
  data.observed[0] = 9;
  for (auto& column : fewer.columns) column.erase(column.begin());
  fewer.observed.erase(fewer.observed.begin());
  const auto weighted = FitLaw(ChinchillaLaw(), data, Quick()),
             without = FitLaw(ChinchillaLaw(), fewer, Quick());
  ASSERT_TRUE(weighted.ok() && without.ok());
  EXPECT_EQ(weighted->objective, without->objective);
  EXPECT_EQ(weighted->runs_used, 35);
}

TEST(FitLaw, LawsThatAreLinearInTheirLogarithmTakeOneStart) {
  const auto law = golden::TextLaw("exp(log_c) * N^a * D^b", {"N", "D"},
                                   {{"log_c", {}, "", {}}, {"a", {}, "", {}}, {"b", {}, "", {}}});
  LawData data = SurfaceRuns(5, 5, 0);
  for (std::size_t row = 0; row < data.size(); ++row) {
    data.observed[row] =
        1.79 * std::pow(data.columns[0][row], -0.713) * std::pow(data.columns[1][row], 0.307);
  }
  const absl::StatusOr<FitResult> fit = FitLaw(law, data, Quick());
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->starts, 1);
  EXPECT_NEAR(Estimate(*fit, "log_c"), std::log(1.79), 1e-10);
  EXPECT_NEAR(Estimate(*fit, "a"), -0.713, 1e-12);
  EXPECT_NEAR(Estimate(*fit, "b"), 0.307, 1e-12);
}

// Nothing affine, no grid of starts, no logarithms: only random starts are left.
TEST(FitLaw, LawsThatAreAffineInNothingAreFittedFromManyStarts) {
  const auto law = golden::TextLaw("(exp(u) * N^(-alpha) + exp(v) * D^(-beta))^0.5", {"N", "D"},
                                   {{"u", {-5, 20}, "", {}},
                                    {"v", {-5, 20}, "", {}},
                                    {"alpha", {0, 2}, "", {}},
                                    {"beta", {0, 2}, "", {}}});
  LawData data = SurfaceRuns(6, 6, 0);
  for (std::size_t row = 0; row < data.size(); ++row) {
    data.observed[row] = std::sqrt(std::exp(9.0) * std::pow(data.columns[0][row], -0.5) +
                                   std::exp(7.0) * std::pow(data.columns[1][row], -0.3));
  }
  const absl::StatusOr<FitResult> fit = FitLaw(law, data, Quick());
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_NEAR(Estimate(*fit, "u"), 9, 1e-6);
  EXPECT_NEAR(Estimate(*fit, "beta"), 0.3, 1e-8);
  EXPECT_GT(fit->starts, 4);
}

TEST(FitLaw, ReportsWhatTheFitRestsOn) {
  SolveOptions options;
  options.replicates = 300;
  LawData data = SurfaceRuns(6, 6, 0.003);
  data.observed[7] *= 1.1;  // one run that is off
  for (std::size_t row = 0; row < data.size(); ++row) data.run_ids.push_back("run-" + std::to_string(row));
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), data, options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->estimator, "least-squares");
  EXPECT_EQ(fit->runs_used, 36);
  EXPECT_EQ(fit->bootstrap_replicates, 300);
  EXPECT_EQ(fit->replicates.size(), 300u * 5u);
  EXPECT_GT(fit->starts, 0);
  EXPECT_GT(fit->starts_at_optimum, 0);
  EXPECT_GT(fit->condition_number, 1);
  EXPECT_EQ(fit->correlations.size(), 25u);
  EXPECT_NEAR(fit->correlations[0], 1, 1e-12);
  for (const ParameterEstimate& parameter : fit->parameters) {
    ASSERT_TRUE(parameter.low && parameter.high);
    EXPECT_LE(*parameter.low, parameter.estimate);
    EXPECT_GE(*parameter.high, parameter.estimate);
  }
  ASSERT_FALSE(fit->influence.empty());
  EXPECT_LE(fit->influence.size(), 10u);
  double largest_share = 0;
  std::string culprit;
  for (const Influence& influence : fit->influence) {
    if (influence.objective_share > largest_share) culprit = influence.run_id;
    largest_share = std::max(largest_share, influence.objective_share);
  }
  for (const char* name :
       {"aic", "bic", "log_likelihood", "huber_delta_sensitivity.alpha", "standard_error.E"}) {
    EXPECT_TRUE(fit->diagnostics.contains(name)) << name;
  }
  EXPECT_EQ(fit->fitted_range.at("N").low, 5e7);
  EXPECT_FALSE(fit->law_toml.empty());
}

TEST(FitLaw, InfluencePointsAtTheRunThatMovesTheFit) {
  SolveOptions options;
  options.objective = *ParseObjective("squared");
  LawData data = SurfaceRuns(6, 6, 0.001);
  data.observed[35] *= 1.05;
  for (std::size_t row = 0; row < data.size(); ++row) data.run_ids.push_back("run-" + std::to_string(row));
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), data, options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_FALSE(fit->influence.empty());
  EXPECT_EQ(fit->influence.front().run_id, "run-35");
  EXPECT_GT(fit->influence.front().objective_share, 0.2);
  EXPECT_GT(fit->influence.front().shift, 1);
}

TEST(FitLaw, NothingIsWrittenToStandardError) {
  ::testing::internal::CaptureStderr();
  LawData data = SurfaceRuns(6, 6, 0.01);
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), data, Quick());
  // A law that is not finite at most starts makes Ceres complain through glog.
  const auto harsh = golden::TextLaw("E + A / (N - c)^alpha", {"N"},
                                     {{"E", {0, 10}, "", {}},
                                      {"A", {0, 1e300}, "log", {}},
                                      {"c", {0, 1e12}, "", {}},
                                      {"alpha", {0, 3}, "", {}}});
  LawData one;
  one.columns = {data.columns[0]};
  one.observed = data.observed;
  (void)FitLaw(harsh, one, Quick());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_TRUE(fit.ok());
}

TEST(FitLawRefuses, OneModelSize) {
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), SurfaceRuns(1, 12, 0.002), Quick());
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(fit), HasSubstr("not identifiable"));
  EXPECT_THAT(Message(fit), HasSubstr("N takes only one value"));
}

TEST(FitLawRefuses, TwoModelSizesForThreeUnknowns) {
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), SurfaceRuns(2, 12, 0.002), Quick());
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(fit), HasSubstr("not identifiable"));
}

TEST(FitLawRefuses, FewerRunsThanParameters) {
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), SurfaceRuns(2, 2, 0.002), Quick());
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(fit), HasSubstr("5 free parameters and the data 4 runs"));
}

TEST(FitLawRefuses, RepeatsOfTooFewPoints) {
  LawData data = SurfaceRuns(2, 2, 0.002);
  for (int copy = 0; copy < 3; ++copy) {
    for (std::size_t row = 0; row < 4; ++row) {
      for (auto& column : data.columns) column.push_back(column[row]);
      data.observed.push_back(data.observed[row] * (1 + 0.001 * copy));
    }
  }
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), data, Quick());
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(fit), HasSubstr("4 distinct points"));
}

TEST(FitLawRefuses, AllLossesEqual) {
  LawData data = SurfaceRuns(5, 5, 0);
  data.observed.assign(data.size(), 2.5);
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), data, Quick());
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(fit), HasSubstr("all 25 observed values equal 2.5"));
}

TEST(FitLawRefuses, NumbersThatAreNotFiniteNamingTheRun) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    LawData data = SurfaceRuns(5, 5, 0.001);
    data.run_ids.assign(data.size(), "fine");
    data.run_ids[4] = "culprit";
    LawData bad_loss = data, bad_column = data, bad_weight = data;
    bad_loss.observed[4] = bad;
    bad_column.columns[1][4] = bad;
    bad_weight.weights.assign(data.size(), 1);
    bad_weight.weights[4] = bad;
    for (const LawData& each : {bad_loss, bad_column, bad_weight}) {
      const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), each, Quick());
      EXPECT_EQ(fit.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(Message(fit), HasSubstr("culprit"));
    }
  }
}

TEST(FitLawRefuses, LossesWithoutALogarithm) {
  LawData data = SurfaceRuns(5, 5, 0.001);
  data.observed[2] = -1;
  const absl::StatusOr<FitResult> fit = FitLaw(ChinchillaLaw(), data, Quick());
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(fit), HasSubstr("level residuals"));
}

TEST(FitLawRefuses, LawsThatDivideByZeroOrOverflowAtTheData) {
  const LawData data = SurfaceRuns(5, 5, 0.001);
  for (const char* expression : {"E + A / (N - N)", "E + A * exp(N)"}) {
    const auto law =
        golden::TextLaw(expression, {"N", "D"}, {{"E", {1, 10}, "", {}}, {"A", {1, 1e300}, "log", {}}});
    if (law == nullptr) continue;  // the language may refuse it already
    const absl::StatusOr<FitResult> fit = FitLaw(law, data, Quick());
    EXPECT_FALSE(fit.ok()) << expression;
    EXPECT_THAT(Message(fit), HasSubstr("not finite")) << expression;
  }
}

TEST(FitLawRefuses, DataOfAnotherShape) {
  LawData data = SurfaceRuns(5, 5, 0.001);
  LawData no_column = data, short_column = data, short_weights = data;
  no_column.columns.pop_back();
  short_column.columns[0].pop_back();
  short_weights.weights = {1, 2};
  for (const LawData& bad : {no_column, short_column, short_weights, LawData{}}) {
    EXPECT_EQ(FitLaw(ChinchillaLaw(), bad, Quick()).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(FitLawRefuses, OptionsThatMakeNoSense) {
  const LawData data = SurfaceRuns(5, 5, 0.001);
  std::vector<SolveOptions> all(7, Quick());
  all[0].fixed = {{"gamma", 1}};
  all[1].bounds = {{"alpha", {1, 0}}};
  all[2].replicates = -1;
  all[3].interval_level = 1;
  all[4].starts = {{1, 2}};
  all[5].fixed = {{"E", 1}, {"A", 1}, {"B", 1}, {"alpha", 1}, {"beta", 1}};
  all[6].bounds = {{"A", {-5, -1}}};
  for (const SolveOptions& options : all) {
    EXPECT_EQ(FitLaw(ChinchillaLaw(), data, options).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(FitLaw, StopsWhenCancelledOrOutOfTime) {
  const LawData data = SurfaceRuns(8, 8, 0.003);
  SolveOptions options;
  options.replicates = 100000;
  options.deadline = absl::Now() + absl::Milliseconds(100);
  EXPECT_EQ(FitLaw(ChinchillaLaw(), data, options).status().code(), absl::StatusCode::kDeadlineExceeded);
  options.deadline = absl::InfiniteFuture();
  std::atomic<bool> cancel{false};
  options.cancel = &cancel;
  options.progress = [&cancel](int done, int) {
    if (done > 500) cancel = true;
  };
  EXPECT_EQ(FitLaw(ChinchillaLaw(), data, options).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace sextant::fitting
