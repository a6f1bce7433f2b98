// SPDX-License-Identifier: Apache-2.0
// Every format from a committed file: the run's fields and its curve.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "tests/clients/importers/import_fixture.h"
#include "tests/test_paths.h"

namespace sextant::importers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsNan;
using ::testing::NanSensitiveFloatEq;
using ::testing::Not;

constexpr float kNan = CurvePoint::kMissing;

class GoldenTest : public ImportTest {
 protected:
  /// Reads a golden file or folder as the command line does.
  void Read(const std::string& name) {
    const auto found =
        ExpandInputs({std::string(SEXTANT_SOURCE_DIR) + "/tests/clients/importers/golden/" + name});
    ASSERT_TRUE(found.ok()) << found.status();
    for (const Input& input : found->inputs) {
      auto report = ImportInput(input, options_, sink_);
      ASSERT_TRUE(report.ok()) << report.status();
      if (!report->format.empty()) formats_.push_back(report->format);
    }
    passed_over_ = found->passed_over;
  }

  /// The one run of a golden file or folder.
  ImportedRun Only(const std::string& name, const std::string& format) {
    Read(name);
    EXPECT_THAT(formats_, ElementsAre(format));
    EXPECT_EQ(sink_.runs.size(), 1u) << (sink_.rejects.empty() ? "" : sink_.rejects[0].reason);
    ImportedRun run = sink_.runs.empty() ? ImportedRun() : sink_.runs[0];
    if (!run.curve) run.curve.emplace();
    return run;
  }

  std::vector<std::string> formats_;
  std::vector<PassedOver> passed_over_;
};

TEST_F(GoldenTest, Csv) {
  Read("csv");
  ASSERT_EQ(sink_.runs.size(), 2u);
  EXPECT_EQ(sink_.runs[0].learning_rate, 0.001);
  EXPECT_EQ(sink_.runs[1].state, ImportedState::kDiverged);
}

TEST_F(GoldenTest, JsonlOfRuns) {
  const std::string name = "jsonl/runs.jsonl";
  Read(name);
  ASSERT_EQ(sink_.runs.size(), 2u);
  EXPECT_THAT(formats_, ElementsAre("jsonl"));
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1, 2));
  EXPECT_THAT(sink_.runs[0].curve->train_loss, ElementsAre(5.5f, 5.25f));
  EXPECT_EQ(sink_.runs[1].state, ImportedState::kDiverged);
}

TEST_F(GoldenTest, JsonlOfHistory) {
  Set("params_total=1e6");
  Read("jsonl/history.jsonl");
  ASSERT_EQ(sink_.runs.size(), 2u);
  const ImportedRun& run = sink_.runs[0];
  EXPECT_EQ(run.run_id, "d512-b128");
  EXPECT_THAT(run.curve->step, ElementsAre(400));
  EXPECT_THAT(run.curve->tokens, ElementsAre(52428800));
  EXPECT_THAT(run.curve->validation_loss, ElementsAre(3.913f));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(3.95f));
  EXPECT_EQ(run.loss, 3.913);
  EXPECT_EQ(sink_.runs[1].state, ImportedState::kDiverged);
}

TEST_F(GoldenTest, StepLawDense) {
  const std::string name = "steplaw/dense.csv";
  Read(name);
  ASSERT_EQ(sink_.runs.size(), 2u);
  const ImportedRun& run = sink_.runs[0];
  EXPECT_EQ(run.params_non_embedding, 154140672);
  EXPECT_EQ(run.tokens, 128.0 * 2048 * 38147);
  EXPECT_EQ(run.min_learning_rate, 1e-5);
  EXPECT_EQ(run.loss, 2.6935);
  EXPECT_EQ(run.tags.at("nominal_tokens"), "10000000000");
}

