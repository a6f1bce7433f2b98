// SPDX-License-Identifier: Apache-2.0
// A last line that no newline ends: half written by a run that is alive, or whole all the same.
#include <gmock/gmock.h>

#include "tests/clients/importers/import_fixture.h"

namespace sextant::importers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LastLineTest : public ImportTest {
 protected:
  LastLineTest() {
    Set("params_total=1e6");
    Set("batch_size_tokens=10");
  }
  /// The steps of the only run's curve.
  std::vector<std::int64_t> Steps(const std::string& name, const std::string& content) {
    sink_ = KeepingSink();
    const auto report = Import(Write(name, content));
    EXPECT_TRUE(report.ok()) << report.status();
    return sink_.runs.size() == 1 ? sink_.runs[0].curve->step : std::vector<std::int64_t>{-1};
  }
  void ExpectHalf(std::int64_t line) {
    ASSERT_EQ(sink_.rejects.size(), 1u);
    EXPECT_EQ(sink_.rejects[0].line, line);
    EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("the input ends within this"));
  }
};

TEST_F(LastLineTest, HalfANumberOfATextLogIsNotTaken) {
  EXPECT_THAT(Steps("main.log", "s:0 trl:9.5\ns:1 trl:3.1"), ElementsAre(1));
  ExpectHalf(2);
  EXPECT_THAT(Steps("out.txt", "step 1/9 | loss 9.5 | lr 1e-3 | 9 tok/s\nval loss 3.1"), ElementsAre(1));
  ExpectHalf(2);
  EXPECT_THAT(Steps("out.txt", "step 1/9 | loss 9.5 | 9 tok/s\nstep 2/9 | loss 3.1"), ElementsAre(1));
  ExpectHalf(2);
  EXPECT_THAT(Steps("train.txt", "iter 0: loss 9.5, time 1ms, mfu 1%\nstep 1: train loss 3, val loss 3.1"),
              ElementsAre(1));
  ExpectHalf(2);
  EXPECT_THAT(Steps("train.txt", "iter 0: loss 9.5, time 1ms, mfu 1%\niter 1: loss 3.1"), ElementsAre(1));
  ExpectHalf(2);
  EXPECT_THAT(Steps("log.txt", " iteration 1/ 9 | lm loss: 9.5 |\n iteration 2/ 9 | lm loss: 3.1"),
              ElementsAre(1));
  ExpectHalf(2);
}

TEST_F(LastLineTest, ASettingThatMayLackDigitsIsNotTaken) {
  EXPECT_THAT(Steps("log.txt", " iteration 1/ 9 | lm loss: 9.5 |\n  seq_length .... 204"), ElementsAre(1));
  ExpectHalf(2);
  EXPECT_FALSE(sink_.runs[0].sequence_length.has_value());
}

TEST_F(LastLineTest, ALineOfATextLogThatEndsAsSuchLinesDoIsTaken) {
  EXPECT_THAT(Steps("out.txt", "step 1/9 | loss 9.5 | 9 tok/s\nstep 2/9 | loss 3.1 | 9 tok/s"),
              ElementsAre(1, 2));
  EXPECT_THAT(sink_.rejects, IsEmpty());
  EXPECT_THAT(Steps("train.txt", "iter 0: loss 9.5, time 1ms, mfu 1%\niter 1: loss 3.1, time 1ms, mfu 1%"),
              ElementsAre(1, 2));
  EXPECT_THAT(sink_.rejects, IsEmpty());
  EXPECT_THAT(Steps("log.txt", " iteration 1/ 9 | lm loss: 9.5 |\n iteration 2/ 9 | lm loss: 3.1 |"),
              ElementsAre(1, 2));
  EXPECT_THAT(sink_.rejects, IsEmpty());
}

TEST_F(LastLineTest, APromptOrABlankBehindALogIsNothingToReport) {
  EXPECT_THAT(Steps("train.txt", "iter 0: loss 9.5, time 1ms, mfu 1%\nuser@host:~$ "), ElementsAre(1));
  EXPECT_THAT(sink_.rejects, IsEmpty());
  EXPECT_THAT(Steps("main.log", "s:0 trl:9.5\n  "), ElementsAre(1));
  EXPECT_THAT(sink_.rejects, IsEmpty());
}

TEST_F(LastLineTest, AJsonObjectThatIsClosedIsTaken) {
  EXPECT_THAT(Steps("h.jsonl", "{\"step\":1,\"loss\":9.5}\n{\"step\":2,\"loss\":3.1}"), ElementsAre(1, 2));
  EXPECT_THAT(sink_.rejects, IsEmpty());
  EXPECT_THAT(Steps("h.jsonl", "{\"step\":1,\"loss\":9.5}\n{\"step\":2,\"loss\":3.1"), ElementsAre(1));
  ExpectHalf(2);
  sink_ = KeepingSink();
  ASSERT_TRUE(
      Import(Write("r.jsonl", "{\"run_id\":\"a\",\"params_total\":5,\"tokens\":6}\n{\"run_id\":\"b")).ok());
  EXPECT_EQ(sink_.runs.size(), 1u);
  ExpectHalf(2);
}

TEST_F(LastLineTest, ARowWithAllFieldsIsTaken) {
  EXPECT_THAT(Steps("m.csv", "step,train_loss\n1,9.5\n2,3.1"), ElementsAre(1, 2));
  EXPECT_THAT(sink_.rejects, IsEmpty());
  EXPECT_THAT(sink_.notes, Contains(HasSubstr("line 3, the last, does not end in a newline")));
  EXPECT_THAT(Steps("m.csv", "step,train_loss,val_loss\n1,9.5,\n2,3.1"), ElementsAre(1));
  ExpectHalf(3);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("after 2 of 3 fields"));
  EXPECT_THAT(Steps("m.csv", "step,train_loss,val_loss\n1,9.5\n2,3.1\n"), ElementsAre(1, 2))
      << "short rows are taken where they are known to end";
  EXPECT_THAT(sink_.rejects, IsEmpty());
}

TEST_F(LastLineTest, ATableOfRunsWithoutAFinalNewlineIsWhole) {
  options_.set.clear();
  ASSERT_TRUE(Import(Write("r.csv", "run_id,params_total,tokens\na,5,6\nb,5,6")).ok());
  EXPECT_EQ(sink_.runs.size(), 2u);
  EXPECT_THAT(sink_.rejects, IsEmpty());
  sink_ = KeepingSink();
  ASSERT_TRUE(Import(Write("r.csv", "run_id,params_total,tokens,loss\na,5,6,3\nb,5,6")).ok());
  EXPECT_EQ(sink_.runs.size(), 1u);
  ExpectHalf(3);
}

}  // namespace
}  // namespace sextant::importers
