// SPDX-License-Identifier: Apache-2.0
// Trunks and branches: what a sweep file makes of them, and that a branch is the run it would be alone.
#include <absl/strings/str_format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "clients/trainer/model/counts.h"
#include "clients/trainer/sweep/board.h"
#include "clients/trainer/sweep/checkpoints.h"
#include "clients/trainer/sweep/pack.h"
#include "clients/trainer/sweep/run_sweep.h"
#include "clients/trainer/sweep/spec.h"
#include "tests/clients/trainer/test_tokens.h"

namespace sextant::trainer {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr char kHead[] = R"(
name = "tiny"
[data]
tokens = "TOKENS"
validation_tokens = 200
validation_windows = 4
[model]
sequence_length = 8
[curve]
points = 6
validation_points = 3
)";

constexpr char kTrunk[] = R"(
[[trunk]]
sizes = [{d_model = 64, layers = 1}]
batch_size_tokens = [32]
learning_rates = [2e-3, 4e-3]
warmup_tokens = 64
horizons = [320, 640]
decay_fraction = 0.25
[trunk.batches]
at = 256
tokens = 128
batch_size_tokens = [32, 64, 128]
)";

std::string Swapped(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string Refused(const std::string& from, const std::string& to) {
  const auto sweep = ParseSweep(kHead + Swapped(kTrunk, from, to), "s.toml");
  EXPECT_EQ(sweep.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(sweep.status().message());
}

TEST(TrunkFileTest, BranchesLeaveBeforeTheirDecayAndShareTheTrunk) {
  const Sweep sweep = ParseSweep(std::string(kHead) + kTrunk, "s").value();
  ASSERT_EQ(sweep.trunks.size(), 2U);
  EXPECT_EQ(sweep.run_count(), 12U);
  const Trunk& trunk = sweep.trunks[0];
  EXPECT_EQ(trunk.run.run_id, "d64-L1-B32-D480-lr0.002-trunk");
  EXPECT_EQ(trunk.run.schedule.steps, 15);
  EXPECT_EQ(trunk.run.schedule.warmup_steps, 2);
  ASSERT_EQ(trunk.branches.size(), 5U);
  double own = 0;
  double shared = 0;
  for (const RunSpec& run : trunk.branches) {
    EXPECT_EQ(run.from.parent, trunk.run.run_id);
    own += static_cast<double>(run.own_tokens());
    shared += run.from.shared_tokens;
  }
  EXPECT_DOUBLE_EQ(own, 64 + 160 + 3 * 128);
  EXPECT_DOUBLE_EQ(shared, static_cast<double>(trunk.run.tokens()));
  // Three branches leave at 256 tokens and one at the end: the first takes a fifth of all up to there.
  EXPECT_EQ(trunk.branches[0].from.tokens, 256);
  EXPECT_EQ(trunk.branches[0].run_id, "d64-L1-B32-D320-lr0.002-horizon-from-8");
  EXPECT_DOUBLE_EQ(trunk.branches[0].from.shared_tokens, 256.0 / 5);
  const RunSpec& wide = trunk.branches[3];
  EXPECT_EQ(wide.role, RunRole::kBatch);
  EXPECT_EQ(wide.batch_size_tokens(), 128);
  EXPECT_EQ(wide.tokens(), 256 + 128);
  EXPECT_DOUBLE_EQ(wide.settings.learning_rate, 2e-3 * 2);
  EXPECT_DOUBLE_EQ(wide.RateAt(7), 2e-3);
  EXPECT_DOUBLE_EQ(wide.RateAt(8), 4e-3);
  EXPECT_EQ(wide.TokensAt(8), 256);
  EXPECT_EQ(wide.TokensAt(9), 384);
}

TEST(TrunkFileTest, NamesWhatIsWrong) {
  EXPECT_THAT(Refused("horizons = [320, 640]", "horizons = [90]"),
              HasSubstr("trunk.horizons 90 leaves no room"));
  EXPECT_THAT(Refused("horizons = [320, 640]", "horizons = []"),
              HasSubstr("trunk.horizons must not be empty"));
  EXPECT_THAT(Refused("tokens = 128", "tokens = 96"), HasSubstr("must be a multiple of every batch"));
  EXPECT_THAT(Refused("tokens = 128", ""), HasSubstr("trunk.batches.tokens is missing"));
  EXPECT_THAT(Refused("at = 256", "at = 32"), HasSubstr("lies in the warm-up"));
  EXPECT_THAT(Refused("[32, 64, 128]", "[2, 4]"), HasSubstr("not a multiple of the sequence length"));
  EXPECT_THAT(Refused("[320, 640]", "[640, 650]"), HasSubstr("name a run twice"));
  EXPECT_THAT(Refused("warmup_tokens", "warmup"), HasSubstr("trunk.warmup is not a key"));
  EXPECT_THAT(Refused("at = 256", "step = 256"), HasSubstr("trunk.batches.step is not a key"));
  const std::string bare = std::string(kTrunk).substr(0, std::string(kTrunk).find("horizons"));
  EXPECT_THAT(std::string(ParseSweep(kHead + bare, "s").status().message()),
              HasSubstr("trunk.horizons is missing"));
  EXPECT_THAT(std::string(ParseSweep(kHead, "s").status().message()), HasSubstr("[[grid]] or [[trunk]]"));
}

TEST(TrunkPackTest, BranchesTrainAsManyTogetherAsTheirTrunks) {
  Sweep sweep = ParseSweep(std::string(kHead) + kTrunk, "s").value();
  for (Trunk& trunk : sweep.trunks) {
    trunk.run.shape.vocab = 24;
    for (RunSpec& run : trunk.branches) run.shape.vocab = 24;
  }
  const auto all = [](const FusedJob&) { return true; };
  const auto together = MakePacks(sweep, 1 << 20, 64, all);
  ASSERT_EQ(together.size(), 6U);
  EXPECT_EQ(together[0].keep, (std::vector<int64_t>{8, 15}));
  for (const Pack& pack : together) EXPECT_EQ(pack.runs.size(), 2U);
  // Two runs of the widest batch do not fit: all of the trunk's train one at a time.
  for (const Pack& pack : MakePacks(sweep, 128, 64, all)) EXPECT_EQ(pack.runs.size(), 1U);
}

TEST(BoardTest, HandsOutBranchesOnceTheirStateIsKept) {
  Board board({{true, -1, 0, true}, {true, 0, 8, false}, {false, 0, 8, false}, {true, 0, 15, false}});
  EXPECT_EQ(board.Next(), 0U);
  std::optional<size_t> first;
  std::thread waiting([&] { first = board.Next(); });
  board.Kept(0, 8);
  waiting.join();
  EXPECT_EQ(first, 1U);
  board.Kept(0, 15);
  EXPECT_EQ(board.Next(), 3U);
  EXPECT_EQ(board.Next(), std::nullopt);
}

TEST(BoardTest, AnErrorEndsTheWaiting) {
  Board board({{true, -1, 0, true}, {true, 0, 8, false}});
  EXPECT_EQ(board.Next(), 0U);
  std::thread waiting([&] { EXPECT_EQ(board.Next(), std::nullopt); });
  board.Fail(absl::DataLossError("first"));
  board.Fail(absl::DataLossError("second"));
  waiting.join();
  EXPECT_EQ(board.status().message(), "first");
}

FusedJob Job(int batch_sequences, int64_t steps) {
  FusedJob job;
  job.shape = {64, 1, 64, 24, 12};
  job.batch_sequences = batch_sequences;
  job.schedule = {ScheduleKind::kWsd, steps, 2, 0, 0};
  job.validation_windows = 6;
  job.runs = {{3e-3, 0.1, 1, 1}, {6e-3, 0.1, 2, 1}};
  return job;
}

TEST(SnapshotTest, ABranchToAnotherBatchGoesOnWithTheNextWindows) {
  const TokenSet tokens = PhraseTokens(24, 3000, 400);
  FusedJob trunk = Job(2, 20);
  auto engine = NewReferenceEngine(trunk, tokens).value();
  ASSERT_TRUE(engine->Advance(5).ok());
  Snapshot snapshot = engine->Save().value();
  FusedJob wide = Job(4, 20);
  wide.first_window = 5 * 2 - 5 * 4;
  auto branch = NewReferenceEngine(wide, tokens).value();
  ASSERT_TRUE(branch->Restore(snapshot).ok());
  const auto both = branch->ComputeGradient(1).value();
  const auto first = engine->ComputeGradient(1).value();
  // The same weights, a batch further.
  ++snapshot.step;
  for (RunSnapshot& run : snapshot.runs) {
    run.log.train_loss.push_back(0);
    run.log.gradient_norm.push_back(0);
  }
  ASSERT_TRUE(engine->Restore(snapshot).ok());
  const auto second = engine->ComputeGradient(1).value();
  double error = 0;
  double size = 0;
  for (size_t i = 0; i < both.size(); ++i) {
    const double mean = (static_cast<double>(first[i]) + second[i]) / 2;
    error += (both[i] - mean) * (both[i] - mean);
    size += mean * mean;
  }
  EXPECT_GT(size, 0);
  EXPECT_LT(std::sqrt(error / size), 1e-5);
}

TEST(SnapshotTest, RefusesWhatDoesNotFit) {
  const TokenSet tokens = PhraseTokens(24, 3000, 400);
  auto engine = NewReferenceEngine(Job(2, 20), tokens).value();
  ASSERT_TRUE(engine->Advance(5).ok());
  const Snapshot snapshot = engine->Save().value();
  EXPECT_FALSE(NewReferenceEngine(Job(2, 4), tokens).value()->Restore(snapshot).ok());
  FusedJob other = Job(2, 20);
  other.runs.pop_back();
  EXPECT_FALSE(NewReferenceEngine(other, tokens).value()->Restore(snapshot).ok());
  other = Job(2, 20);
  other.shape.layers = 2;
  EXPECT_FALSE(NewReferenceEngine(other, tokens).value()->Restore(snapshot).ok());
  other = Job(4, 20);
  other.first_window = -21;
  EXPECT_FALSE(NewReferenceEngine(other, tokens).value()->Restore(snapshot).ok());
}

class TrunkSweepTest : public testing::Test {
 protected:
  TrunkSweepTest() {
    folder_ = fs::temp_directory_path() / ("sextant-trunk-" + std::to_string(getpid()) + "-" +
                                           testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
    EXPECT_TRUE(WriteTokenFile(Path("tokens"), 24, 3000, PhraseTokens(24, 3000, 0).tokens).ok());
    EXPECT_TRUE(WriteTokenFile(Path("others"), 24, 3000, PhraseTokens(24, 3000, 0, 8).tokens).ok());
  }
  ~TrunkSweepTest() override { fs::remove_all(folder_); }
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  absl::Status Train(const std::string& tables, const std::string& out,
                     const std::string& tokens = "tokens") {
    SweepOptions options;
    options.cpu = true;
    options.out = Path(out);
    return RunSweep(ParseSweep(Swapped(kHead, "TOKENS", Path(tokens)) + tables, "s").value(), options, stop_);
  }
  // Records by id, without what differs between two trainings of the same: the id, how long they took and, of
  // packs that were written in part, with how many.
  std::map<std::string, std::string> Records(const std::string& out) const {
    std::ifstream in(Path(out));
    std::map<std::string, std::string> records;
    for (std::string line; std::getline(in, line);) {
      const size_t id = line.find("\",\"params");
      const size_t seconds = line.find(",\"fused_runs\"");
      records[line.substr(11, id - 11)] =
          line.substr(id, seconds - id) + line.substr(line.find(",\"device\""));
    }
    return records;
  }
  // What a run did, without what it says about its origin.
  static std::string Deeds(const std::string& record) {
    return record.substr(0, record.find(",\"device\"")) + record.substr(record.find(",\"curve\""));
  }
  static std::string At(const std::map<std::string, std::string>& records, const std::string& id) {
    EXPECT_EQ(records.count(id), 1U) << id;
    return records.count(id) == 1 ? records.at(id) : "";
  }
  std::vector<fs::path> Kept(const std::string& out) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(Path(out + ".trunks"))) files.push_back(entry.path());
    return files;
  }

  fs::path folder_;
  std::atomic<bool> stop_{false};
};

TEST_F(TrunkSweepTest, ABranchIsTheRunThatItWouldBeAlone) {
  ASSERT_TRUE(Train(kTrunk, "branched").ok());
  const auto branched = Records("branched");
  EXPECT_EQ(branched.size(), 12U);
  ASSERT_TRUE(Train(R"(
[schedule]
kind = "wsd"
warmup_tokens = 64
decay_fraction = 0.25
[[grid]]
sizes = [{d_model = 64, layers = 1}]
batch_size_tokens = [32]
learning_rates = [2e-3, 4e-3]
tokens = [320, 640]
)",
                    "alone")
                  .ok());
  const auto alone = Records("alone");
  ASSERT_EQ(alone.size(), 4U);
  for (const char* rate : {"0.002", "0.004"}) {
    for (const auto& [horizon, step] : {std::pair{"320", "8"}, std::pair{"640", "15"}}) {
      const std::string id = std::string("d64-L1-B32-D") + horizon + "-lr" + rate;
      EXPECT_EQ(Deeds(At(branched, id + "-horizon-from-" + step)), Deeds(At(alone, id)));
    }
  }
  const std::string branch = At(branched, "d64-L1-B32-D640-lr0.004-horizon-from-15");
  const double flops = CountFlopsPerToken({64, 1, 128, 24, 8}).exact();
  EXPECT_THAT(branch, HasSubstr("\"schedule\":\"wsd\""));
  EXPECT_THAT(branch, HasSubstr("\"branch\":\"horizon\",\"parent\":\"d64-L1-B32-D480-lr0.004-trunk\","
                                "\"branch_step\":\"15\",\"branch_tokens\":\"480\",\"flops_own\":\"" +
                                absl::StrFormat("%.9g", 160 * flops) + "\""));
  EXPECT_EQ(branch.find("labels"), std::string::npos);
  EXPECT_THAT(At(branched, "d64-L1-B32-D480-lr0.004-trunk"), HasSubstr("\"labels\":[\"excluded\""));
}