TEST_F(GoldenTest, StepLawMixtureOfExpertsKeepsBothCountsAndTakesAMapping) {
  Read("steplaw/moe.csv");
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_EQ(sink_.runs[0].params_non_embedding, 2e9);
  EXPECT_EQ(sink_.runs[0].params_active, 5e8);
  EXPECT_EQ(sink_.runs[0].sequence_length, 4096);
  EXPECT_EQ(sink_.runs[0].tokens, 64.0 * 4096 * 1000);
  options_.format = "steplaw";
  Map("params_non_embedding=Na");
  Read("steplaw/moe.csv");
  ASSERT_EQ(sink_.runs.size(), 2u);
  EXPECT_EQ(sink_.runs[1].params_non_embedding, 5e8);
}

TEST_F(GoldenTest, LlmcLog) {
  Set("params_total=124e6");
  Set("batch_size_tokens=1000");
  const ImportedRun run = Only("llmc", "llmc-log");
  EXPECT_EQ(run.tags.at("run_name"), "llmc/main.log");
  EXPECT_THAT(run.curve->step, ElementsAre(0, 1, 250, 251));
  EXPECT_THAT(run.curve->tokens, ElementsAre(0, 1000, 250000, 251000));
  EXPECT_THAT(run.curve->train_loss, Floats({kNan, 11.0f, 4.61f, 4.5983f}));
  EXPECT_THAT(run.curve->validation_loss, Floats({11.0101f, kNan, 4.6127f, kNan}));
  EXPECT_EQ(run.loss, 4.6127);
  EXPECT_THAT(run.labels, ElementsAre("coarse-rate", "end-not-logged", "peak-rate-derived"));
}

TEST_F(GoldenTest, LlmcOutput) {
  Set("params_total=124e6");
  const ImportedRun run = Only("llmc-output", "llmc-output");
  EXPECT_THAT(run.curve->step, ElementsAre(0, 1, 250, 251));
  EXPECT_THAT(run.curve->train_loss, Floats({kNan, 11.0f, 4.598312f, kNan}));
  EXPECT_THAT(run.curve->validation_loss, Floats({11.01f, kNan, 4.6127f, kNan}));
  EXPECT_THAT(run.curve->learning_rate, Floats({kNan, 8.57e-7f, 2.14e-4f, 2.15e-4f}));
  EXPECT_EQ(run.batch_size_tokens, 524288);
  EXPECT_EQ(run.learning_rate, 6e-4);
  EXPECT_DOUBLE_EQ(*run.min_learning_rate, 6e-5);
  EXPECT_EQ(run.weight_decay, 0.1);
  EXPECT_EQ(run.warmup_steps, 700);
  EXPECT_EQ(run.schedule, "cosine");
  EXPECT_THAT(run.labels, ElementsAre("skipped-updates"));
}

TEST_F(GoldenTest, NanoGpt) {
  Set("params_total=124e6");
  const ImportedRun run = Only("nanogpt", "nanogpt");
  EXPECT_THAT(run.curve->step, ElementsAre(0, 1, 2000, 2001));
  EXPECT_THAT(run.curve->train_loss, Floats({kNan, 10.99f, kNan, 3.3987f}));
  EXPECT_THAT(run.curve->validation_loss, Floats({10.988f, kNan, 3.4305f, kNan}));
  EXPECT_EQ(run.tokens, 2001.0 * 491520);
  EXPECT_EQ(run.sequence_length, 1024);
  EXPECT_EQ(run.learning_rate, 6e-4);
}

TEST_F(GoldenTest, Megatron) {
  Set("params_total=124e6");
  const ImportedRun run = Only("megatron", "megatron");
  EXPECT_THAT(run.curve->step, ElementsAre(1100, 1200));
  EXPECT_THAT(run.curve->tokens, ElementsAre(563200.0 * 2048, 614400.0 * 2048));
  EXPECT_THAT(run.curve->train_loss, Floats({3.3f, 3.207411f}));
  EXPECT_THAT(run.curve->validation_loss, Floats({kNan, 3.118204f}));
  EXPECT_EQ(run.batch_size_tokens, 512.0 * 2048);
  EXPECT_EQ(run.seed, 1234);
  EXPECT_THAT(run.labels, ElementsAre("interval-mean-loss", "peak-rate-derived"));
}

