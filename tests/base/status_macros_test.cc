// SPDX-License-Identifier: Apache-2.0
#include "base/status_macros.h"

#include <gtest/gtest.h>

#include <memory>

namespace sextant {
namespace {

int calls = 0;
absl::Status Count(absl::Status status) {
  ++calls;
  return status;
}

absl::Status Both(const absl::Status& first, const absl::Status& second) {
  RETURN_IF_ERROR(Count(first));
  RETURN_IF_ERROR(Count(second));
  return absl::OkStatus();
}

TEST(ReturnIfError, StopsAtTheFirstErrorAndEvaluatesOnce) {
  calls = 0;
  EXPECT_EQ(Both(absl::NotFoundError("a"), absl::InternalError("b")), absl::NotFoundError("a"));
  EXPECT_EQ(calls, 1);
  calls = 0;
  EXPECT_TRUE(Both(absl::OkStatus(), absl::OkStatus()).ok());
  EXPECT_EQ(calls, 2);
}

absl::StatusOr<int> Plus(absl::StatusOr<std::unique_ptr<int>> a, absl::StatusOr<int> b) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> first, std::move(a));
  int second = 0;
  ASSIGN_OR_RETURN(second, b);
  return *first + second;
}

TEST(AssignOrReturn, DeclaresOrAssignsAndMovesTheValue) {
  EXPECT_EQ(*Plus(std::make_unique<int>(2), 3), 5);
  EXPECT_EQ(Plus(absl::AbortedError("a"), 3).status(), absl::AbortedError("a"));
  EXPECT_EQ(Plus(std::make_unique<int>(2), absl::DataLossError("b")).status(), absl::DataLossError("b"));
}

}  // namespace
}  // namespace sextant
