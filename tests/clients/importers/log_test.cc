// SPDX-License-Identifier: Apache-2.0
// Golden files are written here from the descriptions of the formats, a few lines each.
#include <gmock/gmock.h>
#include <zlib.h>

#include <cmath>

#include "clients/importers/log/metric_table.h"
#include "clients/importers/log/record_stream.h"
#include "tests/clients/importers/import_fixture.h"

namespace sextant::importers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class LogTest : public ImportTest {
 protected:
  LogTest() { Set("params_non_embedding=1e6"); }
};

TEST_F(LogTest, LlmcLogCountsValidationBeforeAndTrainingAfterTheUpdate) {
  Set("batch_size_tokens=1000");
  const ImportedRun run =
      Only("main.log",
           "s:0 tel:11.0101\ns:0 trl:11.0000 lr:0.000001 norm:15.00\ns:249 trl:4.6 lr:0.000214 norm:0.7\n"
           "s:250 tel:4.6127\ns:250 eval:0.2511\ns:250 trl:4.5983 lr:0.000214 norm:0.71\n",
           "llmc-log");
  EXPECT_THAT(run.curve->step, ElementsAre(0, 1, 250, 251));
  EXPECT_FLOAT_EQ(run.curve->validation_loss[0], 11.0101f);
  EXPECT_FLOAT_EQ(run.curve->train_loss[2], 4.6f);
  EXPECT_FLOAT_EQ(run.curve->validation_loss[2], 4.6127f);
  EXPECT_FLOAT_EQ(run.curve->train_loss[3], 4.5983f);
  EXPECT_THAT(run.curve->tokens, ElementsAre(0, 1000, 250000, 251000));
  EXPECT_DOUBLE_EQ(*run.loss, 4.6127);
  EXPECT_DOUBLE_EQ(*run.learning_rate, 0.000214);
  EXPECT_THAT(run.labels, Contains("coarse-rate"));
  EXPECT_THAT(run.labels, Contains("peak-rate-derived"));
}

TEST_F(LogTest, LlmcOutputCountsStepsFromOneAndReadsItsTable) {
  const ImportedRun run =
      Only("out.txt",
           "| sequence length T     | 1024                                               |\n"
           "| total batch size      | 524288                                             |\n"
           "| learning rate (LR)    | 6.000000e-04                                       |\n"
           "| warmup iterations     | 700                                                |\n"
           "val loss 11.010000\n"
           "step    1/18865 | loss 11.000000 (+nanz)| norm 15.0 (+nanz)| lr 8.57e-07 | 196.31 ms | 48.9% "
           "bf16 MFU | 2670115 tok/s\n"
           "step  250/18865 | loss 4.598312 (-0.21z)| norm 0.7102 (+0.10z)| lr 2.14e-04 | 196.31 ms | 48.9% "
           "bf16 MFU | 2670115 tok/s\n"
           "val loss 4.612700\n",
           "llmc-output");
  EXPECT_THAT(run.curve->step, ElementsAre(0, 1, 250));
  EXPECT_FLOAT_EQ(run.curve->validation_loss[2], 4.6127f);
  EXPECT_FLOAT_EQ(run.curve->train_loss[2], 4.598312f);
  EXPECT_EQ(run.batch_size_tokens, 524288);
  EXPECT_EQ(run.sequence_length, 1024);
  EXPECT_EQ(run.learning_rate, 6e-4);
  EXPECT_EQ(run.warmup_steps, 700);
  EXPECT_EQ(run.tokens, 250.0 * 524288);
}

TEST_F(LogTest, NanoGptTakesEvaluationsBeforeAndIterationsAfterTheUpdate) {
  const ImportedRun run = Only("train.txt",
                               "Overriding: learning_rate = 6e-4\n"
                               "tokens per iteration will be: 491,520\n"
                               "step 0: train loss 10.9870, val loss 10.9880\n"
                               "iter 0: loss 10.9900, time 25000.00ms, mfu -100.00%\n"
                               "step 2000: train loss 3.4210, val loss 3.4305\n"
                               "iter 2000: loss 3.3987, time 251.88ms, mfu 41.20%\n",
                               "nanogpt");
  EXPECT_THAT(run.curve->step, ElementsAre(0, 1, 2000, 2001));
  EXPECT_FLOAT_EQ(run.curve->validation_loss[2], 3.4305f);
  EXPECT_FLOAT_EQ(run.curve->train_loss[3], 3.3987f);
  EXPECT_EQ(run.batch_size_tokens, 491520);
  EXPECT_EQ(run.learning_rate, 6e-4);
  EXPECT_DOUBLE_EQ(*run.loss, 3.4305);
}

