// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/inputs.h"

#include <gmock/gmock.h>

#include "clients/importers/limits.h"
#include "clients/importers/path_pattern.h"
#include "tests/clients/importers/import_fixture.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class InputsTest : public ImportTest {
 protected:
  ExpandedInputs Expand(const std::vector<std::string>& named) {
    auto expanded = ExpandInputs(named);
    EXPECT_TRUE(expanded.ok()) << expanded.status();
    return expanded.ok() ? *std::move(expanded) : ExpandedInputs();
  }
  /// Paths below the test's folder.
  std::vector<std::string> Paths(const ExpandedInputs& expanded) {
    std::vector<std::string> paths;
    for (const Input& input : expanded.inputs) paths.push_back(fs::relative(input.path, folder_).string());
    return paths;
  }
  std::string At(const std::string& name) { return folder_ + "/" + name; }
};

TEST_F(InputsTest, SearchesFoldersByNameAndPassesHiddenOnesOver) {
  Write("exp/b/main.log", "x");
  Write("exp/a/main.log", "x");
  Write("exp/.git/config", "x");
  const ExpandedInputs found = Expand({At("exp")});
  EXPECT_THAT(Paths(found), ElementsAre("exp/a/main.log", "exp/b/main.log"));
  EXPECT_EQ(found.inputs[0].run_name, "exp/a/main.log");
  EXPECT_TRUE(found.inputs[0].found);
}

TEST_F(InputsTest, NamesRunsAlikeHoweverTheFolderIsWritten) {
  Write("exp/a/main.log", "x");
  EXPECT_EQ(Expand({At("exp/")}).inputs[0].run_name, "exp/a/main.log");
  EXPECT_EQ(Expand({At("exp/a/..")}).inputs[0].run_name, "exp/a/main.log");
}

TEST_F(InputsTest, LinksThatLoopEnd) {
  Write("exp/a/main.log", "x");
  fs::create_directory_symlink("..", At("exp/a/up"));
  fs::create_symlink("self", At("exp/self"));
  const ExpandedInputs found = Expand({At("exp")});
  EXPECT_THAT(Paths(found), ElementsAre("exp/a/main.log"));
  EXPECT_EQ(found.passed_over.size(), 2u);
  EXPECT_THAT(Paths(Expand({At("exp/**/main.log")})), ElementsAre("exp/a/main.log"));
}

TEST_F(InputsTest, APipeInAFolderIsNotWaitedFor) {
  fs::create_directories(At("exp"));
  ASSERT_EQ(mkfifo(At("exp/pipe").c_str(), 0600), 0);
  const ExpandedInputs found = Expand({At("exp")});
  EXPECT_THAT(found.inputs, IsEmpty());
  ASSERT_EQ(found.passed_over.size(), 1u);
  EXPECT_EQ(found.passed_over[0].why, "not a regular file");
}

TEST_F(InputsTest, EventFilesOfAFolderAreOneRunInNameOrder) {
  Write("tb/version_0/events.out.tfevents.2.h.1", "x");
  Write("tb/version_0/events.out.tfevents.1.h.1", "x");
  Write("tb/version_0/hparams.yaml", "a: 1\n");
  Write("tb/version_0/1700000000.5/events.out.tfevents.3.h.1", "x");
  const ExpandedInputs found = Expand({At("tb")});
  ASSERT_GE(found.inputs.size(), 1u);
  const Input& run = found.inputs[0];
  EXPECT_EQ(run.format, "tensorboard");
  EXPECT_EQ(run.run_name, "tb/version_0");
  EXPECT_EQ(run.settings, At("tb/version_0/hparams.yaml"));
  ASSERT_EQ(run.parts.size(), 3u);
  EXPECT_THAT(run.parts[0], HasSubstr("tfevents.1."));
  EXPECT_THAT(run.parts[2], HasSubstr("1700000000.5/")) << "what add_hparams writes beside the run";
}

// The first bytes of an event file: a length and its checksum.
const std::string kEvents("\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22", 12);

