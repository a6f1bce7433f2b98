// SPDX-License-Identifier: Apache-2.0
// Logs of runs that went back to a checkpoint: what came after it in the log before is void.
#include <gmock/gmock.h>

#include <cmath>

#include "clients/importers/log/series.h"
#include "tests/clients/importers/import_fixture.h"

namespace sextant::importers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const float kNone = std::nanf("");

class RestartTest : public ImportTest {
 protected:
  RestartTest() {
    Set("params_total=1e6");
    Set("batch_size_tokens=10");
  }
};

TEST_F(RestartTest, AValidationThatTheRestartedRunHasNotReachedIsVoid) {
  const ImportedRun run =
      Only("main.log", "s:50 tel:9\ns:100 trl:8\ns:150 tel:7\ns:150 trl:6.9\ns:60 trl:7.9\ns:70 trl:7.8\n",
           "llmc-log");
  EXPECT_THAT(run.curve->step, ElementsAre(50, 61, 71));
  EXPECT_THAT(run.curve->validation_loss, Floats({9, kNone, kNone}));
  EXPECT_EQ(run.loss, 9);
  EXPECT_EQ(run.steps, 71);
  EXPECT_THAT(run.labels, Contains("restarted"));
  EXPECT_THAT(sink_.notes, Contains(HasSubstr("steps go back")));
}

TEST_F(RestartTest, ATrainingStepBehindAValidationIsARestartWhereLinesComeInOrder) {
  const ImportedRun run =
      Only("main.log", "s:100 trl:8\ns:150 tel:7\ns:120 trl:7.9\ns:130 trl:7.8\n", "llmc-log");
  EXPECT_THAT(run.curve->step, ElementsAre(101, 121, 131));
  EXPECT_TRUE(run.curve->validation_loss.empty());
}

TEST_F(RestartTest, AValidationThatGoesBackKeepsWhatWasTrainedUpToIt) {
  const ImportedRun run =
      Only("train.txt",
           "step 0: train loss 9.1, val loss 9.0\niter 0: loss 8.9, time 1ms, mfu 1%\n"
           "iter 999: loss 5.0, time 1ms, mfu 1%\nstep 1000: train loss 5.1, val loss 5.2\n"
           "iter 1000: loss 4.9, time 1ms, mfu 1%\niter 1200: loss 4.8, time 1ms, mfu 1%\n"
           "step 1000: train loss 5.0, val loss 5.1\n",
           "nanogpt");
  EXPECT_THAT(run.curve->step, ElementsAre(0, 1, 1000));
  EXPECT_THAT(run.curve->train_loss, Floats({kNone, 8.9f, 5.0f}));
  EXPECT_THAT(run.curve->validation_loss, Floats({9.0f, kNone, 5.1f}));
}

TEST_F(RestartTest, WhatTheRowOfTheRestartNamesFirstIsKept) {
  const char* const row = " iteration %/ 900 | consumed samples: %0 | learning rate: 1.E-3 | lm loss: ";
  std::string log = "  seq_length ..... 7\n";
  for (const auto& [step, loss] : {std::pair("100", "5"), {"200", "4"}, {"300", "3"}, {"200", "3.9"}}) {
    std::string line = row;
    for (std::size_t at; (at = line.find('%')) != std::string::npos;) line.replace(at, 1, step);
    log += line + loss + " |\n";
    if (std::string(step) == "300") log += " validation loss at iteration 300 | lm loss value: 3.5 |\n";
  }
  const ImportedRun run = Only("log.txt", log, "megatron");
  EXPECT_THAT(run.curve->step, ElementsAre(100, 200));
  EXPECT_THAT(run.curve->train_loss, Floats({5, 3.9f}));
  EXPECT_THAT(run.curve->learning_rate, Floats({1e-3f, 1e-3f}));
  EXPECT_THAT(run.curve->tokens, ElementsAre(7000, 14000));
  EXPECT_TRUE(run.curve->validation_loss.empty());
}