TEST_F(TrunkSweepTest, ABranchAtTheTrunksBatchGoesOnAsTheTrunkWould) {
  ASSERT_TRUE(Train(kTrunk, "branched").ok());
  ASSERT_TRUE(Train(R"(
[schedule]
kind = "wsd"
warmup_tokens = 64
decay_fraction = 0
[[grid]]
sizes = [{d_model = 64, layers = 1}]
batch_size_tokens = [32]
learning_rates = [2e-3, 4e-3]
tokens = [384]
)",
                    "alone")
                  .ok());
  const auto end = [](const std::string& record) {
    const size_t at = record.find("\"loss_nats\"");
    return record.substr(at, record.find(',', at) - at);
  };
  const auto branched = Records("branched");
  EXPECT_EQ(end(At(branched, "d64-L1-B32-D384-lr0.004-batch-from-8")),
            end(At(Records("alone"), "d64-L1-B32-D384-lr0.004")));
  const std::string wide = At(branched, "d64-L1-B128-D384-lr0.008-batch-from-8");
  EXPECT_THAT(wide, HasSubstr("\"schedule\":\"constant\""));
  EXPECT_THAT(wide, HasSubstr("\"excluded: a branch to another batch\""));
  EXPECT_THAT(wide, HasSubstr("\"tokens\":[32,"));
  EXPECT_THAT(wide, HasSubstr(",256,384]"));
}

