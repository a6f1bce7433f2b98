// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>

#include "tests/clients/importers/import_fixture.h"

namespace sextant::importers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RunJsonlTest : public ImportTest {};

TEST_F(RunJsonlTest, ReadsProtoJsonWithACurve) {
  const auto report = Import(Write(
      "runs.jsonl",
      R"({"run_id":"a","params_non_embedding":1e6,"tokens":"2e7","learning_rate":0.001,"loss_nats":3.5,"seed":"7",)"
      R"("state":"FINISHED","tags":{"host":"h"},"labels":["edge-of-grid"],"schedule":"cosine",)"
      R"("curve":{"step":["1","2"],"tokens":[10,20],"train_loss":[5.5,"NaN"]}})"
      "\n"));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->format, "jsonl");
  ASSERT_EQ(sink_.runs.size(), 1u) << sink_.rejects[0].reason;
  const ImportedRun& run = sink_.runs[0];
  EXPECT_EQ(run.run_id, "a");
  EXPECT_EQ(run.tokens, 2e7);
  EXPECT_EQ(run.seed, 7);
  EXPECT_EQ(run.schedule, "cosine");
  EXPECT_EQ(run.tags.at("host"), "h");
  EXPECT_THAT(run.labels, ElementsAre("edge-of-grid"));
  ASSERT_TRUE(run.curve.has_value());
  EXPECT_THAT(run.curve->step, ElementsAre(1, 2));
  EXPECT_EQ(run.curve->train_loss[0], 5.5f);
  EXPECT_TRUE(std::isnan(run.curve->train_loss[1]));
  EXPECT_TRUE(run.curve->validation_loss.empty());
}

TEST_F(RunJsonlTest, ReadsBackWhatAListingPrints) {
  ASSERT_TRUE(
      Import(
          Write(
              "runs.jsonl",
              R"({"name":"studies/s/runs/r1","paramsTotal":5,"tokens":6,"lossNats":"Infinity","schedule":"",)"
              R"("state":"RUN_STATE_UNSPECIFIED","createTime":"2026-01-01T00:00:00Z","curvePointCount":0})"
              "\n"))
          .ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_EQ(sink_.runs[0].run_id, "r1");
  EXPECT_EQ(sink_.runs[0].params_total, 5);
  EXPECT_EQ(sink_.runs[0].state, ImportedState::kDiverged);
  EXPECT_TRUE(sink_.notes.empty());
}

TEST_F(RunJsonlTest, MapsKeysIntoNestedObjectsAndIgnoresTheRest) {
  Map("params_total=config.n");
  Map("tokens=summary.tokens");
  Map("loss_nats=eval/loss");
  ASSERT_TRUE(
      Import(Write("runs.jsonl",
                   "{\"config\":{\"n\":5},\"summary\":{\"tokens\":6},\"eval/loss\":NaN,\"learning_rate\":1}\n"
                   "{\"config\":{},\"summary\":{\"tokens\":6},\"eval/loss\":2}\n"))
          .ok());
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_FALSE(sink_.runs[0].learning_rate.has_value());
  EXPECT_EQ(sink_.runs[0].state, ImportedState::kDiverged);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_EQ(sink_.rejects[0].reason, "params_total is missing");
  EXPECT_EQ(sink_.rejects[0].line, 2);
}

TEST_F(RunJsonlTest, RejectsBrokenLinesAndKeepsTheOthers) {
  ASSERT_TRUE(Import(Write("runs.jsonl",
                           "{\"params_total\":1,\"tokens\":2}\n"
                           "{\"params_total\":1,\n"
                           "[1]\n"
                           "{\"params_total\":{},\"tokens\":2}\n"
                           "{\"params_total\":1,\"tokens\":2,\"curve\":{\"step\":[2,1]}}\n"
                           "{\"params_total\":1,\"tokens\":2,\"curve\":{\"step\":[1],\"tokens\":[1,2]}}\n" +
                               std::string(100, '[') + "\n"))
                  .ok());
  EXPECT_EQ(sink_.runs.size(), 1u);
  ASSERT_EQ(sink_.rejects.size(), 6u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("not JSON at byte"));
  EXPECT_THAT(sink_.rejects[1].reason, HasSubstr("not a JSON object"));
  EXPECT_THAT(sink_.rejects[2].reason, HasSubstr("neither a number nor text"));
  EXPECT_THAT(sink_.rejects[3].reason, HasSubstr("does not rise at point 2"));
  EXPECT_THAT(sink_.rejects[4].reason, HasSubstr("differ in length"));
  EXPECT_THAT(sink_.rejects[5].reason, HasSubstr("nested deeper"));
}

TEST_F(RunJsonlTest, SaysWhichKeysItDoesNotKnow) {
  ASSERT_TRUE(Import(Write("runs.jsonl", "{\"params_total\":1,\"tokens\":2,\"learningrate\":3}\n")).ok());
  EXPECT_THAT(sink_.notes, ElementsAre("key 'learningrate' is not a field of runs; ignored"));
}

}  // namespace
}  // namespace sextant::importers
