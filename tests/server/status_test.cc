// SPDX-License-Identifier: Apache-2.0
// Statuses on the wire: codes, details, caps, and exceptions that stop.
#include "server/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "fitting/refusal.h"
#include "google/rpc/error_details.pb.h"
#include "server/limits.h"

namespace sextant::server {
namespace {

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

template <typename Detail>
bool Find(const grpc::Status& status, Detail& found) {
  const google::rpc::Status details = DetailsOf(status);
  for (const auto& any : details.details()) {
    if (any.UnpackTo(&found)) return true;
  }
  return false;
}

TEST(Status, KeepsEveryCode) {
  for (int code = 1; code <= 16; ++code) {
    const auto status = ToGrpc(absl::Status(static_cast<absl::StatusCode>(code), "m"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(DetailsOf(status).code(), code);
  }
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
}

TEST(Status, ListsEveryViolation) {
  const auto status = ToGrpc(InvalidFields({{"a.b", "too big"}, {"c", "missing"}}));
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(Find(status, bad_request));
  ASSERT_EQ(bad_request.field_violations_size(), 2);
  EXPECT_EQ(bad_request.field_violations(0).field(), "a.b");
  EXPECT_EQ(bad_request.field_violations(1).description(), "missing");
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(Find(status, info));
  EXPECT_EQ(info.reason(), "INVALID_FIELD");
  EXPECT_EQ(info.domain(), "sextant");
}

TEST(Status, NamesTheResource) {
  google::rpc::ResourceInfo resource;
  const auto status = ToGrpc(MissingResource("run", "studies/s/runs/r"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(Find(status, resource));
  EXPECT_EQ(resource.resource_name(), "studies/s/runs/r");
  EXPECT_EQ(ReasonOf(MissingResource("run", "x")), "RUN_NOT_FOUND");
  EXPECT_EQ(ReasonOf(TakenResource("study", "x")), "STUDY_EXISTS");
}

TEST(Status, SaysWhenToTryAgain) {
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(Find(ToGrpc(QuotaExceeded("QUEUE_FULL", "fits", "full", 7)), retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 7);
  ASSERT_TRUE(Find(ToGrpc(TryLater("STORE_BUSY", "busy", 2)), retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
}

TEST(Status, FitsIntoTrailers) {
  std::vector<FieldViolation> violations;
  for (int i = 0; i < 1000; ++i) violations.push_back({"field" + std::to_string(i), std::string(2000, 'x')});
  const auto status = ToGrpc(InvalidFields(violations));
  EXPECT_LE(status.error_message().size(), kMaxStatusMessageBytes);
  EXPECT_LE(status.error_details().size(), kMaxStatusMessageBytes + kMaxStatusDetailsBytes);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(Find(status, info)) << "the reason must survive the cap";
  EXPECT_EQ(info.metadata().at("violations"), "1000");
}

TEST(Status, CutsNoCharacterInTwo) {
  std::string text;
  while (text.size() < 2 * kMaxStatusMessageBytes) text += "\u00e9";
  const std::string message = ToGrpc(absl::InternalError("x" + text)).error_message();
  EXPECT_EQ((message.size() - 1 - 3) % 2, 0U);
}

TEST(Status, KeepsRefusalsOfTheLibrariesInsideTheProcess) {
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(
      ToGrpc(Annotate(fitting::NotIdentifiable("N takes one value"), "fit", "f")).error_details()));
  for (const auto& detail : details.details()) EXPECT_NE(detail.type_url(), fitting::kRefusalPayload);
  ASSERT_TRUE(details.ParseFromString(ToGrpc(fitting::NotIdentifiable("N takes one value")).error_details()));
  EXPECT_EQ(details.details_size(), 0);
}

TEST(Status, StopsExceptions) {
  EXPECT_EQ(StopExceptions([]() -> absl::Status { throw std::runtime_error("boom"); }).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(StopExceptions([]() -> absl::Status { throw std::bad_alloc(); }).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(Annotate, GivesReasonsByCode) {
  const auto reason = [](absl::Status status) { return ReasonOf(Annotate(std::move(status), "fit", "f")); };
  EXPECT_EQ(reason(absl::NotFoundError("")), "FIT_NOT_FOUND");
  EXPECT_EQ(reason(fitting::NotIdentifiable("N takes one value")), "DESIGN_NOT_IDENTIFIABLE");
  EXPECT_EQ(reason(fitting::WithMessage(fitting::NotIdentifiable("N takes one value"), "study s: see there")),
            "DESIGN_NOT_IDENTIFIABLE")
      << "a wrapper that rewrites the message keeps the refusal";
  EXPECT_EQ(reason(absl::FailedPreconditionError("not identifiable: in words alone")), "PRECONDITION");
  EXPECT_EQ(reason(absl::UnavailableError("busy")), "STORE_BUSY");
  EXPECT_EQ(reason(InvalidField("a", "b")), "INVALID_FIELD") << "a reason that is there stays";
}

}  // namespace
}  // namespace sextant::server
