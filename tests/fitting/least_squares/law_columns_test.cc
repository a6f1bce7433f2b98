// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/law_columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fitting/refusal.h"
#include "tests/fitting/catalogue_fixture.h"

namespace sextant::fitting {
namespace {

using testing::HasSubstr;

constexpr double kUnknownValue = std::numeric_limits<double>::quiet_NaN();

RunTable Runs(int count) {
  RunTable runs;
  for (int i = 0; i < count; ++i) {
    runs.id.push_back("r" + std::to_string(i));
    for (auto* column :
         {&runs.params, &runs.tokens, &runs.learning_rate, &runs.batch_size_tokens, &runs.sequence_length,
          &runs.steps, &runs.weight_decay, &runs.adam_beta2, &runs.loss}) {
      column->push_back(1 + i);
    }
    runs.state.push_back(RunState::kFinished);
    runs.declared["r"].push_back(0.1 * (i + 1));
    runs.declared["quantisation_loss"].push_back(0.01 * (i + 1));
  }
  return runs;
}

TEST(LawColumns, VariablesComeFromFieldsAndFromWhatTheStudyDeclares) {
  const auto input = LawInputFromRuns(*ShippedLaw("loss-d-cpt"), Runs(4), {});
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->columns.at("N"), "params");
  EXPECT_EQ(input->columns.at("r"), "r");
  EXPECT_EQ(input->columns.at("y"), "loss_nats");
  EXPECT_EQ(input->data.size(), 4U);
  EXPECT_DOUBLE_EQ(input->data.columns[2][1], 0.2);
}

TEST(LawColumns, WhatALawOfAnotherTargetPredictsIsTheStudysMetricOfThatName) {
  RunTable runs = Runs(3);
  runs.declared["P"] = {2, 3, 4};
  const auto input = LawInputFromRuns(*ShippedLaw("qid"), runs, {});
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_DOUBLE_EQ(input->data.observed[2], 0.03);
}

TEST(LawColumns, AMappingStandsBeforeNames) {
  const auto input =
      LawInputFromRuns(*ShippedLaw("loss-d-cpt"), Runs(3), {{"r", "adam_beta2"}, {"loss", "r"}});
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->columns.at("r"), "adam_beta2");
  EXPECT_EQ(input->columns.at("y"), "r");
}

TEST(LawColumns, WhatIsMissingIsNamedWithTheWaysToGiveIt) {
  RunTable runs = Runs(3);
  runs.declared.erase("r");
  const absl::Status missing = LawInputFromRuns(*ShippedLaw("loss-d-cpt"), runs, {}).status();
  for (const char* part : {"'r'", "UpdateStudy: r", "columns", "table", "quantisation_loss"}) {
    EXPECT_THAT(std::string(missing.message()), HasSubstr(part));
  }
  const absl::Status unknown = LawInputFromRuns(*ShippedLaw("loss-d-cpt"), runs, {{"r", "ratio"}}).status();
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("'ratio'"));
  const absl::Status no_variable =
      LawInputFromRuns(*ShippedLaw("loss-chinchilla"), runs, {{"U", "tokens"}}).status();
  EXPECT_THAT(std::string(no_variable.message()), HasSubstr("no variable 'U'"));
}

TEST(LawColumns, RowsThatLackAValueAreLeftOutAndCounted) {
  RunTable runs = Runs(5);
  runs.declared["r"][1] = kUnknownValue;
  runs.state[4] = RunState::kDiverged;
  const auto input = LawInputFromRuns(*ShippedLaw("loss-d-cpt"), runs, {});
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_THAT(input->data.run_ids, testing::ElementsAre("r0", "r2", "r3"));
  ASSERT_EQ(input->warnings.size(), 1U);
  EXPECT_EQ(input->warnings[0], "1 of 4 finished runs are left out: 1 lack r");
  for (double& value : runs.declared["r"]) value = kUnknownValue;
  EXPECT_TRUE(IsNotIdentifiable(LawInputFromRuns(*ShippedLaw("loss-d-cpt"), runs, {}).status()));
}

TEST(LawColumns, ATableNeedsNoRuns) {
  DataColumns table;
  table.columns = {{"samples", {200, 400, 800}}, {"loss", {4.2, 4.1, kUnknownValue}}};
  const auto input =
      LawInputFromColumns(*ShippedLaw("rectified-ft"), table, {{"x", "samples"}, {"y", "loss"}});
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->data.size(), 2U);
  EXPECT_EQ(input->warnings.at(0), "1 of 3 rows are left out: 1 lack loss");
  const absl::Status missing =
      LawInputFromColumns(*ShippedLaw("rectified-ft"), table, {{"y", "loss"}}).status();
  EXPECT_THAT(std::string(missing.message()), HasSubstr("say which it is (columns)"));
}

}  // namespace
}  // namespace sextant::fitting
