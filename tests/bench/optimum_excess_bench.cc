// SPDX-License-Identifier: Apache-2.0
// Mean and maximum excess loss of every estimator on every held-out split of a sweep, how often intervals
// hold the held-out cells' own optima, and what a full fit costs.
//
// usage: optimum_excess_bench [--cost] [RUNS.csv]
//
// --cost prints what a full fit costs and nothing else.
// RUNS.csv has the columns N, D, lr, batch_tokens, smooth_loss; the Step Law dense table by default.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <ctime>
#include <string>

#include "base/random.h"
#include "fitting/optimum/compare.h"
#include "fitting/optimum/excess_loss.h"
#include "fitting/optimum/predict.h"
#include "tests/fitting/optimum/sweep_files.h"
#include "tests/fitting/optimum/sweeps.h"
#include "tests/test_paths.h"

namespace sextant::fitting {
namespace {

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void PrintScores(const RunTable& runs) {
  for (const LawVariables batch : {LawVariables::kParamsTokens, LawVariables::kTokens}) {
    CompareOptions options;
    options.estimators = EstimatorNames();
    options.batch_variables = batch;
    const double start = CpuSeconds();
    const absl::StatusOr<Comparison> comparison = CompareEstimators(runs, options);
    if (!comparison.ok()) {
      fmt::print("{}\n", comparison.status().ToString());
      return;
    }
    fmt::print("\nexcess loss in percent, mean / max; rate on N and D, batch on {} ({:.1f} s CPU)\n",
               batch == LawVariables::kTokens ? "D" : "N and D", CpuSeconds() - start);
    for (const SplitScore& score : comparison->scores) {
      fmt::print("  {:<20} {:<10} {:.3f} / {:.2f}   {} cells\n", SplitName(score.split), score.estimator,
                 score.mean_excess_pct, score.max_excess_pct, score.cells);
    }
  }
}

/// Leaves out each cell (or each N) and counts how often 90 % intervals hold the cell's own optimum.
void PrintCoverage(const RunTable& runs, bool by_model) {
  const absl::StatusOr<optimum::CellTable> table = optimum::GroupIntoCells(runs, {true, true}, 0.003);
  int held = 0;
  int total = 0;
  for (const optimum::Cell& cell : table->cells) {
    const std::optional<optimum::CellScorer> scorer = optimum::CellScorer::Make(cell);
    if (!scorer) {
      continue;
    }
    RunTable train = runs;
    for (const optimum::Cell& other : table->cells) {
      const bool same = by_model ? std::abs(other.log_params - cell.log_params) < 0.003 : &other == &cell;
      for (const optimum::CellRun& run : other.runs) {
        train.state[run.row] = same ? RunState::kCrashed : train.state[run.row];
      }
    }
    for (const OptimumTarget target : {OptimumTarget::kLearningRate, OptimumTarget::kBatchSizeTokens}) {
      OptimumOptions options;
      options.estimator = "auto";
      options.target = target;
      options.replicates = 200;
      const absl::StatusOr<OptimumFit> fit = FitOptimum(train, options);
      if (!fit.ok()) {
        continue;
      }
      const OptimumPrediction p = PredictOptimum(*fit, std::exp(cell.log_params), std::exp(cell.log_tokens));
      const double own = std::exp(scorer->optimum()[target == OptimumTarget::kLearningRate ? 0 : 1]);
      held += p.low <= own && own <= p.high;
      ++total;
    }
  }
  fmt::print("90 % intervals hold the left-out cell's own optimum: {} of {} ({})\n", held, total,
             by_model ? "its whole N left out" : "the cell left out");
}

/// Every setting of the sweep five times, as seeds of one setting are.
RunTable FiveTimes(const RunTable& runs) {
  RunTable all = runs;
  RandomStream random(1, 5);
  for (int copy = 1; copy < 5; ++copy) {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      testing::AddRun(all, runs.params[i], runs.tokens[i], runs.learning_rate[i], runs.batch_size_tokens[i],
                      runs.loss[i] * std::exp(0.0005 * random.Normal()), runs.state[i]);
    }
  }
  return all;
}

void PrintCost(const RunTable& runs) {
  fmt::print("{} runs\n", runs.size());
  for (const char* estimator : {"band", "surface", "regret", "auto"}) {
    OptimumOptions options;
    options.estimator = estimator;
    const double start = CpuSeconds();
    const absl::StatusOr<OptimumFit> fit = FitOptimum(runs, options);
    fmt::print("one law, {} replicates, {:<8} {:.2f} s CPU{}\n", options.replicates, estimator,
               CpuSeconds() - start, fit.ok() ? "" : fit.status().ToString());
  }
}

}  // namespace
}  // namespace sextant::fitting

int main(int argc, char** argv) {
  using namespace sextant::fitting;
  const bool cost_only = argc > 1 && std::string(argv[1]) == "--cost";
  if (cost_only) --argc, ++argv;
  const std::string path = argc > 1 ? argv[1] : SEXTANT_SOURCE_DIR "/../shared/data/steplaw-dense/runs.csv";
  const std::optional<RunTable> runs =
      testing::ReadSweep(path, {"N", "D", "lr", "batch_tokens", "smooth_loss"});
  if (!runs) {
    fmt::print("no table at {}\n", path);
    return 1;
  }
  fmt::print("{}: {} runs\n", path, runs->size());
  if (!cost_only) {
    PrintScores(*runs);
    PrintCoverage(*runs, false);
    PrintCoverage(*runs, true);
  }
  PrintCost(*runs);
  PrintCost(FiveTimes(*runs));
  return 0;
}
