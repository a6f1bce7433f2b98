// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "clients/trainer/model/counts.h"
#include "clients/trainer/report/record_file.h"
#include "clients/trainer/sweep/pack.h"
#include "clients/trainer/sweep/run_sweep.h"
#include "clients/trainer/sweep/slurm.h"
#include "clients/trainer/sweep/spec.h"
#include "clients/trainer/sweep/train_pack.h"
#include "tests/clients/trainer/test_tokens.h"

namespace sextant::trainer {
namespace {

using testing::HasSubstr;

constexpr char kSweep[] = R"(
name = "tiny"
[data]
tokens = "TOKENS"
validation_tokens = 200
validation_windows = 4
[model]
sequence_length = 8
[curve]
points = 6
validation_points = 2
noise_points = 1
[[grid]]
sizes = [{d_model = 64, layers = 1}]
tokens = [256, 512]
batch_size_tokens = [32, 64]
learning_rates = [1e-3, 2e-3, 4e-3]
)";

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string Refusal(const std::string& from, const std::string& to) {
  const auto sweep = ParseSweep(Replace(kSweep, from, to), "s.toml");
  EXPECT_FALSE(sweep.ok());
  EXPECT_EQ(sweep.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(sweep.status().message());
}

TEST(SweepFileTest, ExpandsGridsWithoutDuplicates) {
  const std::string twice =
      std::string(kSweep) + std::string(kSweep).substr(std::string(kSweep).find("[[grid]]"));
  const Sweep sweep = ParseSweep(twice, "s.toml").value();
  EXPECT_EQ(sweep.runs.size(), 12U);
  EXPECT_EQ(sweep.runs[0].run_id, "d64-L1-B32-D256-lr0.001");
  EXPECT_EQ(sweep.runs[0].schedule.steps, 8);
}

TEST(SweepFileTest, NamesWhatIsWrong) {
  EXPECT_THAT(Refusal("layers = 1", "layers = 0"), HasSubstr("layers"));
  EXPECT_THAT(Refusal("d_model = 64", "d_model = 65"), HasSubstr("d_model = 65"));
  EXPECT_THAT(Refusal("[32, 64]", "[33]"), HasSubstr("not a multiple of the sequence length"));
  EXPECT_THAT(Refusal("1e-3, 2e-3", "-1"), HasSubstr("learning_rates"));
  EXPECT_THAT(Refusal("points = 6", "pionts = 6"), HasSubstr("curve.pionts is not a key"));
  EXPECT_THAT(Refusal("validation_tokens = 200", ""), HasSubstr("data.validation_tokens is missing"));
  EXPECT_THAT(Refusal("learning_rates =", "learning_rate ="), HasSubstr("grid.learning_rate is not a key"));
  EXPECT_THAT(Refusal("[model]", "[modell]"), HasSubstr("modell is not a key"));
  EXPECT_THAT(Refusal("tokens = \"TOKENS\"", ""), HasSubstr("data.tokens or data.bytes is missing"));
  EXPECT_THAT(Refusal("name = ", "name "), HasSubstr("s.toml: line 2"));
  EXPECT_THAT(Refusal("[256, 512]", "[16]"), HasSubstr("fewer than two batches"));
  EXPECT_THAT(Refusal("learning_rates = [1e-3, 2e-3, 4e-3]", ""), HasSubstr("learning_rates is missing"));
}

TEST(PackTest, FusesWhatSharesAShapeAndTheLongestComesFirst) {
  Sweep sweep = ParseSweep(kSweep, "s").value();
  for (RunSpec& run : sweep.runs) run.shape.vocab = 24;
  const auto packs = MakePacks(sweep, 1 << 20, 64, [](const FusedJob&) { return true; });
  ASSERT_EQ(packs.size(), 4U);
  EXPECT_EQ(packs[0].runs.size(), 3U);
  EXPECT_GE(packs[0].flops(), packs[3].flops());
  const auto narrow = MakePacks(sweep, 1 << 20, 64, [](const FusedJob& job) { return job.runs.size() <= 2; });
  EXPECT_EQ(narrow.size(), 8U);
}

TEST(CurveStepsTest, CoverStartAndEnd) {
  const auto steps = CurveSteps(1000, 20);
  EXPECT_EQ(steps.front(), 1);
  EXPECT_EQ(steps.back(), 1000);
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  EXPECT_EQ(CurveSteps(1, 20), std::vector<int64_t>{1});
}

TEST(CountsTest, MatchPublishedRunsAndConventions) {
  // The recorded parameter counts of data/calibration/h100-bytes-t128.
  const ParameterCounts counts = CountParameters({256, 6, 640, 256, 128});
  EXPECT_EQ(counts.non_embedding, 4525312);
  EXPECT_EQ(counts.total, 4656384);
  const FlopsPerToken flops = CountFlopsPerToken({256, 6, 640, 256, 128});
  EXPECT_DOUBLE_EQ(flops.six_n_non_embedding, 6.0 * 4525312);
  EXPECT_DOUBLE_EQ(flops.attention_full, 12.0 * 6 * 128 * 256);
  EXPECT_DOUBLE_EQ(flops.matrices, 6.0 * (4525312 - 13 * 256 + 256 * 256));
}

TEST(ScheduleTest, WarmsUpPeaksAndDecays) {
  const Schedule cosine{ScheduleKind::kCosine, 100, 10, 0, 0.1};
  EXPECT_DOUBLE_EQ(ScheduleFactor(cosine, 0), 0.1);
  EXPECT_DOUBLE_EQ(ScheduleFactor(cosine, 9), 1);
  EXPECT_DOUBLE_EQ(ScheduleFactor(cosine, 10), 1);
  EXPECT_NEAR(ScheduleFactor(cosine, 55), 0.55, 1e-12);
  const Schedule linear{ScheduleKind::kLinear, 100, 10, 0, 0};
  EXPECT_NEAR(ScheduleFactor(linear, 55), 0.5, 1e-12);
  const Schedule wsd{ScheduleKind::kWsd, 100, 10, 20, 0};
  EXPECT_DOUBLE_EQ(ScheduleFactor(wsd, 79), 1);
  EXPECT_DOUBLE_EQ(ScheduleFactor(wsd, 90), 0.5);
}

TEST(SlurmTest, QuotesPathsAndShards) {
  const std::string script = SlurmScript("my sweep's.toml", "a b", 4);
  EXPECT_THAT(script, HasSubstr("--array=0-3"));
  EXPECT_THAT(script, HasSubstr("'my sweep'\\''s.toml'"));
  EXPECT_THAT(script, HasSubstr("--job-name=a_b"));
  EXPECT_THAT(script, HasSubstr("--shard \"$SLURM_ARRAY_TASK_ID/4\""));
}

class RunSweepTest : public testing::Test {
 protected:
  RunSweepTest() {
    folder_ = std::filesystem::temp_directory_path() / ("sextant-sweep-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    const TokenSet tokens = PhraseTokens(24, 3000, 0);
    EXPECT_TRUE(WriteTokenFile(Path("tokens"), 24, 3000, tokens.tokens).ok());
    sweep_ = ParseSweep(Replace(kSweep, "TOKENS", Path("tokens")), "s").value();
    options_.cpu = true;
    options_.out = Path("runs.jsonl");
  }
  ~RunSweepTest() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::vector<std::string> Lines() const {
    std::ifstream in(options_.out);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  std::filesystem::path folder_;
  Sweep sweep_;
  SweepOptions options_;
  std::atomic<bool> stop_{false};
};

TEST_F(RunSweepTest, TrainsEveryRunAndResumesAfterAKill) {
  ASSERT_TRUE(RunSweep(sweep_, options_, stop_).ok());
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 12U);
  EXPECT_THAT(lines[0], HasSubstr("\"state\":\"FINISHED\""));
  EXPECT_THAT(lines[0], HasSubstr("\"gradient_noise_scale\":["));
  EXPECT_THAT(lines[0], HasSubstr("\"validation_loss\":[\"NaN\""));
  // A kill in the middle of the last line: that run is trained again, to the same result, and no other.
  std::filesystem::resize_file(options_.out, std::filesystem::file_size(options_.out) - 40);
  ASSERT_TRUE(RunSweep(sweep_, options_, stop_).ok());
  const auto again = Lines();
  ASSERT_EQ(again.size(), 12U);
  const auto loss = [](const std::string& line) { return line.substr(0, line.find("\"tags\"")); };
  EXPECT_EQ(loss(again[11]), loss(lines[11]));
}

TEST_F(RunSweepTest, RefusesForeignOutputMissingTokensAndStops) {
  std::ofstream(options_.out) << "important notes\n";
  EXPECT_EQ(RunSweep(sweep_, options_, stop_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Lines().at(0), "important notes");
  options_.out = Path("other.jsonl");
  stop_ = true;
  EXPECT_EQ(RunSweep(sweep_, options_, stop_).code(), absl::StatusCode::kCancelled);
  sweep_.data.tokens_path = Path("missing");
  EXPECT_EQ(RunSweep(sweep_, options_, stop_).code(), absl::StatusCode::kNotFound);
}

TEST_F(RunSweepTest, StopsBetweenThePointsOfALongCurve) {
  sweep_ =
      ParseSweep(Replace(Replace(kSweep, "TOKENS", Path("tokens")), "[256, 512]", "[1e12]"), "s").value();
  std::thread interrupt([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop_ = true;
  });
  EXPECT_EQ(RunSweep(sweep_, options_, stop_).code(), absl::StatusCode::kCancelled);
  interrupt.join();
}

// Of a pack that the disk has no room for nothing is kept, so that it is trained again as a whole.
TEST_F(RunSweepTest, KeepsAllRunsOfAPackOrNone) {
  RunRecord record;
  record.run.shape = {64, 1, 64, 24, 8};
  record.run.batch_sequences = 1;
  record.run.schedule.steps = 4;
  record.run.run_id = "first";
  auto file = RecordFile::Open(options_.out).value();
  ASSERT_TRUE(file->Append({record}).ok());
  const auto bytes = std::filesystem::file_size(options_.out);
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{bytes * 5 / 2, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  record.run.run_id = "second";
  const absl::Status status = file->Append({record, record});
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::filesystem::file_size(options_.out), bytes);
  EXPECT_TRUE(file->Append({record}).ok());
  EXPECT_EQ(RecordFile::Open(options_.out).value()->finished(), (std::set<std::string>{"first", "second"}));
}

TEST(RunRecordTest, EscapesTextAndNamesNonFiniteNumbers) {
  RunRecord record;
  record.run.run_id = "a\"b\n";
  record.run.shape = {64, 1, 64, 24, 8};
  record.run.batch_sequences = 1;
  record.run.schedule.steps = 4;
  record.state = "DIVERGED";
  record.loss_nats = NAN;
  const std::string line = ToJson(record);
  EXPECT_THAT(line, HasSubstr("\"run_id\":\"a\\\"b\\u000a\""));
  EXPECT_THAT(line, HasSubstr("\"loss_nats\":\"NaN\""));
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace sextant::trainer
