// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "clients/importers/identity.h"
#include "tests/clients/importers/import_fixture.h"
#include "tests/test_paths.h"

namespace sextant::importers {
namespace {

using ::testing::HasSubstr;

class RunCsvTest : public ImportTest {};

TEST_F(RunCsvTest, TakesMappedColumnsAsTheyStandAndIgnoresTheOthers) {
  Map("params_non_embedding=N");
  Map("tokens=D");
  Map("learning_rate=rate");
  Map("loss_nats=final");
  // Columns that detection would have taken stand beside the mapped ones.
  const auto report = Import(Write("runs.csv",
                                   "N,D,rate,final,learning_rate,batch_size_tokens,loss\n"
                                   "1e6,2e7,0.001,3.5,0.5,4096,9\n"));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->format, "csv");
  ASSERT_EQ(sink_.runs.size(), 1u);
  const ImportedRun& run = sink_.runs[0];
  EXPECT_EQ(run.params_non_embedding, 1e6);
  EXPECT_EQ(run.tokens, 2e7);
  EXPECT_EQ(run.learning_rate, 0.001);
  EXPECT_EQ(run.loss, 3.5);
  EXPECT_FALSE(run.batch_size_tokens.has_value());
  EXPECT_EQ(run.state, ImportedState::kFinished);
  EXPECT_EQ(run.line, 2);
}

TEST_F(RunCsvTest, FindsColumnsByFieldNameAndAliasWithoutAMapping) {
  ASSERT_TRUE(Import(Write("runs.csv",
                           "run_id,params_non_embedding,params_total,tokens,lr,batch_tokens,seq_len,"
                           "steps,warmup_steps,val_loss_nats,tags.host\n"
                           "a,100,110,2000,0.01,64,16,31,3,2.25,h1\n"))
                  .ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  const ImportedRun& run = sink_.runs[0];
  EXPECT_EQ(run.run_id, "a");
  EXPECT_EQ(run.params_total, 110);
  EXPECT_EQ(run.learning_rate, 0.01);
  EXPECT_EQ(run.batch_size_tokens, 64);
  EXPECT_EQ(run.sequence_length, 16);
  EXPECT_EQ(run.warmup_steps, 3);
  EXPECT_EQ(run.loss, 2.25);
  EXPECT_EQ(run.tags.at("host"), "h1");
  EXPECT_THAT(sink_.notes, ::testing::Contains("taking column val_loss_nats as loss_nats"));
}

TEST_F(RunCsvTest, RejectsBadValuesWithLineAndReasonAndKeepsGoodRows) {
  for (const char* map : {"params_non_embedding=N", "tokens=D", "learning_rate=lr", "loss_nats=loss"})
    Map(map);
  ASSERT_TRUE(Import(Write("runs.csv",
                           "N,D,lr,loss\n"
                           "1e6,1e9,0.001,3\n"
                           "-1,1e9,0.001,3\n"
                           "1e6,0,0.001,3\n"
                           "1e6,1e9,,3\n"
                           "1e6,1e9,inf,3\n"
                           "1e6,1e9,fast,3\n"
                           "1e6,1e9,0.001,-3\n"
                           "1e6,1e9\n"
                           "1e6,1e9,0.002,3,7\n"
                           "1e6,1e9,0.002,3\n"))
                  .ok());
  EXPECT_EQ(sink_.runs.size(), 2u);
  ASSERT_EQ(sink_.rejects.size(), 8u);
  const char* reasons[] = {"params_non_embedding is negative",
                           "tokens is zero",
                           "learning_rate is missing",
                           "learning_rate is not finite",
                           "learning_rate is not a number: 'fast'",
                           "loss_nats is negative",
                           "learning_rate is missing; loss_nats is missing",
                           "the row has 5 fields, the header 4"};
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(sink_.rejects[i].reason, reasons[i]);
    EXPECT_EQ(sink_.rejects[i].line, i + 3);
    EXPECT_THAT(sink_.rejects[i].source, HasSubstr("runs.csv"));
  }
}

TEST_F(RunCsvTest, KeepsRunsWhoseLossIsNotFiniteAsDiverged) {
  ASSERT_TRUE(Import(Write("runs.csv",
                           "params_total,tokens,loss_nats,state\n"
                           "1e6,1e9,NaN,finished\n1e6,2e9,inf,\n1e6,3e9,-Infinity,\n1e6,4e9,1e400,\n"))
                  .ok());
  ASSERT_EQ(sink_.runs.size(), 4u);
  for (const ImportedRun& run : sink_.runs) {
    EXPECT_EQ(run.state, ImportedState::kDiverged);
    EXPECT_FALSE(std::isfinite(*run.loss));
  }
  EXPECT_TRUE(sink_.rejects.empty());
}

TEST_F(RunCsvTest, LeavesBlankCellsOfDetectedColumnsUnknown) {
  ASSERT_TRUE(
      Import(Write("runs.csv", "params_total,tokens,learning_rate,loss_nats\n1e6,1e9,,\n1e6,,0.1,3\n")).ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_FALSE(sink_.runs[0].learning_rate.has_value());
  EXPECT_EQ(sink_.runs[0].state, ImportedState::kUnspecified);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].reason,
            "tokens is missing, and so is steps or batch_size_tokens, whose product it is (--set tokens=N)");
}