TEST_F(GoldenTest, MegatronForkOfStepLaw) {
  Set("params_total=124e6");
  Set("sequence_length=2048");
  const ImportedRun run = Only("steplaw-fork", "megatron");
  EXPECT_THAT(run.curve->step, ElementsAre(10, 20));
  EXPECT_THAT(run.curve->tokens, ElementsAre(640.0 * 2048, 1280.0 * 2048));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(5.5f, 5.25f));
}

TEST_F(GoldenTest, TrainerStateOfTheNewestCheckpoint) {
  Set("params_total=124e6");
  Set("batch_size_tokens=1000");
  const ImportedRun run = Only("trainer-state", "trainer-state");
  EXPECT_EQ(run.run_id, "trainer-state");
  EXPECT_THAT(run.curve->step, ElementsAre(300, 600));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(4.1f, 3.4127f));
  EXPECT_THAT(run.curve->validation_loss, ElementsAre(4.0f, 3.3981f));
  EXPECT_EQ(run.loss, 3.3981);
  EXPECT_EQ(run.flops, 6e17);
  EXPECT_EQ(run.tokens, 600000);
  EXPECT_THAT(run.labels, Contains("interval-mean-loss"));
  ASSERT_EQ(passed_over_.size(), 1u);
  EXPECT_THAT(passed_over_[0].path, HasSubstr("checkpoint-300"));
}

TEST_F(GoldenTest, Lightning) {
  Set("params_total=124e6");
  options_.step_offset = 1;
  const ImportedRun run = Only("lightning", "step-csv");
  EXPECT_THAT(run.curve->step, ElementsAre(50, 100));
  EXPECT_THAT(run.curve->tokens, ElementsAre(500, 1000));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(4.812f, 4.5f));
  EXPECT_THAT(run.curve->validation_loss, Floats({4.655f, kNan}));
  EXPECT_EQ(run.batch_size_tokens, 10) << "from hparams.yaml";
}

TEST_F(GoldenTest, OlmoLadder) {
  Set("params_total=124e6");
  const ImportedRun run = Only("olmo", "step-csv");
  EXPECT_THAT(run.curve->tokens, ElementsAre(400000, 800000));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(5.5f, 5.0f));
  EXPECT_EQ(run.learning_rate, 0.001);
  EXPECT_EQ(run.batch_size_tokens, 4000);
  EXPECT_EQ(run.flops, 4800e9);
  EXPECT_THAT(sink_.notes, Contains(HasSubstr("'eval/c4/CrossEntropyLoss'")));
}

TEST_F(GoldenTest, RayTrial) {
  Set("params_total=124e6");
  Set("batch_size_tokens=1000");
  const ImportedRun run = Only("ray", "history-jsonl");
  EXPECT_EQ(run.run_id, "t1");
  EXPECT_THAT(run.curve->step, ElementsAre(1, 2));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(4.0f, 3.0f));
  EXPECT_EQ(run.learning_rate, 0.0011);
  EXPECT_EQ(run.seed, 3);
}

TEST_F(GoldenTest, TrackerMetrics) {
  const ImportedRun run = Only("marin", "tracker-metrics");
  EXPECT_EQ(run.params_total, 1250000);
  EXPECT_EQ(run.tokens, 4096000);
  EXPECT_EQ(run.flops, 2.5e15);
  EXPECT_EQ(run.loss, 3.25);
  EXPECT_EQ(run.steps, 999);
  EXPECT_EQ(run.seed, 7);
  EXPECT_EQ(run.curve->size(), 0u);
}

TEST_F(GoldenTest, WandbRunFolder) {
  Set("params_total=124e6");
  const ImportedRun run = Only("wandb", "wandb");
  EXPECT_EQ(run.run_id, "abc123");
  EXPECT_EQ(run.tags.at("run_name"), "happy-run-1");
  EXPECT_THAT(run.curve->step, ElementsAre(100, 200, 300)) << "the loop's counter, not _step";
  EXPECT_THAT(run.curve->train_loss, Floats({4.5f, 4.0f, kNan}));
  EXPECT_THAT(run.curve->validation_loss, Floats({kNan, 4.25f, kNan}));
  EXPECT_THAT(run.curve->tokens, ElementsAre(100000, 200000, 300000));
  EXPECT_EQ(run.learning_rate, 0.002) << "the log goes before config.yaml";
  EXPECT_EQ(run.batch_size_tokens, 1000) << "config.yaml";
  EXPECT_EQ(run.state, ImportedState::kCrashed);
  EXPECT_THAT(sink_.rejects, IsEmpty());
}