constexpr char kMegatron[] =
    "[default0]:  seq_length ...................................... 2048\n"
    "[default0]:  seed ............................................ 1234\n"
    " [2026-01-05 11:02:33.104522] iteration     1200/   20000 | consumed samples:       614400 | elapsed "
    "time per iteration "
    "(ms): 812.4 | learning rate: 2.850000E-04 | global batch size:   512 | lm loss: 3.207411E+00 | loss "
    "scale: 1.0 | grad "
    "norm: 0.412 | number of skipped iterations:   0 | number of nan iterations:   0 |\n"
    " validation loss at iteration 1200 | lm loss value: 3.118204E+00 | lm loss PPL: 2.260571E+01 |\n"
    " validation loss at iteration 1200 on test set | lm loss value: 9.0E+00 | lm loss PPL: 8.1E+03 |\n";

TEST_F(LogTest, MegatronReadsFieldsByNameAndConsumedSamples) {
  const ImportedRun run = Only("log.txt", kMegatron, "megatron");
  EXPECT_THAT(run.curve->step, ElementsAre(1200));
  EXPECT_THAT(run.curve->tokens, ElementsAre(614400.0 * 2048));
  EXPECT_FLOAT_EQ(run.curve->train_loss[0], 3.207411f);
  EXPECT_FLOAT_EQ(run.curve->validation_loss[0], 3.118204f);
  EXPECT_EQ(run.batch_size_tokens, 512.0 * 2048);
  EXPECT_EQ(run.seed, 1234);
  EXPECT_THAT(run.labels, Contains("interval-mean-loss"));
}

TEST_F(LogTest, MegatronForkOfStepLaw) {
  Set("tokens=1e9");
  const ImportedRun run =
      Only("train_log_1.txt",
           "2025-01-01 00:00:00 | INFO     | megatron.core.trainerv2:training_log:12 - iter      10/   200 | "
           "lm loss only: 5.5E+00 | learning rate: 1.0E-03 |\n",
           "megatron");
  EXPECT_THAT(run.curve->train_loss, ElementsAre(5.5f));
  EXPECT_THAT(sink_.notes, Contains(HasSubstr("no seq_length")));
}

TEST_F(LogTest, TrainerStateLeavesOutTheWholeRunMean) {
  Set("tokens=1e9");
  const ImportedRun run =
      Only("trainer_state.json",
           "{\n  \"epoch\": 0.12,\n  \"global_step\": 600,\n  \"log_history\": [\n"
           "{\"epoch\": 0.06, \"grad_norm\": NaN, \"learning_rate\": 0.0003, \"loss\": 4.1, \"step\": 300},\n"
           "{\"epoch\": 0.12, \"learning_rate\": 0.00028, \"loss\": 3.4127, \"step\": 600},\n"
           "{\"epoch\": 0.12, \"eval_loss\": 3.3981, \"eval_runtime\": 41.2, \"step\": 600},\n"
           "{\"epoch\": 0.12, \"train_loss\": 3.9, \"train_runtime\": 99.0, \"step\": 600}\n"
           "], \"max_steps\": 600, \"total_flos\": 1e18}\n",
           "trainer-state");
  EXPECT_THAT(run.curve->step, ElementsAre(300, 600));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(4.1f, 3.4127f));
  EXPECT_DOUBLE_EQ(*run.loss, 3.3981);
  EXPECT_EQ(run.learning_rate, 0.0003);
  EXPECT_EQ(run.flops, 1e18);
  EXPECT_EQ(run.state, ImportedState::kFinished);
}

TEST_F(LogTest, HistoryJsonlKeepsRunsApartAndNonFiniteLossesAsDiverged) {
  ASSERT_TRUE(
      Import(Write("h.jsonl",
                   "{\"run\":\"a\",\"_step\":100,\"train/loss\":3.5,\"lr\":0.0006,\"throughput/"
                   "total_tokens\":1000}\n"
                   "{\"run\":\"b\",\"_step\":100,\"train/loss\":3.6,\"throughput/total_tokens\":1000}\n"
                   "{\"run\":\"a\",\"_step\":150,\"eval/loss\":3.1,\"throughput/total_tokens\":1500}\n"
                   "{\"run\":\"b\",\"_step\":200,\"train/loss\":NaN,\"throughput/total_tokens\":2000}\n"
                   "{\"run\":\"b\",\"train/loss\":1}\n"))
          .ok());
  ASSERT_EQ(sink_.runs.size(), 2u);
  EXPECT_EQ(sink_.runs[0].run_id, "a");
  EXPECT_EQ(sink_.runs[0].tokens, 1500);
  EXPECT_EQ(sink_.runs[0].loss, 3.1);
  EXPECT_EQ(sink_.runs[1].state, ImportedState::kDiverged);
  EXPECT_TRUE(std::isnan(sink_.runs[1].curve->train_loss[1]));
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].line, 5);
}

