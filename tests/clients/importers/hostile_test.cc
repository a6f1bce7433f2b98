// SPDX-License-Identifier: Apache-2.0
// What is not what it seems, or too much of it: refused with the reason, and the rest is read.
#include <gmock/gmock.h>
#include <zlib.h>

#include <algorithm>

#include "clients/importers/limits.h"
#include "clients/importers/log/record_stream.h"
#include "tests/clients/importers/import_fixture.h"

namespace sextant::importers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HostileTest : public ImportTest {
 protected:
  HostileTest() {
    Set("params_non_embedding=1e6");
    Set("tokens=1e9");
  }

  /// What is said of a file that is refused as a whole.
  std::string Refusal(const std::string& name, const std::string& content) {
    return std::string(Import(Write(name, content)).status().message());
  }
};

std::string LittleEndian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

// An event of `step` with train/loss = 2.5.
std::string Event(char step) {
  const std::string payload =
      std::string("\x10") + step + "*\x13\x0a\x11\x0a\x0atrain/loss\x15" + LittleEndian(0x40200000, 4);
  const std::string length = LittleEndian(payload.size(), 8);
  return length + LittleEndian(MaskedCrc32c(length), 4) + payload + LittleEndian(MaskedCrc32c(payload), 4);
}

TEST_F(HostileTest, AnEventBeyondTheLimitIsOneRejectThatSaysSo) {
  const std::string length = LittleEndian(kMaxRecordBytes + 1, 8);
  const std::string large =
      length + LittleEndian(MaskedCrc32c(length), 4) + std::string(kMaxRecordBytes + 1, '\0') + "sums";
  ASSERT_TRUE(Import(Write("events", Event(1) + large + Event(3))).ok());
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("the record is longer than 67108864 bytes"));
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1, 3));
}

TEST_F(HostileTest, ALengthThatLiesEndsTheFile) {
  const std::string length = LittleEndian(std::uint64_t{1} << 62, 8);
  ASSERT_TRUE(
      Import(Write("events", Event(1) + length + LittleEndian(MaskedCrc32c(length), 4) + "abc")).ok());
  EXPECT_TRUE(sink_.rejects.empty());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1));
}

// Chunks of W&B's log at `*file`, which begins with its header.
void AppendWandbRecord(const std::string& record, std::string* file) {
  constexpr std::size_t kBlock = 32768, kHeader = 7;
  for (std::size_t at = 0; at < record.size();) {
    const std::size_t left = kBlock - file->size() % kBlock;
    if (left < kHeader) {
      file->append(left, '\0');
      continue;
    }
    const std::size_t part = std::min(record.size() - at, left - kHeader);
    const bool first = at == 0, last = at + part == record.size();
    const char type = first ? (last ? 1 : 2) : (last ? 4 : 3);
    const std::string body = type + record.substr(at, part);
    *file += LittleEndian(
                 crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())), 4) +
             LittleEndian(part, 2) + body;
    at += part;
  }
}

const std::string kWandbHeader("\x3A\x57\x26\x42\xE1\xBE\x00", 7);

std::string WandbHistory(char step) {
  return std::string("\x12\x21\x0a\x0b\x0a\x05_step\x82\x01\x01") + step +
         "\x0a\x12\x0a\x0atrain/loss\x82\x01\x03"
         "2.5";
}

// The first chunk of a long record ends with its block; the rest never came, and another record follows.
TEST_F(HostileTest, AWandbRecordThatHasNoEndIsReportedWithItsPlace) {
  for (const bool in_one_chunk : {true, false}) {
    sink_ = KeepingSink();
    std::string file = kWandbHeader;
    AppendWandbRecord(WandbHistory('1'), &file);
    AppendWandbRecord(std::string(40000, 'x'), &file);
    file.resize(32768);
    AppendWandbRecord(in_one_chunk
                          ? WandbHistory('3')
                          : WandbHistory('3') + std::string("\x3a\x80\x80\x02", 4) + std::string(32768, 'y'),
                      &file);
    AppendWandbRecord(WandbHistory('4'), &file);
    ASSERT_TRUE(Import(Write("run-x.wandb", file)).ok());
    ASSERT_EQ(sink_.rejects.size(), 1u);
    EXPECT_EQ(sink_.rejects[0].reason,
              "before byte 32768: the end of a record is missing; reading went on behind it");
    ASSERT_EQ(sink_.runs.size(), 1u);
    EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1, 3, 4));
  }
}

TEST_F(HostileTest, AWandbRecordThatIsStillBeingWrittenIsTheEnd) {
  std::string file = kWandbHeader;
  AppendWandbRecord(WandbHistory('1'), &file);
  AppendWandbRecord(std::string(40000, 'x'), &file);
  for (const std::size_t size : {file.size() - 1, std::size_t{32768}, std::size_t{32760}}) {
    sink_ = KeepingSink();
    ASSERT_TRUE(Import(Write("run-x.wandb", file.substr(0, size))).ok());
    EXPECT_TRUE(sink_.rejects.empty()) << size;
    ASSERT_EQ(sink_.runs.size(), 1u);
  }
}

TEST_F(HostileTest, AWandbRecordBeyondTheLimitIsOneRejectThatSaysSo) {
  std::string file = kWandbHeader;
  AppendWandbRecord(WandbHistory('1'), &file);
  // Several blocks beyond the limit.
  AppendWandbRecord(std::string(kMaxRecordBytes + (1 << 18), 'x'), &file);
  AppendWandbRecord(WandbHistory('3'), &file);
  ASSERT_TRUE(Import(Write("run-x.wandb", file)).ok());
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("a record is longer than 67108864 bytes"));
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1, 3));
}

