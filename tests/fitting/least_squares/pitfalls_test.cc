// SPDX-License-Identifier: Apache-2.0
// The ways in which published scaling-law fits went wrong, one test each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <string>

#include "fitting/allocation/allocation.h"
#include "fitting/least_squares/affine.h"
#include "fitting/least_squares/compare.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/polish.h"
#include "fitting/least_squares/summary.h"
#include "tests/bench/csv_rows.h"
#include "tests/fitting/least_squares/fixtures.h"
#include "tests/test_paths.h"

namespace sextant::fitting {
namespace {

using testing::AnyContains;
using testing::ChinchillaLaw;
using testing::Estimate;
using ::testing::HasSubstr;
using testing::Quick;
using testing::Surface;
using testing::SurfaceRuns;

std::vector<double> Estimates(const FitResult& fit) {
  std::vector<double> estimates;
  for (const ParameterEstimate& parameter : fit.parameters) estimates.push_back(parameter.estimate);
  return estimates;
}

// A mean of robust losses is near 1e-6 and meets absolute tolerances at once. The objective here is a sum,
// and scaling it down by as much as averaging would (weights 1 / n) does not move the estimate.
TEST(Pitfall, AveragedHuberStopsEarly) {
  LawData data = SurfaceRuns(12, 20, 0.006);
  const auto summed = FitLaw(ChinchillaLaw(), data, Quick());
  data.weights.assign(data.size(), 1.0 / static_cast<double>(data.size()));
  const auto averaged = FitLaw(ChinchillaLaw(), data, Quick());
  ASSERT_TRUE(summed.ok() && averaged.ok());
  EXPECT_NEAR(averaged->objective * 240 / summed->objective, 1, 1e-9);
  for (const char* name : {"E", "A", "B", "alpha", "beta"}) {
    EXPECT_NEAR(Estimate(*averaged, name) / Estimate(*summed, name), 1, 1e-5) << name;
  }
}

// A coarse grid over all five parameters mostly ends elsewhere; solved affine parameters do not.
TEST(Pitfall, CoarseStartGridEndsInAWrongMinimum) {
  const auto fit = FitLaw(ChinchillaLaw(), SurfaceRuns(12, 20, 0.006), Quick());
  ASSERT_TRUE(fit.ok());
  EXPECT_GE(fit->starts, 16);
  EXPECT_GE(10 * fit->starts_at_optimum, 9 * fit->starts) << fit->starts_at_optimum << " of " << fit->starts;
  // Starts that the solver was given and that lead nowhere cannot spoil the answer.
  SolveOptions options = Quick();
  options.starts = {{0.37, 1, 1, 2, 2}, {2.7, 1e10, 1e10, 0, 0}};
  const auto again = FitLaw(ChinchillaLaw(), SurfaceRuns(12, 20, 0.006), options);
  ASSERT_TRUE(again.ok());
  EXPECT_NEAR(again->objective / fit->objective, 1, 1e-9);
}

// With delta far below the residuals Huber's loss is delta times the absolute one, and delta counts in the
// units of the residual: ln L and L differ by the factor L.
TEST(Pitfall, HuberDeltaIsNearlyLeastAbsoluteDeviationAndItsUnitIsTheResiduals) {
  const LawData data = SurfaceRuns(9, 9, 0.02);
  SolveOptions huber = Quick(), absolute = Quick(), level = Quick();
  huber.objective = *ParseObjective("huber:1e-5");
  absolute.objective = *ParseObjective("absolute");
  level.objective = *ParseObjective("level-huber:1e-5");
  const auto a = FitLaw(ChinchillaLaw(), data, huber), b = FitLaw(ChinchillaLaw(), data, absolute),
             c = FitLaw(ChinchillaLaw(), data, level);
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_NEAR(a->objective / (1e-5 * b->objective), 1, 2e-3);
  EXPECT_NEAR(Estimate(*a, "alpha"), Estimate(*b, "alpha"), 2e-3);
  EXPECT_GT(std::abs(c->objective / a->objective - 1), 0.5);
  EXPECT_EQ(a->objective_kind, "huber:1e-05");
  EXPECT_EQ(c->objective_kind, "level-huber:1e-05");
}

TEST(Pitfall, HuberDeltaSensitivityIsReported) {
  SolveOptions options;
  options.replicates = 0;
  const auto fit = FitLaw(ChinchillaLaw(), SurfaceRuns(9, 9, 0.01), options);
  ASSERT_TRUE(fit.ok());
  EXPECT_GT(fit->diagnostics.at("huber_delta_sensitivity.A"), 1e-3);
}

// E floats where the largest runs are far from it; A moves with alpha and B with beta.
TEST(Pitfall, FloorIsWeaklyIdentifiedAndAmplitudesRideOnExponents) {
  LawData data = SurfaceRuns(7, 7, 0.01);
  SolveOptions options = Quick();
  options.replicates = 400;
  const auto fit = FitLaw(ChinchillaLaw(), data, options);
  ASSERT_TRUE(fit.ok());
  EXPECT_GT(fit->correlations[1 * 5 + 3], 0.8);  // A, alpha
  EXPECT_GT(fit->correlations[2 * 5 + 4], 0.8);  // B, beta
  EXPECT_GT(fit->condition_number, 1e3);
  const ParameterEstimate& floor = fit->parameters[0];
  EXPECT_GT(*floor.high - *floor.low, 0.03);
}

TEST(Pitfall, RoundedExponentsMoveTheOptimum) {
  const auto law = ChinchillaLaw();
  const std::vector<double> exact = {1.6933737, 406.4010175, 410.7228270, 0.33917084, 0.2849083};
  const std::vector<double> rounded = {1.69, 406.4, 410.7, 0.34, 0.28};
  const auto full = OptimalAllocation(*law, exact, {}, 5.76e23),
             cut = OptimalAllocation(*law, rounded, {}, 5.76e23);
  ASSERT_TRUE(full.ok() && cut.ok());
  EXPECT_NEAR(cut->tokens_per_param.value / full->tokens_per_param.value, 1.57, 0.005);
  // What a fit stores and writes keeps every digit.
  const auto fit = FitLaw(
      law, SurfaceRuns(7, 7, 0, 3, {1.6933737, 406.4010175, 410.7228270, 0.33917084, 0.2849083}), Quick());
  ASSERT_TRUE(fit.ok());
  EXPECT_NEAR(Estimate(*fit, "beta"), 0.2849083, 1e-9);
}

// The mean of bootstrap parameters is on no surface that fits: it misses the data by more than any replicate.
TEST(Pitfall, AveragedBootstrapParametersDescribeNoLaw) {
  const LawData data = SurfaceRuns(4, 5, 0.01);
  SolveOptions options = Quick();
  options.replicates = 500;
  const auto law = ChinchillaLaw();
  const auto fit = FitLaw(law, data, options);
  ASSERT_TRUE(fit.ok()) << fit.status();
  std::vector<double> mean(5, 0.0);
  for (std::size_t at = 0; at < fit->replicates.size(); ++at) mean[at % 5] += fit->replicates[at] / 500;
  const auto of_mean = ScoreHeldOut(law, mean, data), of_fit = ScoreHeldOut(law, Estimates(*fit), data);
  ASSERT_TRUE(of_mean.ok() && of_fit.ok());
  EXPECT_GT(of_mean->mean_relative_error, 3 * of_fit->mean_relative_error);
  // The estimate is the fit to the data, not that mean.
  const auto plain = FitLaw(law, data, Quick());
  EXPECT_EQ(Estimates(*plain), Estimates(*fit));
}

TEST(Pitfall, SigmaPassedAsInverseVarianceInvertsTheWeights) {
  const std::vector<double> sd = {0.01, 0.02, 0.04};
  const auto weights = WeightsFromStandardDeviations(sd);
  ASSERT_TRUE(weights.ok());
  EXPECT_NEAR((*weights)[0] / (*weights)[1], 4, 1e-12);
  EXPECT_NEAR((*weights)[0] / (*weights)[2], 16, 1e-12);
  EXPECT_FALSE(WeightsFromStandardDeviations(std::vector<double>{0.1, 0}).ok());
  // A noisy half must not pull the fit.
  LawData data = SurfaceRuns(8, 8, 0);
  std::vector<double> deviations(data.size(), 1e-4);
  RandomStream random(5, 0);
  for (std::size_t row = 0; row < data.size(); row += 2) {
    data.observed[row] *= std::exp(0.1 * random.Normal());
    deviations[row] = 0.1;
  }
  SolveOptions options = Quick();
  options.objective = *ParseObjective("squared");
  const auto plain = FitLaw(ChinchillaLaw(), data, options);
  data.weights = *WeightsFromStandardDeviations(deviations);
  const auto weighted = FitLaw(ChinchillaLaw(), data, options);
  ASSERT_TRUE(plain.ok() && weighted.ok());
  EXPECT_LT(std::abs(Estimate(*weighted, "beta") - 0.28), 1e-3);
  EXPECT_GT(std::abs(Estimate(*plain, "beta") - 0.28), 3e-3);
  EXPECT_GT(weighted->starts_at_optimum, weighted->starts / 2);  // not stuck at where they began
}

std::vector<IsoFlopRun> IsoFlops(const Surface& surface, double half_width) {
  std::vector<IsoFlopRun> runs;
  const double share = surface.beta / (surface.alpha + surface.beta);
  const double g =
      std::pow(surface.alpha * surface.a / (surface.beta * surface.b), 1 / (surface.alpha + surface.beta));
  for (int budget = 0; budget < 5; ++budget) {
    const double flops = std::pow(10.0, 17 + budget);
    const double best = g * std::pow(flops / 6, share);
    for (int i = 0; i < 15; ++i) {
      const double params = best * std::pow(half_width, (i - 7) / 7.0);
      const double tokens = flops / (6 * params);
      runs.push_back({flops, params, tokens, surface.Loss(params, tokens)});
    }
  }
  return runs;
}

// 2603.22339: parabolas over all sizes put the intercept at -0.5567791, -0.5681507 and -0.5780919 for these
// widths.
TEST(Pitfall, IsoFlopMinimaKeepTheInterceptHoweverWideTheGrid) {
  for (const double half_width : {2, 8, 16}) {
    const auto fit = FitIsoFlopParabolas(IsoFlops({}, half_width));
    ASSERT_TRUE(fit.ok()) << fit.status();
    EXPECT_NEAR(fit->tokens.exponent, 0.5483871, 1e-5) << half_width;
    EXPECT_NEAR(fit->tokens.log_coefficient / std::log(10), -0.5553569, 1e-4) << half_width;
    EXPECT_FALSE(AnyContains(fit->warnings, "biased")) << half_width;
  }
  const auto symmetric = FitIsoFlopParabolas(IsoFlops({1.69, 400, 400, 0.31, 0.31}, 8));
  ASSERT_TRUE(symmetric.ok());
  EXPECT_NEAR(symmetric->tokens.exponent, 0.5, 1e-6);
  EXPECT_NEAR(symmetric->tokens.log_coefficient / std::log(10), -0.3890756, 1e-4);
}

// Porian et al. 2024: fifteen settings, minima by Akima splines in ln N.
TEST(Pitfall, IsoFlopExponentsAreThePublishedOnes) {
  const std::string folder = SEXTANT_SOURCE_DIR "/../shared/data/porian/";
  std::map<std::string, std::vector<IsoFlopRun>> settings;
  std::map<std::string, double> published;
  const auto name = [](std::map<std::string, std::string>& row) {
    return row["file"] + row["hparams"] + row["warmup"] + row["decay"] + row["param_count"];
  };
  for (auto& row : bench::ReadCsv(folder + "runs.csv")) {
    settings[name(row)].push_back(
        {std::stod(row["flops"]), std::stod(row["N"]), std::stod(row["D"]), std::stod(row["loss"])});
  }
  for (auto& row : bench::ReadCsv(folder + "published_fits.csv")) {
    if (row["fit"] == "basic") published[name(row)] = std::stod(row["n_exponent"]);
  }
  if (settings.empty()) GTEST_SKIP() << folder << " is missing";
  ASSERT_EQ(settings.size(), 15u);
  double sum = 0;
  for (const auto& [setting, runs] : settings) {
    const auto fit = FitIsoFlopParabolas(runs);
    ASSERT_TRUE(fit.ok()) << setting << fit.status();
    EXPECT_NEAR(fit->params.exponent, published.at(setting), .03) << setting;
    sum += std::abs(fit->params.exponent - published.at(setting)) / 15;
  }
  EXPECT_LT(sum, .01);
}

// For fixed exponents the law is linear: E, A and B follow from them, and a two-dimensional search is left.
TEST(Pitfall, AffineParametersAreSolvedNotSearched) {
  const auto law = ChinchillaLaw();
  const LawData data = SurfaceRuns(7, 7, 0);
  const auto map = solve::ParameterMap::Make(law->spec(), {}, {});
  ASSERT_TRUE(map.ok());
  solve::Evaluator evaluator(law, data, *map, ResidualKind::kLog);
  const solve::AffineStructure structure =
      solve::FindAffineStructure(evaluator, solve::ProbePoint(law->spec(), *map));
  EXPECT_EQ(structure.linear, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(structure.nonlinear, (std::vector<std::size_t>{3, 4}));
  EXPECT_FALSE(structure.log_linear);
  solve::AffineSolver solver(structure, data);
  std::vector<double> walked = {0, 0, 0, 0.34, 0.28};
  ASSERT_TRUE(solver.Solve(evaluator, walked));
  EXPECT_NEAR(walked[0], 1.69, 1e-6);
  EXPECT_NEAR(std::exp(walked[1]) / 406.4, 1, 1e-6);
  EXPECT_NEAR(std::exp(walked[2]) / 410.7, 1, 1e-6);
}

TEST(Pitfall, OptimiserAndObjectiveAreRecorded) {
  const auto fit = FitLaw(ChinchillaLaw(), SurfaceRuns(6, 6, 0.002), Quick());
  ASSERT_TRUE(fit.ok());
  EXPECT_EQ(fit->estimator, "least-squares");
  EXPECT_EQ(fit->objective_kind, "huber:0.001");
  EXPECT_GT(fit->diagnostics.at("ceres_iterations"), 0);
  EXPECT_EQ(fit->seed, 1u);
}

TEST(Pitfall, UnfinishedAndDivergedRunsAreNotFitted) {
  RunTable runs;
  const LawData source = SurfaceRuns(6, 6, 0.001);
  runs.params = source.columns[0];
  runs.tokens = source.columns[1];
  runs.loss = source.observed;
  for (std::size_t row = 0; row < source.size(); ++row) {
    runs.id.push_back("run-" + std::to_string(row));
    runs.state.push_back(RunState::kFinished);
  }
  runs.state[3] = RunState::kDiverged;
  runs.loss[3] = 11;
  runs.state[8] = RunState::kRunning;
  runs.state[9] = RunState::kCrashed;
  runs.loss[20] = std::nan("");
  const auto data = LawDataFromRuns(*ChinchillaLaw(), runs);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->size(), 32u);
  for (const char* left_out : {"run-3", "run-8", "run-9", "run-20"}) {
    EXPECT_EQ(std::count(data->run_ids.begin(), data->run_ids.end(), left_out), 0) << left_out;
  }
}

// The truth bends where the law does not: inside the data it fits, on the largest scales it fails.
TEST(Pitfall, CleanFitFailsFarOutAndTheHeldOutScoreShowsIt) {
  LawData data = SurfaceRuns(8, 8, 0.0005);
  for (std::size_t row = 0; row < data.size(); ++row) {
    const double flops = 6 * data.columns[0][row] * data.columns[1][row];
    if (flops > 1e20) data.observed[row] *= 1 + 0.02 * std::log10(flops / 1e20);
  }
  const auto law = ChinchillaLaw();
  const auto split = SplitLargestScales(*law, data, 0.25);
  ASSERT_TRUE(split.ok());
  const LawData train = SelectRows(data, split->train), held_out = SelectRows(data, split->held_out);
  const auto fit = FitLaw(law, train, Quick());
  ASSERT_TRUE(fit.ok());
  const auto inside = ScoreHeldOut(law, Estimates(*fit), train),
             outside = ScoreHeldOut(law, Estimates(*fit), held_out);
  ASSERT_TRUE(inside.ok() && outside.ok());
  EXPECT_GT(outside->mean_relative_error, 2 * inside->mean_relative_error);
}

// Six models over one decade with noise: the exponents are open, and the result says so.
TEST(Pitfall, SixModelsOverOneDecadeDoNotIdentifyTheExponents) {
  LawData data;
  data.columns.resize(2);
  RandomStream random(11, 0);
  for (int i = 0; i < 6; ++i) {
    const double params = 1e8 * std::pow(10.0, i / 5.0);
    data.columns[0].push_back(params);
    data.columns[1].push_back(20 * params);
    data.observed.push_back(Surface().Loss(params, 20 * params) * std::exp(0.004 * random.Normal()));
  }
  SolveOptions options;
  options.replicates = 200;
  const auto fit = FitLaw(ChinchillaLaw(), data, options);
  if (!fit.ok()) {
    EXPECT_THAT(std::string(fit.status().message()), HasSubstr("not identifiable"));
    return;
  }
  EXPECT_TRUE(AnyContains(fit->warnings, "identifiable")) << fit->condition_number;
}

// Figures read off a plot carry rounding in N and C; the fit moves by less than its standard error.
TEST(Pitfall, DigitisedSizesMoveTheFitLittle) {
  const LawData exact = SurfaceRuns(10, 12, 0.004);
  LawData rounded = exact;
  for (auto& column : rounded.columns) {
    for (double& value : column) {
      const double unit = std::pow(10.0, std::floor(std::log10(value)) - 1);  // two digits
      value = std::round(value / unit) * unit;
    }
  }
  SolveOptions options = Quick();
  options.replicates = 200;
  const auto a = FitLaw(ChinchillaLaw(), exact, options), b = FitLaw(ChinchillaLaw(), rounded, options);
  ASSERT_TRUE(a.ok() && b.ok());
  for (const char* name : {"E", "alpha", "beta"}) {
    EXPECT_LT(std::abs(Estimate(*a, name) - Estimate(*b, name)),
              1.5 * a->diagnostics.at(std::string("standard_error.") + name))
        << name;
  }
}

}  // namespace
}  // namespace sextant::fitting