TEST_F(InputsTest, EventFilesNamedOneByOneAreTheRunOfTheirFolder) {
  for (const char* name : {"tb/a/events.out.tfevents.1.h", "tb/a/events.out.tfevents.2.h",
                           "tb/b/events.out.tfevents.3.h", "tb/a/1700000000.5/events.out.tfevents.4.h"})
    Write(name, kEvents);
  Write("tb/a/events.out.tfevents.0.h", "");
  Write("tb/a/hparams.yaml", "a: 1\n");
  const ExpandedInputs found =
      Expand({At("tb/a/1700000000.5/events.out.tfevents.4.h"), At("tb/a/events.out.tfevents.2.h"),
              At("tb/b/events.out.tfevents.3.h"), At("tb/a/../a/events.out.tfevents.1.h"),
              At("tb/a/events.out.tfevents.0.h"), At("tb/a/events.out.tfevents.2.h")});
  ASSERT_EQ(found.inputs.size(), 2u);
  const Input& run = found.inputs[0];
  EXPECT_EQ(run.run_name, "a");
  EXPECT_EQ(run.format, "tensorboard");
  EXPECT_EQ(fs::canonical(run.settings), fs::canonical(At("tb/a/hparams.yaml")));
  ASSERT_EQ(run.parts.size(), 4u);
  EXPECT_THAT(run.parts[0], HasSubstr("tfevents.0."));
  EXPECT_THAT(run.parts[2], HasSubstr("tfevents.2."));
  EXPECT_THAT(run.parts[3], HasSubstr("1700000000.5/"));
  EXPECT_EQ(found.inputs[1].run_name, "b");
  EXPECT_EQ(Expand({At("tb/a")}).inputs[0].run_name, "a") << "as the folder";
  EXPECT_EQ(Expand({At("tb/*/*tfevents*")}).inputs.size(), 2u);
}

TEST_F(InputsTest, FoldersOfOneNameThatHoldEventFilesAreToldApartByTheirPaths) {
  Write("x/v0/events.out.tfevents.1.h", kEvents);
  Write("y/v0/events.out.tfevents.1.h", kEvents);
  const ExpandedInputs found = Expand({At("*/v0/events.*")});
  ASSERT_EQ(found.inputs.size(), 2u);
  EXPECT_EQ(found.inputs[0].run_name, At("x/v0"));
  EXPECT_EQ(found.inputs[1].run_name, At("y/v0"));
}

TEST_F(InputsTest, WhatOnlyHasTheNameOfAnEventFileStaysAsItIs) {
  Write("tb/events.out.tfevents.1.csv", "step,loss\n1,5\n");
  Write("tb/events.out.tfevents.2.h", "");
  const ExpandedInputs found = Expand({At("tb/events.out.tfevents.1.csv"), At("tb/events.out.tfevents.2.h"),
                                       At("tb/events.out.tfevents.absent")});
  EXPECT_THAT(Paths(found), ElementsAre("tb/events.out.tfevents.1.csv", "tb/events.out.tfevents.2.h",
                                        "tb/events.out.tfevents.absent"));
  for (const Input& input : found.inputs) EXPECT_THAT(input.parts, IsEmpty());
}

TEST_F(InputsTest, EventFilesReadAsAnotherFormatAreRefused) {
  Write("tb/events.out.tfevents.1.h", kEvents);
  options_.format = "csv";
  const ExpandedInputs found = Expand({At("tb/events.out.tfevents.1.h")});
  ASSERT_EQ(found.inputs.size(), 1u);
  EXPECT_THAT(std::string(ImportInput(found.inputs[0], options_, sink_).status().message()),
              HasSubstr("not csv, which was asked for"));
}

TEST_F(InputsTest, OfCheckpointsTheNewestStateCounts) {
  const auto state = [](int step) {
    return "{\"global_step\": " + std::to_string(step) + ", \"log_history\": []}";
  };
  for (const int step : {900, 1000, 50})
    Write("hf/checkpoint-" + std::to_string(step) + "/trainer_state.json", state(step));
  EXPECT_THAT(Paths(Expand({At("hf")})), ElementsAre("hf/checkpoint-1000/trainer_state.json"));
  Write("hf/trainer_state.json", state(1200));
  EXPECT_THAT(Paths(Expand({At("hf")})), ElementsAre("hf/trainer_state.json"));
  Write("hf/trainer_state.json", state(300));
  EXPECT_THAT(Paths(Expand({At("hf")})), ElementsAre("hf/checkpoint-1000/trainer_state.json"))
      << "left by an earlier part of the run";
}

