// SPDX-License-Identifier: Apache-2.0
#include "fitting/critical_batch/from_runs.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "base/give_up.h"
#include "base/random.h"
#include "fitting/critical_batch/target_steps.h"
#include "fitting/curve/trajectory.h"
#include "tests/test_paths.h"

namespace sextant::fitting {
namespace {

const TrajectoryLaw kLaw = {6.5e13, .077, 2.1e3, .76, 2e8, .21};

// Constant-rate runs of one size on Su's trajectory: five batches, three rates each, noise in every point,
// and a run's own luck in how fast it goes.
std::vector<BatchRun> Simulate(double noise, uint64_t seed, double params = 1e7) {
  std::vector<BatchRun> runs;
  uint64_t stream = 0;
  for (double batch : {1.6e4, 6.4e4, 2.56e5, 1.024e6, 4.096e6}) {
    for (double rate : {5e-4, 1e-3, 2e-3}) {
      RandomStream random(seed, stream++);
      BatchRun run;
      run.run_id = "B" + std::to_string(batch) + "-lr" + std::to_string(rate);
      run.params = params;
      run.batch_size_tokens = batch;
      run.learning_rate = rate;
      run.rate_is_constant = true;
      run.warmup_steps = 50;
      const double wrong = std::log(rate / 1.1e-3);
      const double speed = std::exp(-.4 * wrong * wrong + 6 * noise * random.Normal());
      const double most = 4e4 * (1 + 3e5 / batch);
      run.tokens = batch * most;  // a race to a loss: every batch has its own horizon
      for (int k = 0; k < 300; ++k) {
        const double step = std::round(20 * std::pow(most / 20, k / 299.0));
        if (!run.curve.step.empty() && step <= run.curve.step.back()) continue;
        run.curve.step.push_back(step);
        run.curve.train_loss.push_back(TrajectoryLoss(kLaw, params, speed * step, batch) *
                                       std::exp(noise * random.Normal()));
      }
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

const CriticalBatchEstimate& Find(const CellCriticalBatch& cell, CriticalBatchDefinition definition) {
  for (const CriticalBatchEstimate& e : cell.estimates) {
    if (e.definition == definition) return e;
  }
  return cell.estimates.front();
}

TEST(CriticalBatchFromRuns, RecoversTheKnownCriticalBatchOfSyntheticCurves) {
  int held = 0, law_held = 0;
  constexpr int kTrials = 20;
  for (uint64_t trial = 0; trial < kTrials; ++trial) {
    FromRunsOptions options;
    options.steps.replicates = 200;
    options.steps.seed = trial + 1;
    const auto report = EstimateCriticalBatch(Simulate(.005, trial), options);
    ASSERT_TRUE(report.ok()) << report.status().message();
    ASSERT_EQ(report->cells.size(), 1u);
    const CriticalBatchEstimate& e = Find(report->cells[0], CriticalBatchDefinition::kHyperbola);
    ASSERT_TRUE(e.answered) << e.reason;
    const double truth = CriticalBatchAtLoss(e.target_loss, 2e8, .21);
    held += e.batch_size.low <= truth && truth <= e.batch_size.high;
    EXPECT_NEAR(std::log(e.batch_size.value / truth), 0, .7);
    ASSERT_TRUE(report->has_loss_law) << report->loss_law_reason;
    const double middle = std::sqrt(report->loss_law.lowest_loss * report->loss_law.highest_loss);
    const BatchInterval at = report->loss_law.IntervalAt(middle);
    const double law_truth = CriticalBatchAtLoss(middle, 2e8, .21);
    law_held += at.low <= law_truth && law_truth <= at.high;
  }
  EXPECT_GE(held, kTrials * 8 / 10);
  EXPECT_GE(law_held, kTrials * 8 / 10);
}

TEST(CriticalBatchFromRuns, EndsOnceItIsGivenUp) {
  const std::vector<BatchRun> runs = Simulate(.005, 1);
  FromRunsOptions options;
  options.steps.replicates = 200;
  std::atomic<int> looks = 0, patience = 1'000'000'000;
  const std::function<bool()> given_up = [&] { return ++looks > patience; };
  const GiveUpScope scope(given_up);
  ASSERT_TRUE(EstimateCriticalBatch(runs, options).ok());
  const int all = looks;
  EXPECT_GT(all, 10 * options.steps.replicates) << "it looks too seldom";
  for (const int part : {0, all / 100, all / 10, all / 2}) {
    looks = 0;
    patience = part;
    EXPECT_THROW((void)EstimateCriticalBatch(runs, options), GivenUp) << part;
    // The threads that are at it look once more each.
    EXPECT_LT(looks, part + 200);
  }
}

TEST(CriticalBatchFromRuns, ReadsTargetsTheUserNames) {
  FromRunsOptions options;
  options.steps.replicates = 50;
  options.target_losses = {4.2};
  const auto report = EstimateCriticalBatch(Simulate(.002, 3), options);
  ASSERT_TRUE(report.ok());
  EXPECT_DOUBLE_EQ(report->cells[0].points.at(0).target_loss, 4.2);
  options.target_losses = {1e-3};
  const auto unreachable = EstimateCriticalBatch(Simulate(.002, 3), options);
  ASSERT_TRUE(unreachable.ok());
  EXPECT_NE(Find(unreachable->cells[0], CriticalBatchDefinition::kHyperbola).reason.find("0 batch sizes"),
            std::string::npos);
}

TEST(CriticalBatchFromRuns, SaysWhyADesignGivesNoAnswer) {
  std::vector<BatchRun> runs = Simulate(.002, 4);
  std::erase_if(runs, [](const BatchRun& r) { return r.batch_size_tokens > 1e5; });
  const auto report = EstimateCriticalBatch(runs);
  ASSERT_TRUE(report.ok());
  const CriticalBatchEstimate& e = Find(report->cells[0], CriticalBatchDefinition::kHyperbola);
  EXPECT_FALSE(e.answered);
  EXPECT_NE(e.reason.find("at least 3"), std::string::npos);
  EXPECT_FALSE(report->hyperbola_scaling_reason.empty());
  EXPECT_FALSE(EstimateCriticalBatch({}).ok());
  runs[0].learning_rate = -1;
  EXPECT_EQ(EstimateCriticalBatch(runs).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CriticalBatchFromRuns, UsesTheNoiseScaleWhenCurvesCarryIt) {
  std::vector<BatchRun> runs = Simulate(.002, 6);
  const auto without = EstimateCriticalBatch(runs);
  ASSERT_TRUE(without.ok());
  EXPECT_FALSE(without->has_noise_scale_law);
  EXPECT_EQ(without->cells[0].estimates.size(), 3u);
  for (BatchRun& run : runs) {
    for (double loss : run.curve.train_loss) {
      run.curve.gradient_noise_scale_tokens.push_back(CriticalBatchAtLoss(loss, 1e8, .25));
    }
  }
  const auto report = EstimateCriticalBatch(runs);
  ASSERT_TRUE(report.ok());
  const CriticalBatchEstimate& e = Find(report->cells[0], CriticalBatchDefinition::kNoiseScale);
  ASSERT_EQ(e.definition, CriticalBatchDefinition::kNoiseScale);
  ASSERT_TRUE(e.answered) << e.reason;
  EXPECT_NEAR(e.batch_size.value / CriticalBatchAtLoss(e.target_loss, 1e8, .25), 1, .2);
  ASSERT_TRUE(report->has_noise_scale_law) << report->noise_scale_law_reason;
  EXPECT_NEAR(report->noise_scale_law.alpha.value, .25, .02);
}

TEST(CriticalBatchFromRuns, ReadsTheNoiseScaleOfASingleBatchWhereNoRaceIsPossible) {
  std::vector<BatchRun> runs = Simulate(.002, 6);
  const double batch = runs[0].batch_size_tokens;
  std::erase_if(runs, [batch](const BatchRun& run) { return run.batch_size_tokens != batch; });
  for (BatchRun& run : runs) {
    for (double loss : run.curve.train_loss) {
      run.curve.gradient_noise_scale_tokens.push_back(CriticalBatchAtLoss(loss, 1e8, .25));
    }
  }
  for (const std::vector<double>& asked : {std::vector<double>{}, {runs[0].curve.train_loss.back() * 1.05}}) {
    FromRunsOptions options;
    options.target_losses = asked;
    const auto report = EstimateCriticalBatch(runs, options);
    ASSERT_TRUE(report.ok());
    EXPECT_FALSE(Find(report->cells[0], CriticalBatchDefinition::kHyperbola).answered);
    const CriticalBatchEstimate& e = Find(report->cells[0], CriticalBatchDefinition::kNoiseScale);
    ASSERT_EQ(e.definition, CriticalBatchDefinition::kNoiseScale);
    ASSERT_TRUE(e.answered) << e.reason;
    EXPECT_NEAR(e.batch_size.value / CriticalBatchAtLoss(e.target_loss, 1e8, .25), 1, .2);
  }
}

TEST(CriticalBatchFromRuns, SurvivesRunsWithoutUsableCurves) {
  std::vector<BatchRun> runs = Simulate(.002, 5);
  runs[0].curve = {};
  runs[4].curve.train_loss.assign(runs[4].curve.train_loss.size(), NAN);
  runs[7].curve.train_loss.back() = INFINITY;
  runs[9].curve.train_loss.pop_back();
  const auto report = EstimateCriticalBatch(runs);
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->cells.empty());
}

TEST(TargetSteps, CrossingIgnoresASingleDip) {
  CleanCurve curve;
  for (int i = 1; i <= 50; ++i) {
    curve.x.push_back(i);
    curve.smoothed_loss.push_back(5 - .05 * i);
  }
  curve.smoothed_loss[9] = 3;  // one bad reading
  const auto crossing = FirstCrossing(curve, 3.5);
  ASSERT_TRUE(crossing.has_value());
  EXPECT_NEAR(std::exp(crossing->log_x), 30, .5);
  EXPECT_FALSE(FirstCrossing(curve, 1).has_value());
  EXPECT_FALSE(FirstCrossing(curve, 10).has_value());
}

TEST(TargetSteps, BestRateIsInterpolatedAndEdgesAreFlagged) {
  std::vector<RatePoint> points;
  for (double rate : {1e-3, 2e-3, 4e-3, 8e-3}) {
    const double distance = std::log(rate / 3e-3);
    points.push_back({rate, 2 + distance * distance, .01});
  }
  const BestRate inside = LeastOverRates(points);
  EXPECT_NEAR(inside.learning_rate, 3e-3, 1e-9);
  EXPECT_NEAR(inside.value, 2, 1e-9);
  EXPECT_FALSE(inside.at_edge);
  points.erase(points.begin(), points.begin() + 2);
  EXPECT_TRUE(LeastOverRates(points).at_edge);
  points.pop_back();
  EXPECT_TRUE(LeastOverRates(points).only_one);
}

TEST(TargetSteps, HorizonsMustFallToBeInverted) {
  const std::vector<HorizonPoint> falling = {{1, 2, .01}, {2, 1.5, .01}, {3, 1.2, .01}};
  const auto reading = TokensToLoss(falling, 1.35, .5);
  ASSERT_TRUE(reading.has_value());
  EXPECT_NEAR(reading->log_tokens, 2.5, 1e-12);
  EXPECT_NEAR(TokensToLoss(falling, 1.1, .5)->outside, 1.0 / 3, 1e-12);
  EXPECT_FALSE(TokensToLoss(falling, .5, .5).has_value());
  const std::vector<HorizonPoint> rising = {{1, 2, .01}, {2, 2.1, .01}};
  EXPECT_FALSE(TokensToLoss(rising, 1.9, .5).has_value());
}

std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> fields;
  std::stringstream stream(line);
  for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
  return fields;
}

TEST(CriticalBatchFromRuns, AnswersOrExplainsEveryCellOfTheShippedSweep) {
  const std::string folder = SEXTANT_SOURCE_DIR "/data/calibration/h100-bytes-t128/";
  if (!std::filesystem::exists(folder + "runs.csv")) GTEST_SKIP() << folder << " is missing";
  std::vector<BatchRun> runs;
  std::ifstream file(folder + "runs.csv");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    const auto f = Split(line);
    BatchRun run;
    run.run_id = f[0];
    run.params = std::stod(f[1]);
    run.tokens = std::stod(f[3]);
    run.batch_size_tokens = std::stod(f[4]);
    run.learning_rate = std::stod(f[8]);
    run.final_loss = std::stod(f[9]);
    runs.push_back(run);
  }
  ASSERT_EQ(runs.size(), 216u);
  const auto report = EstimateCriticalBatch(runs);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->cells.size(), 9u);
  for (const CellCriticalBatch& cell : report->cells) {
    EXPECT_EQ(cell.source, TargetSource::kAcrossHorizons);
    for (const CriticalBatchEstimate& e : cell.estimates) {
      if (!e.answered) {
        EXPECT_FALSE(e.reason.empty());
        continue;
      }
      EXPECT_GE(e.batch_size.high, e.batch_size.value);
      EXPECT_LE(e.batch_size.low, e.batch_size.value);
      EXPECT_GT(e.batch_size.value, 1e3);
      EXPECT_LT(e.batch_size.value, 1e6);
    }
  }
  EXPECT_FALSE(report->hyperbola_scaling.evidence.empty());
}

}  // namespace
}  // namespace sextant::fitting
