// SPDX-License-Identifier: Apache-2.0
// Resamples and the fits to them.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "fitting/least_squares/replicates.h"
#include "fitting/least_squares/resample.h"
#include "fitting/least_squares/summary.h"
#include "tests/fitting/least_squares/fixtures.h"

namespace sextant::fitting {
namespace {

using testing::ChinchillaLaw;
using testing::SurfaceRuns;

LawData TwoCells() {
  LawData data;
  data.columns = {{1, 1, 1, 2, 2, 2}};
  data.observed = {1, 2, 3, 4, 5, 6};
  data.cell_ids = {"a", "a", "a", "b", "b", "b"};
  return data;
}

TEST(Resampler, CaseDrawsAsManyRowsAsThereAre) {
  const LawData data = TwoCells();
  const solve::Resampler resampler(data, BootstrapKind::kCase, 1, data.observed, data.observed, 0);
  solve::Resample resample;
  std::vector<double> total(6, 0.0);
  for (std::uint64_t r = 0; r < 3000; ++r) {
    resampler.Draw(r, resample);
    EXPECT_EQ(std::accumulate(resample.weights.begin(), resample.weights.end(), 0.0), 6);
    for (std::size_t row = 0; row < 6; ++row) total[row] += resample.weights[row];
  }
  for (const double count : total) EXPECT_NEAR(count / 3000, 1, 0.08);
}

TEST(Resampler, HierarchicalDrawsCellsFirst) {
  const LawData data = TwoCells();
  const solve::Resampler resampler(data, BootstrapKind::kHierarchical, 1, data.observed, data.observed, 0);
  EXPECT_EQ(resampler.cells(), 2u);
  solve::Resample resample;
  int one_cell_only = 0;
  for (std::uint64_t r = 0; r < 2000; ++r) {
    resampler.Draw(r, resample);
    const double first = resample.weights[0] + resample.weights[1] + resample.weights[2];
    EXPECT_TRUE(first == 0 || first == 3 || first == 6);
    one_cell_only += first != 3;
  }
  EXPECT_NEAR(one_cell_only / 2000.0, 0.5, 0.05);
}

TEST(Resampler, ADrawDependsOnSeedAndNumberAlone) {
  const LawData data = SurfaceRuns(5, 5, 0.01);
  solve::Resample late, early;
  const solve::Resampler a(data, BootstrapKind::kCase, 7, data.observed, data.observed, 0), b = a;
  for (std::uint64_t r = 0; r < 5; ++r) a.Draw(r, late);
  b.Draw(4, early);
  EXPECT_EQ(late.weights, early.weights);
  const solve::Resampler other(data, BootstrapKind::kCase, 8, data.observed, data.observed, 0);
  other.Draw(4, early);
  EXPECT_NE(late.weights, early.weights);
}

TEST(Resampler, ResidualAndNoiseChangeWhatWasObserved) {
  LawData data = SurfaceRuns(10, 10, 0);
  std::vector<double> fitted(data.size(), 1.0), observed(data.size());
  for (std::size_t row = 0; row < data.size(); ++row) observed[row] = 1.0 + (row % 2 == 0 ? 0.1 : -0.1);
  const solve::Resampler residual(data, BootstrapKind::kResidual, 1, fitted, observed, 0);
  const solve::Resampler noise(data, BootstrapKind::kParametricNoise, 1, fitted, observed, 0.02);
  solve::Resample resample;
  residual.Draw(0, resample);
  ASSERT_EQ(resample.observed.size(), data.size());
  for (const double value : resample.observed) EXPECT_NEAR(std::abs(value - 1), 0.1, 1e-12);
  double squares = 0;
  for (std::uint64_t r = 0; r < 100; ++r) {
    noise.Draw(r, resample);
    for (std::size_t row = 0; row < data.size(); ++row)
      squares += std::pow(resample.observed[row] - observed[row], 2);
  }
  EXPECT_NEAR(std::sqrt(squares / 10000), 0.02, 0.001);
}

// All four designs agree about the standard error of a well-determined law with independent noise.
TEST(Bootstrap, DesignsAgreeOnIndependentNoise) {
  const LawData data = SurfaceRuns(12, 12, 0.01);
  std::vector<double> errors;
  for (const BootstrapKind kind : {BootstrapKind::kCase, BootstrapKind::kHierarchical,
                                   BootstrapKind::kResidual, BootstrapKind::kParametricNoise}) {
    SolveOptions options = testing::Quick();
    options.objective = *ParseObjective("squared");
    options.bootstrap = kind;
    options.replicates = 400;
    const auto fit = FitLaw(ChinchillaLaw(), data, options);
    ASSERT_TRUE(fit.ok()) << fit.status();
    errors.push_back(fit->diagnostics.at("standard_error.alpha"));
  }
  for (const double error : errors) EXPECT_NEAR(error / errors[0], 1, 0.3);
}

TEST(Bootstrap, CellsWiden) {
  // Runs of a cell share an error: drawing runs alone takes them for independent.
  LawData data = SurfaceRuns(6, 6, 0.02);
  LawData repeated = data;
  for (std::size_t row = 0; row < data.size(); ++row) repeated.cell_ids.push_back(std::to_string(row));
  for (int copy = 0; copy < 4; ++copy) {
    for (std::size_t row = 0; row < data.size(); ++row) {
      for (std::size_t v = 0; v < 2; ++v) repeated.columns[v].push_back(data.columns[v][row]);
      repeated.observed.push_back(data.observed[row]);
      repeated.cell_ids.push_back(std::to_string(row));
    }
  }
  SolveOptions options = testing::Quick();
  options.replicates = 300;
  options.bootstrap = BootstrapKind::kHierarchical;
  const auto cells = FitLaw(ChinchillaLaw(), repeated, options);
  options.bootstrap = BootstrapKind::kCase;
  const auto rows = FitLaw(ChinchillaLaw(), repeated, options);
  ASSERT_TRUE(cells.ok() && rows.ok());
  EXPECT_EQ(cells->cells_used, 36);
  EXPECT_GT(cells->diagnostics.at("standard_error.beta"), 1.5 * rows->diagnostics.at("standard_error.beta"));
}

// Each replicate against the best of 21 starts of its own.
TEST(Bootstrap, ReplicatesEndAtTheirOptimum) {
  const LawData data = SurfaceRuns(12, 20, 0.006);
  SolveOptions options = testing::Quick();
  options.replicates = 150;
  options.bootstrap = BootstrapKind::kCase;
  const auto law = ChinchillaLaw();
  const auto fit = FitLaw(law, data, options);
  ASSERT_TRUE(fit.ok());
  const auto map = solve::ParameterMap::Make(law->spec(), {}, {});
  ASSERT_TRUE(map.ok());
  solve::Evaluator evaluator(law, data, *map, ResidualKind::kLog);
  solve::Polisher polisher(evaluator, Objective());
  const solve::Resampler resampler(data, BootstrapKind::kCase, 1, data.observed, data.observed, 0);
  solve::Resample resample;
  std::vector<double> estimate(5), own(5), natural(5);
  for (std::size_t p = 0; p < 5; ++p) natural[p] = fit->parameters[p].estimate;
  map->ToWalked(natural, estimate);
  int reached = 0;
  for (std::uint64_t r = 0; r < 150; ++r) {
    resampler.Draw(r, resample);
    evaluator.SetWeights(resample.weights);
    map->ToWalked({fit->replicates.data() + 5 * r, 5}, own);
    double best = polisher.Polish(estimate).value;
    RandomStream random(99, r);
    for (int start = 0; start < 20; ++start) {
      std::vector<double> from = estimate;
      for (double& coordinate : from) coordinate *= 1 + 0.3 * (random.Uniform() - 0.5);
      best = std::min(best, polisher.Polish(from).value);
    }
    reached += polisher.Value(own) <= best * (1 + 1e-8);
  }
  EXPECT_GE(reached, 149);
}

TEST(SortedQuantile, IsLinearBetweenNeighbours) {
  const std::vector<double> values = {1, 2, 4, 8};
  EXPECT_EQ(solve::SortedQuantile(values, 0), 1);
  EXPECT_EQ(solve::SortedQuantile(values, 1), 8);
  EXPECT_EQ(solve::SortedQuantile(values, 0.5), 3);
}

}  // namespace
}  // namespace sextant::fitting
