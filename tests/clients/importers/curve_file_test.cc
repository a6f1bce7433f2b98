// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/curve_file.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/clients/importers/import_fixture.h"

namespace sextant::importers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CurveFileTest : public ImportTest {
 protected:
  void ImportWithCurves(const std::string& runs, const std::string& curves) {
    auto opened = CurveFile::Open(Write("curves.csv", curves));
    ASSERT_TRUE(opened.ok()) << opened.status();
    options_.curves = opened->get();
    ASSERT_TRUE(Import(Write("runs.csv", runs)).ok());
    (*opened)->RejectUnclaimed(!options_.map.empty(), sink_);
  }
};

TEST_F(CurveFileTest, AttachesCurvesWhateverTheOrderOfTheRuns) {
  ImportWithCurves("run_id,params_total,tokens\nb,1,100\na,1,100\nc,1,100\n",
                   "run_id,step,tokens,train_loss_nats\na,1,10,5\na,2,20,4\nb,1,10,6\na,3,30,3\n");
  ASSERT_EQ(sink_.runs.size(), 3u);
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1));
  EXPECT_THAT(sink_.runs[1].curve->step, ElementsAre(1, 2, 3));
  EXPECT_THAT(sink_.runs[1].curve->train_loss, ElementsAre(5, 4, 3));
  EXPECT_THAT(sink_.runs[1].curve->tokens, ElementsAre(10, 20, 30));
  EXPECT_FALSE(sink_.runs[2].curve.has_value());
  EXPECT_TRUE(sink_.rejects.empty());
}

TEST_F(CurveFileTest, RejectsRowsThatCannotBeReadAndCurvesOfNoRun) {
  ImportWithCurves("run_id,params_total,tokens\na,1,100\n",
                   "run_id,step,train_loss\na,1,5\na,x,4\n,3,3\na,4,2\nz,1,1\nz,2,1\n");
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1, 4));
  ASSERT_EQ(sink_.rejects.size(), 3u);
  EXPECT_EQ(sink_.rejects[0].line, 3);
  EXPECT_EQ(sink_.rejects[1].line, 4);
  EXPECT_EQ(sink_.rejects[1].reason, "run_id is missing");
  EXPECT_EQ(sink_.rejects[2].line, 6);
  EXPECT_THAT(sink_.rejects[2].reason, HasSubstr("'z' belongs to no run"));
}

TEST_F(CurveFileTest, SaysHowRunsGetTheIdsThatCurvesName) {
  const std::string curves = "run_id,step,train_loss\na,1,5\n";
  ImportWithCurves("name,params_total,tokens\na,1,100\n", curves);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("a run without a curve is called 'r-"));
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("call the column with its id run_id"));
  sink_ = KeepingSink();
  Map("params_total=N");
  Map("tokens=D");
  ImportWithCurves("run_id,N,D\na,1,100\n", curves);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("no column is mapped to its id: --map run_id=COLUMN"));
  sink_ = KeepingSink();
  Map("run_id=run_id");
  ImportWithCurves("run_id,N,D\na,1,100\n", curves);
  EXPECT_TRUE(sink_.rejects.empty());
  ImportWithCurves("run_id,N,D\nb,1,100\n", curves);
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("a run without a curve is called 'b'"));
}

TEST_F(CurveFileTest, LetsALaterSegmentWinAfterARestart) {
  ImportWithCurves("run_id,params_total,tokens,batch_size_tokens\na,1,100,8\n",
                   "run_id,step,train_loss\na,1,5\na,2,4\na,3,3\na,2,3.5\na,4,2\n");
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1, 2, 4));
  EXPECT_THAT(sink_.runs[0].curve->train_loss, ElementsAre(5, 3.5, 2));
  EXPECT_THAT(sink_.runs[0].curve->tokens, ElementsAre(8, 16, 32));
  EXPECT_THAT(sink_.runs[0].labels, ElementsAre("restarted"));
}

TEST_F(CurveFileTest, SortsRowsThatAreInNoOrder) {
  ImportWithCurves("run_id,params_total,tokens\na,1,100\n",
                   "run_id,step,train_loss\na,6,1\na,5,2\na,4,3\na,3,4\na,2,5\na,1,6\n");
  EXPECT_THAT(sink_.runs[0].curve->step, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(sink_.runs[0].curve->train_loss, ElementsAre(6, 5, 4, 3, 2, 1));
  EXPECT_TRUE(sink_.runs[0].labels.empty());
  EXPECT_TRUE(sink_.rejects.empty());
}

TEST_F(CurveFileTest, JoinsRowsOfTheSameStep) {
  ImportWithCurves("run_id,params_total,tokens\na,1,100\n",
                   "run_id,step,train_loss,val_loss\na,5,3,\na,5,,3.5\na,6,nan,\n");
  const ImportedCurve& curve = *sink_.runs[0].curve;
  EXPECT_THAT(curve.step, ElementsAre(5, 6));
  EXPECT_EQ(curve.train_loss[0], 3);
  EXPECT_EQ(curve.validation_loss[0], 3.5);
  EXPECT_TRUE(std::isnan(curve.train_loss[1]));
  EXPECT_TRUE(curve.tokens.empty());
}

TEST_F(CurveFileTest, SaysWhichColumnIsMissing) {
  const auto opened = CurveFile::Open(Write("curves.csv", "run_id,loss\na,3\n"));
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("has no column step"));
}

}  // namespace
}  // namespace sextant::importers
