// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>

#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

class StudyServiceTest : public ServiceTest {
 protected:
  StudyServiceTest() { Start(); }

  std::vector<std::string> List(int page_size) {
    std::vector<std::string> names;
    v1::ListStudiesRequest request;
    request.set_page_size(page_size);
    for (int pages = 0; pages < 100; ++pages) {
      Context context;
      v1::ListStudiesResponse response;
      EXPECT_TRUE(studies->ListStudies(&context, request, &response).ok());
      EXPECT_LE(response.studies_size(), page_size);
      for (const auto& study : response.studies()) names.push_back(study.name());
      request.set_page_token(response.next_page_token());
      if (response.next_page_token().empty()) return names;
    }
    ADD_FAILURE() << "the pages never end";
    return names;
  }
};

TEST_F(StudyServiceTest, CreatesOnceAndKeepsAcrossRestarts) {
  v1::CreateStudyRequest request;
  v1::Study made, got;
  request.set_study_id("a");
  request.mutable_study()->set_title("Title");
  request.mutable_study()->set_param_count(v1::TOTAL);
  Context first, second;
  ASSERT_TRUE(studies->CreateStudy(&first, request, &made).ok());
  EXPECT_EQ(made.name(), "studies/a");
  EXPECT_EQ(made.param_count(), v1::TOTAL);
  EXPECT_GT(made.create_time().seconds(), 0);
  const auto again = studies->CreateStudy(&second, request, &made);
  EXPECT_EQ(again.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Reason(again), "STUDY_EXISTS");
  Restart();
  Context third;
  v1::GetStudyRequest get;
  get.set_name("studies/a");
  ASSERT_TRUE(studies->GetStudy(&third, get, &got).ok());
  EXPECT_EQ(got.title(), "Title");
}

TEST_F(StudyServiceTest, AnswersARepeatedRequestWithTheFirstAnswer) {
  v1::CreateStudyRequest request;
  v1::Study first, second;
  request.set_study_id("a");
  request.set_request_id("3f0c8a");
  Context one, two, three;
  ASSERT_TRUE(studies->CreateStudy(&one, request, &first).ok());
  ASSERT_TRUE(studies->CreateStudy(&two, request, &second).ok());
  EXPECT_EQ(first.DebugString(), second.DebugString());
  request.set_study_id("b");
  EXPECT_EQ(Reason(studies->CreateStudy(&three, request, &second)), "REQUEST_ID_REUSED");
}

TEST_F(StudyServiceTest, ValidateOnlyStoresNothing) {
  v1::CreateStudyRequest request;
  v1::Study study;
  request.set_study_id("a");
  request.set_validate_only(true);
  Context one, two;
  EXPECT_TRUE(studies->CreateStudy(&one, request, &study).ok());
  v1::GetStudyRequest get;
  get.set_name("studies/a");
  EXPECT_EQ(Reason(studies->GetStudy(&two, get, &study)), "STUDY_NOT_FOUND");
}

TEST_F(StudyServiceTest, UpdatesUnderAnEtag) {
  CreateStudy("a");
  v1::UpdateStudyRequest request;
  v1::Study study;
  request.mutable_study()->set_name("studies/a");
  request.mutable_study()->set_title("one");
  {
    Context context;
    ASSERT_TRUE(studies->UpdateStudy(&context, request, &study).ok());
    EXPECT_EQ(study.title(), "one");
  }
  const std::string etag = study.etag();
  request.mutable_study()->set_etag(etag);
  request.mutable_study()->set_title("two");
  {
    Context context;
    ASSERT_TRUE(studies->UpdateStudy(&context, request, &study).ok());
    EXPECT_NE(study.etag(), etag);
  }
  {
    Context context;
    const auto stale = studies->UpdateStudy(&context, request, &study);
    EXPECT_EQ(stale.error_code(), grpc::StatusCode::ABORTED);
    EXPECT_EQ(Reason(stale), "ETAG_MISMATCH");
  }
  Context context;
  v1::DeleteStudyRequest remove;
  google::protobuf::Empty empty;
  remove.set_name("studies/a");
  remove.set_etag(etag);
  EXPECT_EQ(Reason(studies->DeleteStudy(&context, remove, &empty)), "ETAG_MISMATCH");
}

