// SPDX-License-Identifier: Apache-2.0
#include "server/names.h"

#include <gtest/gtest.h>

namespace sextant::server {
namespace {

TEST(Names, ReadBackWhatTheyWrite) {
  EXPECT_EQ(ParseStudyName(StudyName("h100-sweep")), "h100-sweep");
  const auto run = ParseRunName(RunName("s", "d128:L4=x@1~2+3"));
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->study, "s");
  EXPECT_EQ(run->id, "d128:L4=x@1~2+3");
  EXPECT_EQ(ParseFitName(FitName("s", "lr-power-nd-0a1b2c3d"))->id, "lr-power-nd-0a1b2c3d");
  EXPECT_EQ(ParseUploadName(UploadName("s", "A_b.c-1"))->id, "A_b.c-1");
  EXPECT_EQ(ParseLawName("laws/step-law-lr"), "step-law-lr");
}

TEST(Names, RefuseWhatIsNotOne) {
  for (const char* name : {"", "studies", "studies/", "studies/A", "studies/-a", "studies/a-", "studies/a/",
                           "laws/a", "studies/a/runs/r", "/studies/a", "studies/a b"}) {
    EXPECT_FALSE(ParseStudyName(name).has_value()) << name;
  }
  for (const char* name : {"studies/a/runs/", "studies/a/runs/r/s", "studies/a/runs/r s", "studies//runs/r",
                           "studies/a/fits/f", "runs/r", "studies/a/runs"}) {
    EXPECT_FALSE(ParseRunName(name).has_value()) << name;
  }
  EXPECT_FALSE(ParseFitName("studies/a/fits/F").has_value());
  EXPECT_FALSE(ParseLawName("laws/").has_value());
}

TEST(Names, IdsHaveALength) {
  EXPECT_TRUE(IsLabel(std::string(63, 'a')));
  EXPECT_FALSE(IsLabel(std::string(64, 'a')));
  EXPECT_TRUE(IsRunId(std::string(200, 'R')));
  EXPECT_FALSE(IsRunId(std::string(201, 'R')));
  EXPECT_FALSE(IsUploadId(std::string(129, 'u')));
}

}  // namespace
}  // namespace sextant::server