TEST_F(HostileTest, StepsBeyondWhatIsCountedAreRejects) {
  ASSERT_TRUE(Import(Write("main.log", "s:9223372036854775807 trl:5\ns:1 trl:4\n")).ok());
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].line, 1);
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(2));
}

// Undefined where it is taken for a step, which sanitizers see.
TEST_F(HostileTest, AStepThatIsNoNumberIsPassedOver) {
  const char* const logs[] = {
      "step nan/10 | loss 5.0 |\nstep 1/10 | loss 4.0 |\n",
      "{\"log_history\": [{\"loss\": 5.0, \"step\": NaN}, {\"loss\": 4.0, \"step\": 1}]}",
      " validation loss at iteration nan | lm loss value: 5.0 |\n iteration 1/ 20 | lm loss: 4.0 |\n"};
  for (const char* log : logs) {
    sink_.runs.clear();
    ASSERT_TRUE(Import(Write("log.txt", log)).ok());
    ASSERT_EQ(sink_.runs.size(), 1u) << log;
    EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1)) << log;
    EXPECT_EQ(sink_.runs[0].loss, 4) << log;
  }
}

TEST_F(HostileTest, AHeaderBeyondTheLimitsIsNamedAsSuch) {
  std::string wide = "step,train_loss";
  for (std::size_t i = 0; i < kMaxColumns; ++i) wide += ",c";
  EXPECT_THAT(Refusal("wide.csv", wide + "\n1,5\n"), HasSubstr("wide.csv:1: more than 20000 columns"));
  const std::string name(kMaxCsvLineBytes, 'x');
  EXPECT_THAT(Refusal("long.csv", "step,train_loss," + name + "\n1,5,2\n"),
              HasSubstr("long.csv:1: the line is longer than 1048576 bytes"));
}

TEST_F(HostileTest, WhatHasToBeConvertedFirstIsSaid) {
  EXPECT_THAT(Refusal("log.gz", "\x1F\x8B\x08 and so on"), HasSubstr("compressed: pipe `zcat FILE` into"));
  EXPECT_THAT(Refusal("log.zst", "\x28\xB5\x2F\xFD and so on"), HasSubstr("`zstdcat FILE`"));
  EXPECT_THAT(Refusal("utf16.csv", std::string("\xFF\xFEs\0t\0", 6)), HasSubstr("it is UTF-16"));
  EXPECT_THAT(Refusal("runs.parquet", "PAR1 and so on"), HasSubstr("a Parquet file"));
  EXPECT_THAT(Refusal("main.log", "version https://git-lfs.github.com/spec/v1\noid sha256:7d\nsize 7\n"),
              HasSubstr("`git lfs pull`"));
  EXPECT_THAT(Refusal("journal.log", "{\"op_code\": 0, \"worker_id\": \"a\", \"study_name\": \"s\"}\n"),
              HasSubstr("optuna.copy_study"));
}

TEST_F(HostileTest, AJsonArrayIsReadAsItsRows) {
  Set("params_total=1e6");
  Set("batch_size_tokens=10");
  const ImportedRun run =
      Only("array.json", "[\n {\"_step\": 1, \"loss\": 3},\n {\"_step\": 2, \"loss\": 2}]", "history-jsonl");
  EXPECT_THAT(run.curve->step, ElementsAre(1, 2));
  EXPECT_FALSE(Import(Write("half.json", "[\n {\"_step\": 1, \"loss\": 3},")).ok());
}

TEST_F(HostileTest, WhatQuotesALogIsNone) {
  const std::string line = "step:1/4 val_loss:3.0 train_time:1ms\n";
  EXPECT_THAT(Refusal("job.slurm", "#!/bin/bash\nsrun train\n" + line + line + line),
              HasSubstr("it is a script"));
  EXPECT_THAT(Refusal("notes.md", "# Results\n\n```\n" + line + line + "```\n"),
              HasSubstr("a page of notes"));
}

TEST_F(HostileTest, ALogBehindALongPreambleIsFound) {
  Set("params_total=1e6");
  Set("batch_size_tokens=10");
  std::string text;
  while (text.size() < 2 * kHeadBytes) text += "NCCL INFO some output of a launcher\n";
  for (int step = 1; step <= 3; ++step)
    text += "step:" + std::to_string(step) + "/3 val_loss:3.0 train_time:1ms\n";
  EXPECT_EQ(Only("out.txt", text, "modded-nanogpt").state, ImportedState::kFinished);
}

TEST_F(HostileTest, TheSourceOfATrainerIsNotALog) {
  EXPECT_THAT(
      Refusal("train.py", "import os\n    print(f\"tokens per iteration will be: {tokens_per_iter:,}\")\n"),
      HasSubstr("cannot tell the format"));
  EXPECT_THAT(
      Refusal("train.cu", "#include <stdio.h>\n  printf0(\"| sequence length T     | %-50d |\\n\", T);\n"),
      HasSubstr("cannot tell the format"));
}

TEST_F(HostileTest, ALogWithoutAnyValueIsNoRun) {
  options_.format = "megatron";
  ASSERT_TRUE(Import(Write("notes.txt", "nothing of a log\n")).ok());
  EXPECT_TRUE(sink_.runs.empty());
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("read as megatron, no line has a loss or a rate"));
}

}  // namespace
}  // namespace sextant::importers