TEST_F(GoldenTest, WandbHistory) {
  Set("params_total=124e6");
  const ImportedRun run = Only("wandb-history", "history-jsonl");
  EXPECT_THAT(run.curve->step, ElementsAre(1200, 1250, 1300));
  EXPECT_THAT(run.curve->train_loss, Floats({3.071f, kNan, kNan}));
  EXPECT_THAT(run.curve->validation_loss, Floats({kNan, 3.118f, kNan}));
  EXPECT_THAT(run.curve->tokens, ElementsAre(629145600, 655360000, 681574400)) << "between where not logged";
  EXPECT_EQ(run.tokens, 681574400);
  EXPECT_THAT(run.labels, Not(Contains("sampled-history")));
}

TEST_F(GoldenTest, WandbChartAndItsSplitByTheUser) {
  Set("params_total=124e6");
  Set("batch_size_tokens=1000");
  Read("wandb-chart");
  ASSERT_EQ(sink_.runs.size(), 2u);
  EXPECT_EQ(sink_.runs[0].run_id, "b");
  EXPECT_THAT(sink_.runs[0].labels, Contains("lossy-export"));
  EXPECT_EQ(sink_.runs[1].tags.at("run_name"), "d12 - lr6e-4");
  EXPECT_THAT(sink_.runs[1].curve->validation_loss, ElementsAre(3.742f, 3.5f));
  EXPECT_THAT(sink_.runs[1].labels, Not(Contains("lossy-export")));
  sink_.runs.clear();
  options_.metrics = {*ParseMetricRule("lr* - val/loss=validation_loss")};
  Read("wandb-chart");
  ASSERT_EQ(sink_.runs.size(), 2u);
  EXPECT_EQ(sink_.runs[1].run_id, "d12");
}

TEST_F(GoldenTest, WandbRunsTable) {
  Read("wandb-table");
  ASSERT_EQ(sink_.runs.size(), 2u);
  EXPECT_EQ(sink_.runs[0].loss, 3.5);
  EXPECT_EQ(sink_.runs[1].state, ImportedState::kDiverged);
}

TEST_F(GoldenTest, TensorBoardFolderResumedInASecondFile) {
  Set("params_total=124e6");
  const ImportedRun run = Only("tensorboard/resumed", "tensorboard");
  EXPECT_EQ(run.run_id, "resumed");
  EXPECT_THAT(run.curve->step, ElementsAre(100, 200, 300, 400));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(5.0f, 3.75f, 3.25f, 3.0f));
  EXPECT_THAT(run.curve->validation_loss, Floats({kNan, kNan, kNan, 3.125f})) << "that of 300 is void";
  EXPECT_EQ(run.learning_rate, 0.001) << "from the hparams plugin";
  EXPECT_EQ(run.tokens, 400000);
  EXPECT_THAT(run.labels, ElementsAre("end-not-logged", "restarted"));
  EXPECT_THAT(sink_.rejects, IsEmpty()) << "a record cut short is a run that is alive";
}

TEST_F(GoldenTest, TensorBoardOfMegatronHasSamplesAsItsTokenAxis) {
  Set("params_total=124e6");
  Set("sequence_length=100");
  const ImportedRun run = Only("tensorboard/megatron", "tensorboard");
  EXPECT_THAT(run.curve->step, ElementsAre(10, 20));
  EXPECT_THAT(run.curve->tokens, ElementsAre(64000, 128000));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(8.0f, 7.0f));
}