TEST_F(LogTest, HistoryJsonlReadsSplitsAndSettings) {
  const ImportedRun run =
      Only("r.jsonl",
           "{\"run\":\"d\",\"step\":400,\"tokens\":52428800,\"split\":\"validation\",\"loss\":3.913,"
           "\"config\":{\"lr\":0.0011,\"seed\":3}}\n",
           "history-jsonl");
  EXPECT_THAT(run.curve->validation_loss, ElementsAre(3.913f));
  EXPECT_TRUE(run.curve->train_loss.empty());
  EXPECT_EQ(run.learning_rate, 0.0011);
  EXPECT_EQ(run.seed, 3);
}

TEST_F(LogTest, LightningJoinsRowsOfAStepAndTakesAnOffset) {
  Set("batch_size_tokens=10");
  options_.step_offset = 1;
  const ImportedRun run =
      Only("metrics.csv", "epoch,lr-AdamW,step,train_loss,val_loss\r\n0,0.0003,49,4.812,\r\n0,,49,,4.655\r\n",
           "step-csv");
  EXPECT_THAT(run.curve->step, ElementsAre(50));
  EXPECT_THAT(run.curve->tokens, ElementsAre(500));
  EXPECT_FLOAT_EQ(run.curve->validation_loss[0], 4.655f);
  EXPECT_EQ(run.learning_rate, 0.0003);
}

TEST_F(LogTest, WandbChartSplitsAtTheLastDashAndMarksBuckets) {
  Set("tokens=1e9");
  ASSERT_TRUE(
      Import(Write("chart.csv",
                   "\"Step\",\"d12 - x - val/loss\",\"d12 - x - val/loss__MIN\",\"d12 - x - val/loss__MAX\","
                   "\"b - val/loss\",\"b - val/loss__MIN\",\"b - val/loss__MAX\"\n"
                   "\"500\",\"3.742\",\"3.742\",\"3.742\",\"3.5\",\"3.4\",\"3.6\"\n"))
          .ok());
  ASSERT_EQ(sink_.runs.size(), 2u);
  EXPECT_EQ(sink_.runs[0].run_id, "b");
  EXPECT_THAT(sink_.runs[0].labels, Contains("lossy-export"));
  EXPECT_EQ(sink_.runs[1].tags.at("run_name"), "d12 - x");
  EXPECT_THAT(sink_.runs[1].labels, Not(Contains("lossy-export")));
}

TEST_F(LogTest, WandbRunsTableIsATableOfRuns) {
  options_.set.clear();
  ASSERT_TRUE(Import(Write("runs.csv",
                           "\"Name\",\"State\",\"lr\",\"params_total\",\"tokens\",\"val_loss\"\n"
                           "\"a\",\"finished\",\"0.1\",\"5\",\"6\",\"3.5\"\n\"b\",\"crashed\",\"0.1\",\"5\","
                           "\"6\",\"3.5\"\n"))
                  .ok());
  ASSERT_EQ(sink_.runs.size(), 2u);
  EXPECT_EQ(sink_.runs[0].run_id, "a");
  EXPECT_EQ(sink_.runs[1].state, ImportedState::kCrashed);
}

TEST_F(LogTest, StepLawTokensComeFromSequencesAndSteps) {
  options_.set.clear();
  ASSERT_TRUE(
      Import(Write("dense.csv",
                   "h,ffnh,numh,numl,lr,bs,ti,loss,smooth loss,exp_name,D,N,D/N\n"
                   "1024,2816,16,12,0.001381,128,38147,2.701,2.6935,demo,10000000000,154140672,64.9\n"))
          .ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_EQ(sink_.runs[0].batch_size_tokens, 128.0 * 2048);
  EXPECT_EQ(sink_.runs[0].tokens, 128.0 * 2048 * 38147);
  EXPECT_EQ(sink_.runs[0].loss, 2.6935);
  EXPECT_EQ(sink_.runs[0].tags.at("nominal_tokens"), "10000000000");
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size();) {
    if (hex[i] == ' ') {
      ++i;
      continue;
    }
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    i += 2;
  }
  return bytes;
}

// Vectors checked against protoc: version record, then train/loss 2.5 at step 100 as a simple value and as a
// tensor.
const char kTbVersion[] =
    "18 00 00 00 00 00 00 00 a3 7f 4b 22 09 00 00 00 00 00 40 8f 40 1a 0d 62 72 61 69 6e 2e 45 76 65 6e 74 "
    "3a 32 73 ae 6b 56";
