// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/flag_terms.h"

#include <gtest/gtest.h>

namespace sextant::cli {
namespace {

TEST(FlagTerms, FieldsBecomeFlags) {
  EXPECT_EQ(InFlagTerms("needs a batch size: give batch_size_tokens"),
            "needs a batch size: give --batch-size-tokens");
  EXPECT_EQ(InFlagTerms("needs D: give tokens or at[D]"), "needs D: give --tokens or --at D=NUMBER");
  EXPECT_EQ(InFlagTerms("the limit is 3x (max_extrapolation)"), "the limit is 3x (--max-extrapolation)");
  EXPECT_EQ(InFlagTerms("Declare it (UpdateStudy: U), or (columns[U])"),
            "Declare it (`sextant studies declare STUDY --variable U:UNIT`), or (--map U=NAME)");
}

TEST(FlagTerms, OtherTextStays) {
  for (const char* text :
       {"", "D = 4 tokens", "curve: at[1] is 0", "that[0] or at[", "the loss is at its best", "format[x]"})
    EXPECT_EQ(InFlagTerms(text), text);
}

}  // namespace
}  // namespace sextant::cli
