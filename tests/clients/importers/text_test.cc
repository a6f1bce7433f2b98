// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "clients/importers/identity.h"

namespace sextant::importers {
namespace {

TEST(Text, ParsesNumbersAsFilesWriteThem) {
  EXPECT_EQ(ParseDouble(" 1.5e-3 "), 1.5e-3);
  EXPECT_EQ(ParseDouble("+2"), 2);
  EXPECT_EQ(ParseDouble("-Infinity"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseDouble("1e400"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseDouble("1e-400"), 0);
  EXPECT_TRUE(std::isnan(*ParseDouble("NaN")));
  for (const char* text : {"", " ", "1,5", "0x10", "1 2", "+-1", "++1", "e5", "1e", "seven"}) {
    EXPECT_FALSE(ParseDouble(text).has_value()) << text;
  }
}

TEST(Text, FormatsNumbersThatReadBack) {
  for (const double value : {0.1, 1e22, 214663680.0, 5e-324, 1.7976931348623157e308}) {
    EXPECT_EQ(ParseDouble(FormatRoundTrip(value)), value);
  }
}

TEST(Text, KnowsValidUtf8) {
  EXPECT_TRUE(IsValidUtf8("naïve β 模"));
  EXPECT_FALSE(IsValidUtf8("\xC0\x80"));          // overlong
  EXPECT_FALSE(IsValidUtf8("\xED\xA0\x80"));      // surrogate
  EXPECT_FALSE(IsValidUtf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
  EXPECT_FALSE(IsValidUtf8("caf\xE9"));
  EXPECT_FALSE(IsValidUtf8("\xE2\x82"));
}

TEST(Text, QuotesWithoutLettingTerminalCodesThrough) {
  EXPECT_EQ(Quoted("a\033[31m\nb"), "'a\\x1b[31m\\x0ab'");
  EXPECT_EQ(Quoted("\xC2\x9Bx"), "'\\u{9b}x'");
  EXPECT_EQ(Quoted(std::string(100, 'x'), 4), "'xxxx…'");
}

TEST(Identity, KeepsNamesThatAreIdsAndTellsOthersApart) {
  ImportedRun plain, spaced, slashed;
  SetRunId("d128-lr1e-3", &plain);
  SetRunId("a b", &spaced);
  SetRunId("a/b", &slashed);
  EXPECT_EQ(plain.run_id, "d128-lr1e-3");
  EXPECT_TRUE(plain.tags.empty());
  EXPECT_TRUE(IsRunId(spaced.run_id));
  EXPECT_NE(spaced.run_id, slashed.run_id);
  EXPECT_EQ(spaced.tags.at("run_name"), "a b");
}

}  // namespace
}  // namespace sextant::importers