const char kTbSimple[] =
    "20 00 00 00 00 00 00 00 29 ed a9 50 09 00 00 00 00 00 4c 8f 40 10 64 2a 13 0a 11 0a 0a 74 72 61 69 6e "
    "2f 6c 6f 73 73 15 "
    "00 00 20 40 4a 60 6a 06";
const char kTbTensor[] =
    "34 00 00 00 00 00 00 00 5e 33 17 5c 09 00 00 00 00 00 4c 8f 40 10 64 2a 27 0a 25 0a 0a 74 72 61 69 6e "
    "2f 6c 6f 73 73 42 "
    "0a 08 01 12 00 2a 04 00 00 20 40 4a 0b 0a 09 0a 07 73 63 61 6c 61 72 73 5d 1a 64 11";

TEST_F(LogTest, TensorBoardReadsSimpleValuesAndTensors) {
  Set("tokens=1e9");
  for (const char* record : {kTbSimple, kTbTensor}) {
    sink_.runs.clear();
    const ImportedRun run =
        Only("events.out.tfevents.1", FromHex(kTbVersion) + FromHex(record), "tensorboard");
    EXPECT_THAT(run.curve->step, ElementsAre(100));
    EXPECT_THAT(run.curve->train_loss, ElementsAre(2.5f));
  }
  EXPECT_TRUE(sink_.rejects.empty());
}

TEST_F(LogTest, TensorBoardSkipsABadRecordAndStopsAtACutOne) {
  Set("tokens=1e9");
  std::string bad = FromHex(kTbSimple);
  bad[20] ^= 1;
  const std::string whole = FromHex(kTbTensor);
  const ImportedRun run =
      Only("events", FromHex(kTbVersion) + bad + whole + whole.substr(0, whole.size() - 3), "tensorboard");
  EXPECT_THAT(run.curve->step, ElementsAre(100));
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("byte 40: the record's checksum is wrong"));
}

TEST(MaskedCrc32c, MasksTheCastagnoliCheckValue) {
  // CRC-32C("123456789") = E3069283.
  const std::uint32_t crc = 0xE3069283u;
  EXPECT_EQ(MaskedCrc32c("123456789"), ((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
}

// W&B's framing of records shorter than a block; a history record of `_step` and one more item; value_json.
std::string WandbLog(const std::vector<std::string>& records) {
  std::string log = FromHex("3a 57 26 42 e1 be 00");
  for (const std::string& record : records) {
    const std::string body = "\x01" + record;
    const auto crc = static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())));
    for (int shift = 0; shift < 32; shift += 8) log += static_cast<char>(crc >> shift);
    log += static_cast<char>(record.size());
    log += static_cast<char>(record.size() >> 8);
    log += body;
  }
  return log;
}
std::string WandbField(char tag, const std::string& bytes) {
  return std::string{tag, static_cast<char>(bytes.size())} + bytes;
}
std::string WandbJson(const std::string& json) {
  return "\x82\x01" + std::string(1, static_cast<char>(json.size())) + json;
}
std::string WandbHistory(const std::string& step, const std::string& item) {
  return WandbField(0x12, WandbField(0x0a, "\x0a\x05_step" + WandbJson(step)) + WandbField(0x0a, item));
}

const char kWandb[] =
    "3a 57 26 42 e1 be 00 d4 f8 9e 54 27 00 01 08 01 12 23 0a 0d 12 05 5f 73 74 65 70 82 01 03 31 30 30 0a "
    "12 12 0a 74 72 61 "
    "69 6e 2f 6c 6f 73 73 82 01 03 32 2e 35";

TEST_F(LogTest, WandbLogReadsHistory) {
  Set("tokens=1e9");
  const ImportedRun run = Only("run-x.wandb", FromHex(kWandb), "wandb");
  EXPECT_THAT(run.curve->step, ElementsAre(100));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(2.5f));
}

TEST_F(LogTest, WandbLogReportsABadChunk) {
  Set("tokens=1e9");
  std::string bytes = FromHex(kWandb);
  bytes.back() ^= 1;
  ASSERT_TRUE(Import(Write("run-x.wandb", bytes)).ok());
  ASSERT_FALSE(sink_.rejects.empty());
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("a chunk cannot be read"));
}

TEST_F(LogTest, ALaterSegmentWinsAfterARestart) {
  Set("batch_size_tokens=1");
  const ImportedRun run =
      Only("main.log", "s:0 trl:9\ns:1 trl:8\ns:2 trl:7\ns:1 trl:6\ns:2 trl:5\ns:3 trl:4\n", "llmc-log");
  EXPECT_THAT(run.curve->step, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(9, 6, 5, 4));
  EXPECT_THAT(run.labels, Contains("restarted"));
}