TEST_F(GoldenTest, MlflowFileStore) {
  Set("params_total=124e6");
  const ImportedRun run = Only("mlflow/mlruns/0/0a1b2c3d4e5f60718293a4b5c6d7e8f9", "mlflow");
  EXPECT_EQ(run.run_id, "0a1b2c3d4e5f60718293a4b5c6d7e8f9");
  EXPECT_EQ(run.tags.at("run_name"), "brave-owl-1");
  EXPECT_EQ(run.state, ImportedState::kCrashed);
  EXPECT_THAT(run.curve->step, ElementsAre(100, 200, 300));
  EXPECT_THAT(run.curve->train_loss, Floats({3.9421f, 3.771f, kNan}));
  EXPECT_THAT(run.curve->validation_loss, Floats({kNan, 3.8f, kNan}));
  EXPECT_EQ(run.learning_rate, 0.0006);
  EXPECT_EQ(run.tokens, 300000);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].line, 4);
  EXPECT_EQ(sink_.rejects[0].reason, "metric 'train/loss': not 'time value step': 'broken'");
}

TEST_F(GoldenTest, MlflowStoreWithoutItsDeletedRunsAndTrash) {
  Set("params_total=124e6");
  Read("mlflow");
  EXPECT_EQ(sink_.runs.size(), 1u);
  EXPECT_THAT(sink_.notes, Contains(HasSubstr("deleted")));
}

TEST_F(GoldenTest, MlflowDatabase) {
  Set("params_total=124e6");
  Read("mlflow-sqlite");
  EXPECT_THAT(formats_, ElementsAre("mlflow-sqlite"));
  ASSERT_EQ(sink_.runs.size(), 2u);
  const ImportedRun& run = sink_.runs[0];
  EXPECT_EQ(run.run_id, "run1");
  EXPECT_EQ(run.tags.at("run_name"), "renamed-fox");
  EXPECT_EQ(run.tags.at("experiment"), "sweep");
  EXPECT_THAT(run.curve->step, ElementsAre(100, 200));
  EXPECT_THAT(run.curve->train_loss, Floats({4.5f, kNan}));
  EXPECT_THAT(run.curve->validation_loss, Floats({kNan, 4.25f}));
  EXPECT_EQ(run.state, ImportedState::kFinished);
  EXPECT_TRUE(std::isinf(*sink_.runs[1].loss)) << "stored as the largest finite number";
  EXPECT_EQ(sink_.runs[1].state, ImportedState::kDiverged);
}

TEST_F(GoldenTest, OptunaStudy) {
  Set("params_total=124e6");
  Set("tokens=1e9");
  Read("optuna");
  EXPECT_THAT(formats_, ElementsAre("optuna"));
  ASSERT_EQ(sink_.runs.size(), 4u);
  const ImportedRun& run = sink_.runs[0];
  EXPECT_EQ(run.run_id, "lr-trial-0");
  EXPECT_EQ(run.learning_rate, 0.001);
  EXPECT_EQ(run.batch_size_tokens, 2000) << "the category that the index stands for";
  EXPECT_EQ(run.loss, 3.5);
  EXPECT_EQ(run.seed, 17);
  EXPECT_FALSE(run.curve.has_value());
  EXPECT_THAT(sink_.runs[1].labels, Contains("pruned"));
  EXPECT_EQ(sink_.runs[1].state, ImportedState::kCrashed);
  EXPECT_EQ(sink_.runs[2].state, ImportedState::kDiverged);
  EXPECT_FALSE(sink_.runs[3].loss.has_value()) << "maximized";
  EXPECT_THAT(sink_.notes, Contains(HasSubstr("intermediate_value=validation_loss")));
}

TEST_F(GoldenTest, OptunaIntermediateValuesOnRequest) {
  Set("params_total=124e6");
  Set("tokens=1e9");
  options_.metrics = {*ParseMetricRule("intermediate_value=validation_loss")};
  Read("optuna");
  ASSERT_EQ(sink_.runs.size(), 4u);
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(10, 20));
  EXPECT_THAT(sink_.runs[0].curve->validation_loss, ElementsAre(5.5f, 4.5f));
  EXPECT_EQ(sink_.runs[0].loss, 3.5) << "what the trial ended with";
  EXPECT_TRUE(std::isnan(*sink_.runs[1].loss));
}

}  // namespace
}  // namespace sextant::importers