TEST_F(InputsTest, RayTrialsAreReadOnce) {
  Write("ray/t/result.json", "{}");
  Write("ray/t/progress.csv", "x");
  Write("ray/t/params.json", "{}");
  Write("ray/t/events.out.tfevents.1.h", "x");
  const ExpandedInputs found = Expand({At("ray")});
  EXPECT_THAT(Paths(found), ElementsAre("ray/t/result.json"));
  EXPECT_EQ(found.passed_over.size(), 2u);
}

TEST_F(InputsTest, PatternsThatNoShellExpanded) {
  for (const char* name : {"a/x.csv", "a/y.csv", "b/x.csv", "b/deep/er/x.csv", "b/.x.csv", "odd[1].csv"})
    Write(name, "x");
  EXPECT_THAT(Paths(Expand({At("a/*.csv")})), ElementsAre("a/x.csv", "a/y.csv"));
  EXPECT_THAT(Paths(Expand({At("[ab]/?.csv")})), ElementsAre("a/x.csv", "a/y.csv", "b/x.csv"));
  EXPECT_THAT(Paths(Expand({At("b/**/x.csv")})), ElementsAre("b/deep/er/x.csv", "b/x.csv"));
  EXPECT_THAT(Paths(Expand({At("**/**/x.csv")})), ElementsAre("a/x.csv", "b/deep/er/x.csv", "b/x.csv"));
  EXPECT_THAT(Paths(Expand({At("odd[1].csv")})), ElementsAre("odd[1].csv")) << "a file of that very name";
  const ExpandedInputs nothing = Expand({At("*.none"), At("a/x.csv")});
  EXPECT_EQ(nothing.inputs.size(), 1u);
  ASSERT_EQ(nothing.failed.size(), 1u);
  EXPECT_EQ(nothing.failed[0].why, "nothing matches the pattern");
}

TEST_F(InputsTest, AFolderThatCannotBeListedIsReported) {
  std::string deep = At("d");
  for (std::size_t i = 0; i <= kMaxFolderDepth + 1; ++i) deep += "/d";
  fs::create_directories(deep);
  const ExpandedInputs found = Expand({At("d")});
  ASSERT_EQ(found.failed.size(), 1u);
  EXPECT_THAT(found.failed[0].why, HasSubstr("nested deeper"));
}

TEST_F(InputsTest, AListOfInputs) {
  const auto listed = ReadInputList(Write("list", "a b.csv\r\n\n  \nc.csv"));
  ASSERT_TRUE(listed.ok());
  EXPECT_THAT(*listed, ElementsAre("a b.csv", "c.csv"));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadInputList(Write("long", std::string(100'000, 'x'))).status()));
}

TEST_F(InputsTest, FoundFilesOfUnknownContentArePassedOver) {
  Write("exp/main.log", "s:0 trl:9 lr:0.001\n");
  Write("exp/README.md", "about\n");
  Write("exp/config.json", "{\n \"a\": 1\n}\n");
  Write("exp/other.csv", "a,b\n1,2\n");
  Write("exp/model.bin", std::string("\0\1\2", 3));
  options_.set = {{"params_total", "1e6"}, {"batch_size_tokens", "10"}};
  int read = 0;
  for (const Input& input : Expand({At("exp")}).inputs) {
    const auto report = ImportInput(input, options_, sink_);
    ASSERT_TRUE(report.ok()) << report.status();
    if (!report->format.empty()) ++read;
  }
  EXPECT_EQ(read, 1);
  EXPECT_EQ(sink_.runs.size(), 1u);
  EXPECT_THAT(sink_.rejects, IsEmpty());
}

TEST_F(InputsTest, AFormatAskedForChoosesAmongFoundFiles) {
  Write("exp/main.log", "s:0 trl:9 lr:0.001\n");
  Write("exp/runs.csv", "params_total,tokens,loss_nats\n1e6,1e9,3\n");
  options_.format = "csv";
  for (const Input& input : Expand({At("exp")}).inputs) ASSERT_TRUE(ImportInput(input, options_, sink_).ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_EQ(sink_.runs[0].tokens, 1e9);
}

}  // namespace
}  // namespace sextant::importers
