#include <gmock/gmock.h>

#include "server/limits.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using ::testing::HasSubstr;

constexpr char kMyLaw[] = R"(
id = "my-lr"
title = "A rate of our own"
target = "learning-rate"
expression = "c * N^a"
status = "VERIFIED-S"
citation = "a lab book"

[[variables]]
name = "N"
unit = "parameters"
counting = "total"

[[parameters]]
name = "c"
value = 0.5
transform = "log"

[[parameters]]
name = "a"
value = -0.25
)";

class LawServiceTest : public ServiceTest {
 protected:
  LawServiceTest() { Start(); }
  grpc::Status Create(const std::string& toml, v1::Law& law) {
    Context context;
    v1::CreateLawRequest request;
    request.set_toml(toml);
    return laws->CreateLaw(&context, request, &law);
  }
  grpc::Status Delete(const std::string& name) {
    Context context;
    v1::DeleteLawRequest request;
    google::protobuf::Empty empty;
    request.set_name(name);
    return laws->DeleteLaw(&context, request, &empty);
  }
};

TEST_F(LawServiceTest, ListsTheCatalogueInPages) {
  v1::ListLawsRequest request;
  request.set_page_size(7);
  std::vector<std::string> names;
  do {
    Context context;
    v1::ListLawsResponse response;
    ASSERT_TRUE(laws->ListLaws(&context, request, &response).ok());
    for (const v1::Law& law : response.laws()) {
      names.push_back(law.name());
      EXPECT_TRUE(law.built_in());
      EXPECT_FALSE(law.toml().empty());
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THAT(names, ::testing::Contains("laws/step-law-lr"));
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST_F(LawServiceTest, ListsByWhatIsPredicted) {
  Context context;
  v1::ListLawsRequest request;
  v1::ListLawsResponse response;
  request.set_predicts("batch_size_tokens");
  ASSERT_TRUE(laws->ListLaws(&context, request, &response).ok());
  EXPECT_GT(response.laws_size(), 0);
  for (const v1::Law& law : response.laws()) EXPECT_EQ(law.predicts(), "batch_size_tokens");
}

TEST_F(LawServiceTest, TakesAUsersLawAndKeepsIt) {
  v1::Law law;
  ASSERT_TRUE(Create(kMyLaw, law).ok());
  EXPECT_EQ(law.name(), "laws/my-lr");
  EXPECT_FALSE(law.built_in());
  EXPECT_EQ(Reason(Create(kMyLaw, law)), "LAW_EXISTS");
  Restart();
  v1::PredictRequest request;
  v1::PredictResponse response;
  request.set_params(1e8);
  request.set_tokens(1e9);
  request.add_laws("my-lr");
  Context context;
  const auto status = predictions->Predict(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_DOUBLE_EQ(response.predictions(0).learning_rate().value(), 0.5 * 0.01);
  EXPECT_TRUE(Delete("laws/my-lr").ok());
  EXPECT_EQ(Reason(Delete("laws/my-lr")), "LAW_NOT_FOUND");
}

TEST_F(LawServiceTest, PointsAtWhatIsWrong) {
  v1::Law law;
  std::string broken = kMyLaw;
  broken.replace(broken.find("c * N^a"), 7, "c * M^a");
  const grpc::Status status = Create(broken, law);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("M"));
  EXPECT_EQ(Create("this is not toml", law).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Create(std::string(kMaxLawBytes + 1, '#'), law).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(LawServiceTest, KeepsWhatShips) { EXPECT_EQ(Reason(Delete("laws/step-law-lr")), "LAW_BUILT_IN"); }

}  // namespace
}  // namespace sextant::server