TEST_F(RestartTest, RowsOfAHistoryGoBackWithTheTrainingLoss) {
  const ImportedRun run = Only("h.jsonl",
                               "{\"global_step\":1,\"train/loss\":5}\n{\"global_step\":2,\"eval/loss\":4.5}\n"
                               "{\"global_step\":3,\"train/loss\":4}\n{\"global_step\":4,\"eval/loss\":3.5}\n"
                               "{\"global_step\":2,\"eval/loss\":4.6,\"train/loss\":4.4}\n",
                               "history-jsonl");
  EXPECT_THAT(run.curve->step, ElementsAre(1, 2));
  EXPECT_THAT(run.curve->validation_loss, Floats({kNone, 4.6f}));
}

TEST_F(RestartTest, AnEvaluatorThatComesLateIsNoRestart) {
  const ImportedRun run = Only("h.jsonl",
                               "{\"step\":1,\"train/loss\":5}\n{\"step\":2,\"train/loss\":4}\n"
                               "{\"step\":1,\"eval/loss\":5.5}\n{\"step\":3,\"train/loss\":3}\n"
                               "{\"step\":2,\"eval/loss\":4.5}\n",
                               "history-jsonl");
  EXPECT_THAT(run.curve->step, ElementsAre(1, 2, 3));
  EXPECT_THAT(run.curve->train_loss, Floats({5, 4, 3}));
  EXPECT_THAT(run.curve->validation_loss, Floats({5.5f, 4.5f, kNone}));
  EXPECT_THAT(run.labels, Not(Contains("restarted")));
}

TEST_F(RestartTest, MlflowsFilesAreReadInTheOrderOfTime) {
  const std::string run = "mlruns/0/r/";
  Write(run + "meta.yaml", "run_id: r\nstatus: 3\n");
  Write(run + "metrics/val_loss", "15 4.5 2\n35 3.5 4\n");
  Write(run + "metrics/train_loss", "10 5 1\n30 4 3\n50 4.4 2\n60 4.2 3\n");
  Input input;
  input.path = folder_ + "/" + run;
  input.format = "mlflow";
  ASSERT_TRUE(ImportInput(input, options_, sink_).ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1, 2, 3));
  EXPECT_TRUE(sink_.runs[0].curve->validation_loss.empty()) << "both validations are of steps from 2 on";
  EXPECT_THAT(sink_.rejects, IsEmpty());
}

TEST(SeriesSet, AnotherWritersFileIsNotVoid) {
  SeriesSet series;
  const std::size_t validation = series.Open(Metric::kValidationLoss),
                    train = series.Open(Metric::kTrainLoss);
  series.Add(validation, 100, 5);
  series.Add(validation, 200, 4);
  series.BeginFile();
  series.Add(train, 100, 5);
  series.Add(train, 200, 4);
  series.BeginFile();
  series.Add(train, 150, 4.5);
  EXPECT_THAT(series.at(train).step, ElementsAre(100, 150));
  EXPECT_THAT(series.at(validation).step, ElementsAre(100, 200));
}

TEST(TokensAt, ALogThatGrowsSaysTheSameOfItsEarlierSteps) {
  // A counter one batch of 491520 ahead of its steps, and rows behind the last count.
  Series short_log{{9, 19}, {10 * 491520.0, 20 * 491520.0}};
  Series long_log{{9, 19, 29}, {10 * 491520.0, 20 * 491520.0, 30 * 491520.0}};
  const auto before = TokensAt({5, 9, 12, 25}, short_log, 1), after = TokensAt({5, 9, 12, 25}, long_log, 1);
  EXPECT_THAT(after, ElementsAre(before[0], 10 * 491520.0, 13 * 491520.0, 26 * 491520.0));
  EXPECT_EQ(before, after);
  EXPECT_TRUE(std::isnan(TokensAt({5}, Series{{0}, {0}}, 1)[0]));
}

}  // namespace
}  // namespace sextant::importers
