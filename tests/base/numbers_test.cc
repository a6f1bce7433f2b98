// SPDX-License-Identifier: Apache-2.0
#include "base/numbers.h"

#include <gtest/gtest.h>

namespace sextant {
namespace {

TEST(Numbers, AcceptsWhatPeopleWrite) {
  EXPECT_EQ(ParseNumber("7B"), 7e9);
  EXPECT_EQ(ParseNumber("7G"), 7e9);
  EXPECT_EQ(ParseNumber("1.4T"), 1.4e12);
  EXPECT_EQ(ParseNumber("512K"), 512000);
  EXPECT_EQ(ParseNumber("512k"), 512000);
  EXPECT_EQ(ParseNumber("0.1M"), 1e5);
  EXPECT_EQ(ParseNumber("2^20"), 1048576);
  EXPECT_EQ(ParseNumber("7e9"), 7e9);
  EXPECT_EQ(ParseNumber("+7e9"), 7e9);
  EXPECT_EQ(ParseNumber("-3.5"), -3.5);
  EXPECT_EQ(ParseNumber("1e3M"), 1e9);
}

TEST(Numbers, RefusesEverythingElse) {
  for (const char* text : {"", "B", "7BB", "7 B", "seven", "1,000", "nan", "inf", "1e400", "2^", "^2",
                           "2^2^2", "10^400", "0x10", "7Bx", "--7", "+-7", "-nan"}) {
    EXPECT_FALSE(ParseNumber(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace sextant