TEST_F(RunCsvTest, CountsTokensAsStepsTimesBatchWhereNoColumnHoldsThem) {
  options_.map = {{"params_total", "N"}, {"steps", "S"}, {"batch_size_tokens", "B"}, {"loss_nats", "L"}};
  ASSERT_TRUE(Import(Write("runs.csv", "N,S,B,L\n1e6,1000,32768,3\n1e6,,32768,3\n")).ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_EQ(sink_.runs[0].tokens, 32768000.0);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("steps is missing"));
}

TEST_F(RunCsvTest, AsksForTheParameterCountThatTheStudyUses) {
  options_.required_params = "params_total";
  ASSERT_TRUE(Import(Write("runs.csv", "params_non_embedding,tokens\n1e6,1e9\n")).ok());
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("params_total is missing"));
}

TEST_F(RunCsvTest, RefusesAMappingWithoutParametersOrTokens) {
  Map("learning_rate=lr");
  const auto report = Import(Write("runs.csv", "lr,N,D\n0.1,1,2\n"));
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("--map params_non_embedding=COLUMN"));
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("lr, N, D"));
}

TEST_F(RunCsvTest, NamesTheNearestColumnWhenAMappedOneIsNotThere) {
  Map("params_non_embedding=params");
  Map("tokens=D");
  const auto report = Import(Write("runs.csv", "param,D\n1,2\n"));
  EXPECT_THAT(std::string(report.status().message()),
              HasSubstr("no column 'params' for params_non_embedding; did you mean 'param'?"));
}

TEST_F(RunCsvTest, ReadsQuotedFieldsWithLineEndsAndCountsLinesRight) {
  ASSERT_TRUE(Import(Write("runs.csv",
                           "params_total,tokens,tags.note\r\n"
                           "1,2,\"two\nlines, and \"\"quotes\"\"\"\r\n"
                           "\r\n"
                           "x,2,a\r\n"))
                  .ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_EQ(sink_.runs[0].tags.at("note"), "two\nlines, and \"quotes\"");
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].line, 5);
}

TEST_F(RunCsvTest, ReadsTabsSemicolonsAndAByteOrderMark) {
  ASSERT_TRUE(Import(Write("a.tsv", "params_total\ttokens\n1\t2\n")).ok());
  ASSERT_TRUE(Import(Write("b.csv", "params_total;tokens\n3;4\n")).ok());
  ASSERT_TRUE(Import(Write("c.csv", "\xEF\xBB\xBF\"params_total\",\"tokens\"\n5,6\n")).ok());
  ASSERT_EQ(sink_.runs.size(), 3u);
  EXPECT_EQ(sink_.runs[2].params_total, 5);
}

TEST_F(RunCsvTest, RejectsARowWithBrokenQuotesAndGoesOn) {
  ASSERT_TRUE(Import(Write("runs.csv", "params_total,tokens\n1,2\n3,\"4\"x\n5,6\n")).ok());
  EXPECT_EQ(sink_.runs.size(), 2u);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].line, 3);
}

TEST_F(RunCsvTest, SaysThatAQuoteIsNeverClosed) {
  ASSERT_TRUE(Import(Write("runs.csv", "params_total,tokens\n1,2\n3,\"4\n5,6\n")).ok());
  EXPECT_EQ(sink_.runs.size(), 1u);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].line, 3);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("never closed"));
}