TEST_F(TrunkSweepTest, GoesOnAfterAKillWithTheSameBits) {
  ASSERT_TRUE(Train(kTrunk, "whole").ok());
  const auto whole = Records("whole");
  ASSERT_EQ(Kept("whole").size(), 2U);
  // A kill behind the first branch point and before any record.
  fs::create_directories(Path("killed.trunks"));
  for (const fs::path& file : Kept("whole")) {
    if (file.string().ends_with("-8.trunk")) fs::copy(file, Path("killed.trunks"));
  }
  ASSERT_EQ(Kept("killed").size(), 1U);
  ASSERT_TRUE(Train(kTrunk, "killed").ok());
  EXPECT_EQ(Records("killed"), whole);
  // Nothing is left to do.
  const auto size = fs::file_size(Path("killed"));
  ASSERT_TRUE(Train(kTrunk, "killed").ok());
  EXPECT_EQ(fs::file_size(Path("killed")), size);
  // A kill in the middle of the last line, with the state of trunks lost.
  fs::remove_all(Path("killed.trunks"));
  fs::resize_file(Path("killed"), size - 40);
  ASSERT_TRUE(Train(kTrunk, "killed").ok());
  EXPECT_EQ(Records("killed"), whole);
  // Nothing at all was done.
  stop_ = true;
  EXPECT_EQ(Train(kTrunk, "stopped").code(), absl::StatusCode::kCancelled);
  stop_ = false;
  ASSERT_TRUE(Train(kTrunk, "stopped").ok());
  EXPECT_EQ(Records("stopped"), whole);
}