TEST_F(StudyServiceTest, ListsInOrderWithThePublishedLawsAtEveryPageSize) {
  for (const char* id : {"alpha", "beta", "pub", "published-2", "zeta"}) CreateStudy(id);
  const std::vector<std::string> all = {"studies/alpha",     "studies/beta",        "studies/pub",
                                        "studies/published", "studies/published-2", "studies/zeta"};
  for (int size = 1; size <= 8; ++size) EXPECT_EQ(List(size), all) << "page size " << size;
}

TEST_F(StudyServiceTest, ListsThePublishedLawsFirstLastAndAlone) {
  for (int size = 1; size <= 3; ++size) EXPECT_EQ(List(size), std::vector<std::string>{"studies/published"});
  CreateStudy("a");
  for (int size = 1; size <= 3; ++size) {
    EXPECT_EQ(List(size), (std::vector<std::string>{"studies/a", "studies/published"})) << size;
  }
}

TEST_F(StudyServiceTest, RefusesATokenOfAnotherRequest) {
  CreateStudy("a");
  v1::ListStudiesRequest request;
  v1::ListStudiesResponse response;
  request.set_page_size(1);
  Context one, two;
  ASSERT_TRUE(studies->ListStudies(&one, request, &response).ok());
  v1::ListRunsRequest other;
  v1::ListRunsResponse ignored;
  other.set_parent("studies/a");
  other.set_page_token(response.next_page_token());
  EXPECT_EQ(runs->ListRuns(&two, other, &ignored).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StudyServiceTest, RefusesToChangeThePublishedStudy) {
  Context one, two, three, four;
  v1::Study study;
  google::protobuf::Empty empty;
  v1::CreateStudyRequest create;
  create.set_study_id("published");
  EXPECT_EQ(studies->CreateStudy(&one, create, &study).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  v1::DeleteStudyRequest remove;
  remove.set_name("studies/published");
  EXPECT_EQ(Reason(studies->DeleteStudy(&two, remove, &empty)), "STUDY_READ_ONLY");
  v1::CreateFitRequest fit;
  v1::Fit made;
  fit.set_parent("studies/published");
  fit.set_law("lr-power-nd");
  EXPECT_EQ(Reason(fits->CreateFit(&three, fit, &made)), "STUDY_READ_ONLY");
  v1::GetStudyRequest get;
  get.set_name("studies/published");
  ASSERT_TRUE(studies->GetStudy(&four, get, &study).ok());
  EXPECT_TRUE(study.read_only());
  EXPECT_GT(study.fit_count(), 5);
}

TEST_F(StudyServiceTest, DeletesAStudyWithEverythingInIt) {
  CreateStudy("a");
  Upload("a", {SomeRun("r1")}, "u1");
  Context one, two, three;
  v1::DeleteStudyRequest remove;
  google::protobuf::Empty empty;
  remove.set_name("studies/a");
  ASSERT_TRUE(studies->DeleteStudy(&one, remove, &empty).ok());
  CreateStudy("a");
  v1::ListRunsRequest list;
  v1::ListRunsResponse listed;
  list.set_parent("studies/a");
  ASSERT_TRUE(runs->ListRuns(&two, list, &listed).ok());
  EXPECT_EQ(listed.runs_size(), 0);
  v1::GetUploadRequest get;
  v1::Upload upload;
  get.set_name("studies/a/uploads/u1");
  EXPECT_EQ(runs->GetUpload(&three, get, &upload).error_code(), grpc::StatusCode::NOT_FOUND)
      << "an upload into the earlier study must not make a client skip chunks";
  EXPECT_EQ(Upload("a", {SomeRun("r1")}, "u1").accepted(), 1);
}

}  // namespace
}  // namespace sextant::server
