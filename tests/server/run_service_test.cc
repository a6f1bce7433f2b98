// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <limits>

#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using ::testing::ElementsAre;

class RunServiceTest : public ServiceTest {
 protected:
  RunServiceTest() {
    Start();
    CreateStudy("s");
    std::vector<v1::Run> rows;
    for (int i = 0; i < 5; ++i) {
      v1::Run run = SomeRun("r" + std::to_string(i), 1e8, 1e9 * (5 - i));
      run.set_schedule(i % 2 == 0 ? "cosine" : "wsd");
      (*run.mutable_tags())["sweep"] = i < 2 ? "a" : "b";
      if (i == 4) run.add_labels("edge-of-grid");
      if (i == 3) run.set_state(v1::CRASHED);
      for (int step = 0; step < 10 * i; ++step) {
        run.mutable_curve()->add_step(step);
        run.mutable_curve()->add_train_loss(static_cast<float>(10 - 0.1 * step));
      }
      rows.push_back(run);
    }
    EXPECT_EQ(Upload("s", rows).accepted(), 5);
  }

  std::vector<std::string> List(const std::string& filter, const std::string& order_by = "",
                                int page_size = 2) {
    std::vector<std::string> ids;
    v1::ListRunsRequest request;
    request.set_parent("studies/s");
    request.set_filter(filter);
    request.set_order_by(order_by);
    request.set_page_size(page_size);
    do {
      Context context;
      v1::ListRunsResponse response;
      const auto status = runs->ListRuns(&context, request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      for (const v1::Run& run : response.runs()) ids.push_back(run.run_id());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return ids;
  }
};

TEST_F(RunServiceTest, FiltersAndOrders) {
  EXPECT_THAT(List(""), ElementsAre("r0", "r1", "r2", "r3", "r4"));
  EXPECT_THAT(List("", "tokens"), ElementsAre("r4", "r3", "r2", "r1", "r0"));
  EXPECT_THAT(List("", "tokens desc"), ElementsAre("r0", "r1", "r2", "r3", "r4"));
  EXPECT_THAT(List("tokens >= 3B"), ElementsAre("r0", "r1", "r2"));
  EXPECT_THAT(List("tags.sweep = a AND schedule = wsd"), ElementsAre("r1"));
  EXPECT_THAT(List("labels:edge-of-grid"), ElementsAre("r4"));
  EXPECT_THAT(List("state = CRASHED"), ElementsAre("r3"));
  EXPECT_THAT(List("NOT state = CRASHED tokens < 4e9"), ElementsAre("r2", "r4"));
  EXPECT_THAT(List("name = studies/s/runs/r2"), ElementsAre("r2"));
  EXPECT_THAT(List("NOT sequence_length:*"), ElementsAre("r0", "r1", "r2", "r3", "r4"));
}

TEST_F(RunServiceTest, FillsOnlyWhatTheMaskNames) {
  Context one, two;
  v1::ListRunsRequest request;
  v1::ListRunsResponse response;
  request.set_parent("studies/s");
  request.mutable_read_mask()->add_paths("run_id");
  request.mutable_read_mask()->add_paths("tokens");
  ASSERT_TRUE(runs->ListRuns(&one, request, &response).ok());
  EXPECT_EQ(response.runs(0).run_id(), "r0");
  EXPECT_TRUE(response.runs(0).has_tokens());
  EXPECT_FALSE(response.runs(0).has_learning_rate());
  EXPECT_TRUE(response.runs(0).name().empty());
  request.mutable_read_mask()->add_paths("width");
  EXPECT_EQ(runs->ListRuns(&two, request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(RunServiceTest, PagesCurvesAndNeverInlinesThem) {
  Context get;
  v1::GetRunRequest run_request;
  v1::Run run;
  run_request.set_name("studies/s/runs/r4");
  ASSERT_TRUE(runs->GetRun(&get, run_request, &run).ok());
  EXPECT_EQ(run.curve_point_count(), 40);
  EXPECT_FALSE(run.has_curve());

  v1::GetCurveRequest request;
  request.set_name(run.name());
  request.set_page_size(15);
  std::vector<std::int64_t> steps;
  do {
    Context context;
    v1::GetCurveResponse response;
    ASSERT_TRUE(runs->GetCurve(&context, request, &response).ok());
    EXPECT_EQ(response.curve().train_loss_size(), response.curve().step_size());
    steps.insert(steps.end(), response.curve().step().begin(), response.curve().step().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  ASSERT_EQ(steps.size(), 40U);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(steps[static_cast<std::size_t>(i)], i);
}

TEST_F(RunServiceTest, DeletesARunOnce) {
  v1::DeleteRunRequest request;
  google::protobuf::Empty empty;
  request.set_name("studies/s/runs/r1");
  Context one, two;
  EXPECT_TRUE(runs->DeleteRun(&one, request, &empty).ok());
  EXPECT_EQ(Reason(runs->DeleteRun(&two, request, &empty)), "RUN_NOT_FOUND");
  EXPECT_THAT(List("", "", 10), ElementsAre("r0", "r2", "r3", "r4"));
}

TEST_F(RunServiceTest, LabelsRunsByTheirSweepAndKeepsOtherLabels) {
  v1::Run diverged = SomeRun("bad", 1e8, 2e9);
  diverged.set_loss_nats(std::numeric_limits<double>::infinity());
  diverged.add_labels("peak-rate-derived");
  ASSERT_EQ(Upload("s", {diverged}).accepted(), 1);
  v1::LabelRunsRequest request;
  v1::LabelRunsResponse response;
  request.set_parent("studies/s");
  request.set_validate_only(true);
  Context look, keep, twice;
  ASSERT_TRUE(runs->LabelRuns(&look, request, &response).ok());
  EXPECT_EQ(response.run_count(), 6);
  EXPECT_EQ(response.runs_by_label().at("diverged"), 1);
  EXPECT_EQ(response.runs_by_label().at("unfinished"), 1);
  EXPECT_EQ(response.cell_count(), response.cells_size());
  EXPECT_THAT(response.cells(0).labels(), ElementsAre("too-few-points"));
  EXPECT_THAT(List("labels:diverged"), ElementsAre()) << "only looked";

  request.set_validate_only(false);
  ASSERT_TRUE(runs->LabelRuns(&keep, request, &response).ok());
  EXPECT_THAT(List("labels:diverged OR labels:unfinished"), ElementsAre("bad", "r3"));
  EXPECT_THAT(List("labels:peak-rate-derived -labels:edge-of-grid"), ElementsAre("bad"));
  EXPECT_THAT(List("labels:edge-of-grid"), ElementsAre("r4")) << "came with the run";
  request.set_parent("studies/none");
  EXPECT_EQ(Reason(runs->LabelRuns(&twice, request, &response)), "STUDY_NOT_FOUND");
}

TEST_F(RunServiceTest, NamesWhatIsMissing) {
  v1::GetRunRequest request;
  v1::Run run;
  Context one, two, three;
  request.set_name("studies/s/runs/none");
  EXPECT_EQ(Reason(runs->GetRun(&one, request, &run)), "RUN_NOT_FOUND");
  request.set_name("runs/none");
  EXPECT_EQ(Reason(runs->GetRun(&two, request, &run)), "INVALID_FIELD");
  v1::ListRunsRequest list;
  v1::ListRunsResponse response;
  list.set_parent("studies/none");
  EXPECT_EQ(Reason(runs->ListRuns(&three, list, &response)), "STUDY_NOT_FOUND");
}

}  // namespace
}  // namespace sextant::server