TEST_F(LogTest, ARunThatRestartedAndGotLessFarHasTheStepsOfItsLastSegment) {
  Set("batch_size_tokens=1000");
  const ImportedRun run =
      Only("main.log", "s:10 trl:9 lr:0.0006\ns:20 trl:8 lr:0.0006\ns:14 trl:8.5 lr:0.0006\n", "llmc-log");
  EXPECT_THAT(run.curve->step, ElementsAre(11, 15));
  EXPECT_EQ(run.steps, 15);
  EXPECT_EQ(run.tokens, 15000);
}

TEST_F(LogTest, NestedMembersOfAHistoryAreFoundByTheirSlashedNames) {
  Set("tokens=1e9");
  const ImportedRun run = Only("history.jsonl",
                               "{\"_step\": 1, \"train\": {\"loss\": 5.0}}\n"
                               "{\"_step\": 2, \"train\": {\"loss\": NaN}, \"eval\": {\"loss\": 4.5}}\n",
                               "history-jsonl");
  EXPECT_THAT(run.curve->step, ElementsAre(1, 2));
  EXPECT_FLOAT_EQ(run.curve->train_loss[0], 5);
  EXPECT_TRUE(std::isnan(run.curve->train_loss[1]));
  EXPECT_EQ(run.loss, 4.5);
}

TEST_F(LogTest, WandbLogReadsNestedKeysAndObjects) {
  Set("tokens=1e9");
  // {_step 1, nested key train, loss: 5} and {_step 2, train: {"loss": 4}}.
  const ImportedRun run =
      Only("run-n.wandb",
           WandbLog({WandbHistory("1", std::string("\x12\x05train\x12\x04loss") + WandbJson("5")),
                     WandbHistory("2", std::string("\x0a\x05train") + WandbJson("{\"loss\": 4}"))}),
           "wandb");
  EXPECT_THAT(run.curve->step, ElementsAre(1, 2));
  EXPECT_THAT(run.curve->train_loss, ElementsAre(5, 4));
}

TEST_F(LogTest, ANegativeOffsetLeavesOutPointsBeforeTheFirstUpdate) {
  Set("batch_size_tokens=1000");
  options_.step_offset = -1;
  const ImportedRun run = Only("main.log", "s:0 tel:11\ns:0 trl:10.5\ns:1 trl:10\n", "llmc-log");
  EXPECT_THAT(run.curve->step, ElementsAre(0, 1));
}

TEST_F(LogTest, TheLossScaleIsNotSuggestedAsALoss) {
  Set("tokens=1e9");
  Only("log.txt", " iteration 10/ 20 | consumed samples: 640 | lm loss: 9.0E+00 | loss scale: 1.0 |\n",
       "megatron");
  EXPECT_THAT(sink_.notes, Not(Contains(HasSubstr("loss scale"))));
}

TEST_F(LogTest, BitsPerByteAreNotTakenForNats) {
  Set("tokens=1e9");
  const std::string text = "{\"step\":1,\"val_bpb\":0.9}\n";
  ASSERT_TRUE(Import(Write("a.jsonl", text)).ok());
  EXPECT_TRUE(sink_.runs.empty());
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("its losses are in bits per byte"));
  EXPECT_THAT(sink_.notes, Contains(HasSubstr("bits per byte is left out")));
  options_.bits_per_byte = true;
  EXPECT_EQ(Only("a.jsonl", text, "history-jsonl").loss, 0.9);
}

TEST_F(LogTest, MetricRulesGoBeforeTheTable) {
  Set("tokens=1e9");
  options_.metrics = {*ParseMetricRule("my/*=validation_loss"), *ParseMetricRule("loss=ignore")};
  const ImportedRun run = Only("a.jsonl", "{\"step\":1,\"my/score\":2.5,\"loss\":9}\n", "history-jsonl");
  EXPECT_EQ(run.loss, 2.5);
  EXPECT_TRUE(run.curve->train_loss.empty());
  EXPECT_FALSE(ParseMetricRule("loss=nonsense").ok());
}

TEST(Glob, MatchesStarsWithoutBacktrackingForever) {
  EXPECT_TRUE(GlobMatches("*val*bpb*", "eval/val_bpb_x"));
  EXPECT_FALSE(GlobMatches("lr", "lr2"));
  EXPECT_TRUE(GlobMatches("l?", "lr"));
  EXPECT_FALSE(GlobMatches("*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace sextant::importers