TEST_F(RunCsvTest, SkipsALineThatIsTooLongAndGoesOn) {
  ASSERT_TRUE(
      Import(Write("runs.csv", "params_total,tokens\n1,2\n3," + std::string(3 << 20, '4') + "\n5,6\n")).ok());
  EXPECT_EQ(sink_.runs.size(), 2u);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].line, 3);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("longer than"));
}

TEST_F(RunCsvTest, RejectsTextThatIsNotUtf8) {
  ASSERT_TRUE(Import(Write("runs.csv", "params_total,tokens,schedule\n1,2,caf\xE9\n")).ok());
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].reason, "schedule is not valid UTF-8: 'caf\\xe9'");
}

TEST_F(RunCsvTest, RefusesBinaryAndEmptyFiles) {
  EXPECT_THAT(std::string(Import(Write("a.bin", std::string("PK\0\1", 4))).status().message()),
              HasSubstr("binary"));
  EXPECT_THAT(std::string(Import(Write("empty.csv", "")).status().message()), HasSubstr("empty"));
  EXPECT_EQ(Import(folder_ + "/absent.csv").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RunCsvTest, GivesRowsWithoutIdTheDigestOfTheirMappedValues) {
  const std::string text =
      "params_total,tokens,learning_rate,loss_nats,host\n1,2,3,4,a\n1,2,3.0,4,b\n1,2,3,4.5,a\n";
  ASSERT_TRUE(Import(Write("runs.csv", text)).ok());
  ASSERT_EQ(sink_.runs.size(), 3u);
  EXPECT_EQ(sink_.runs[0].run_id, sink_.runs[1].run_id) << "columns that are not mapped do not count";
  EXPECT_NE(sink_.runs[0].run_id, sink_.runs[2].run_id) << "the loss counts";
  EXPECT_TRUE(IsRunId(sink_.runs[0].run_id));
}

TEST_F(RunCsvTest, SaysThatAMappingPassesOverTheTablesOwnFormatAndItsSmoothLoss) {
  for (const char* map : {"params_non_embedding=N", "tokens=D", "learning_rate=lr", "loss_nats=loss"})
    Map(map);
  ASSERT_TRUE(Import(Write("dense.csv",
                           "lr,bs,ti,loss,smooth loss,D,N\n"
                           "0.001381,128,38147,2.701,2.6935,10000000000,154140672\n"))
                  .ok());
  EXPECT_EQ(sink_.runs.at(0).loss, 2.701) << "as mapped, all the same";
  EXPECT_THAT(sink_.notes, ::testing::Contains(HasSubstr("--format steplaw reads it as such")));
  EXPECT_THAT(sink_.notes, ::testing::Contains(HasSubstr("though there is a column 'smooth loss'")));
}

TEST_F(RunCsvTest, SaysNothingOfAMappingThatTakesTheSmoothLoss) {
  for (const char* map : {"params_non_embedding=N", "tokens=D", "loss_nats=smooth_loss"}) Map(map);
  ASSERT_TRUE(Import(Write("runs.csv", "N,D,loss,smooth_loss\n1e6,2e7,3.5,3.4\n")).ok());
  EXPECT_THAT(sink_.notes, ::testing::IsEmpty());
}

TEST_F(RunCsvTest, KeepsTheTokenizerAsATag) {
  ASSERT_TRUE(Import(Write("runs.csv",
                           "params_non_embedding,tokens,learning_rate,loss_nats,tokenizer\n"
                           "1e6,2e7,0.001,3.5,gpt2\n"))
                  .ok());
  EXPECT_EQ(sink_.runs.at(0).tags.at("tokenizer"), "gpt2");
}

TEST_F(RunCsvTest, ReadsTheStepLawTable) {
  const std::string path = std::string(SEXTANT_SOURCE_DIR) + "/../shared/data/steplaw-dense/runs.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  for (const char* map : {"params_non_embedding=N", "tokens=D", "learning_rate=lr",
                          "batch_size_tokens=batch_tokens", "loss_nats=smooth_loss"}) {
    Map(map);
  }
  ASSERT_TRUE(Import(path).ok());
  EXPECT_EQ(sink_.runs.size(), 1746u);
  EXPECT_TRUE(sink_.rejects.empty());
  std::set<std::string> ids;
  for (const ImportedRun& run : sink_.runs) ids.insert(run.run_id);
  EXPECT_EQ(ids.size(), 1746u);
}

}  // namespace
}  // namespace sextant::importers