TEST_F(TrunkSweepTest, AFurtherHorizonLeavesTheTrunkThatIsKept) {
  ASSERT_TRUE(Train(kTrunk, "grown").ok());
  const auto before = fs::last_write_time(Kept("grown")[0]);
  const std::string further = Swapped(kTrunk, "[320, 640]", "[320, 640, 1280]");
  ASSERT_TRUE(Train(further, "grown").ok());
  ASSERT_TRUE(Train(further, "fresh").ok());
  EXPECT_EQ(Kept("grown").size(), 3U);
  EXPECT_EQ(fs::last_write_time(Kept("grown")[0]) < before, false);
  const auto grown = Records("grown");
  const auto fresh = Records("fresh");
  EXPECT_EQ(grown.size(), fresh.size() + 2);  // the shorter trunks
  const auto losses = [](const std::string& record) { return record.substr(0, record.find(",\"tags\"")); };
  for (const auto& [id, record] : fresh) {
    EXPECT_EQ(losses(At(grown, id)), losses(record)) << id;
    // Trunks and batch branches have a few more validations from before.
    if (id.find("horizon") != std::string::npos) {
      EXPECT_EQ(Deeds(At(grown, id)), Deeds(record)) << id;
    }
  }
}

TEST_F(TrunkSweepTest, TakesNoStateThatIsDamagedOrOfAnotherText) {
  ASSERT_TRUE(Train(kTrunk, "runs").ok());
  const auto kept = Kept("runs");
  fs::remove(Path("runs"));
  ASSERT_TRUE(Train(kTrunk, "runs", "others").ok());
  EXPECT_EQ(Kept("runs").size(), 4U);
  fs::remove(Path("runs"));
  std::fstream(kept[0], std::ios::in | std::ios::out | std::ios::binary).seekp(5000).write("damage", 6);
  const absl::Status status = Train(kTrunk, "runs");
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("damaged; delete it"));
  fs::remove(kept[0]);
  EXPECT_TRUE(Train(kTrunk, "runs").ok());
}

TEST_F(TrunkSweepTest, NeedsAFolderThatCanBeWrittenTo) {
  SweepOptions options;
  options.cpu = true;
  const Sweep sweep = ParseSweep(Swapped(kHead, "TOKENS", Path("tokens")) + kTrunk, "s").value();
  EXPECT_THAT(std::string(RunSweep(sweep, options, stop_).message()), HasSubstr("--checkpoints is missing"));
  options.checkpoints = Path("tokens");
  EXPECT_THAT(std::string(RunSweep(sweep, options, stop_).message()), HasSubstr("no folder"));
}

}  // namespace
}  // namespace sextant::trainer
