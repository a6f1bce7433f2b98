#include "clients/cli/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "clients/cli/output/quantity.h"

namespace sextant::cli {
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

TEST(Quantity, ShowsFourDigitsReadably) {
  EXPECT_EQ(FormatNumber(0.0019333), "0.001933");
  EXPECT_EQ(FormatNumber(1.94e-5), "1.94e-5");
  EXPECT_EQ(FormatNumber(3.2e15), "3.2e15");
  EXPECT_EQ(FormatCount(214663680), "214.7M");
  EXPECT_EQ(FormatCount(1e11), "100B");
  EXPECT_EQ(FormatCount(999999), "1M");
  EXPECT_EQ(FormatCount(512), "512");
  EXPECT_EQ(FormatCount(1.4e12), "1.4T");
  EXPECT_EQ(FormatInterval(1.0, std::nullopt, false), "");
  EXPECT_EQ(FormatInterval(0.00123456, 0.0023456, false), "[0.00123, 0.00235]");
  EXPECT_EQ(FormatNumber(std::nan("")), "nan");
  EXPECT_EQ(FormatNumber(-std::numeric_limits<double>::infinity()), "-inf");
}

}  // namespace
}  // namespace sextant::cli
