// SPDX-License-Identifier: Apache-2.0
#include "server/page_token.h"

#include <gtest/gtest.h>

namespace sextant::server {
namespace {

TEST(PageToken, CarriesTheKeyOfTheSameRequest) {
  const std::string key("\x00\xff key", 6);
  const std::string token = MakePageToken({"ListRuns", "studies/a", "tokens>1"}, key);
  auto read = ReadPageToken({"ListRuns", "studies/a", "tokens>1"}, token);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, key);
}

TEST(PageToken, IsRefusedWithOtherArguments) {
  const std::string token = MakePageToken({"ListRuns", "studies/a", ""}, "k");
  EXPECT_FALSE(ReadPageToken({"ListRuns", "studies/b", ""}, token).ok());
  EXPECT_FALSE(ReadPageToken({"ListRuns", "studies/a", "tokens>1"}, token).ok());
  // Arguments that run together are other arguments.
  EXPECT_FALSE(ReadPageToken({"ListRuns", "studies/", "a"}, token).ok());
}

TEST(PageToken, IsRefusedWhenMadeUp) {
  for (const char* token : {"x", "AAAA", "!!!!", "AAAAAAAAAAA="}) {
    EXPECT_FALSE(ReadPageToken({"ListRuns"}, token).ok()) << token;
  }
  EXPECT_FALSE(ReadPageToken({"ListRuns"}, std::string(100000, 'A')).ok());
}

TEST(PageToken, EmptyIsTheOnlyEndMark) {
  EXPECT_EQ(MakePageToken({"ListRuns"}, ""), "");
  EXPECT_EQ(*ReadPageToken({"ListRuns"}, ""), "");
}

TEST(PageSize, IsCappedDefaultedAndNeverNegative) {
  EXPECT_EQ(*PageSize(0, 50, 1000), 50);
  EXPECT_EQ(*PageSize(7, 50, 1000), 7);
  EXPECT_EQ(*PageSize(5000, 50, 1000), 1000);
  EXPECT_FALSE(PageSize(-1, 50, 1000).ok());
}

}  // namespace
}  // namespace sextant::server
