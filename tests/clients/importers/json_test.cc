// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace sextant::importers {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

double Number(const std::string& text) {
  rapidjson::Document document;
  EXPECT_THAT(ParseJson("[" + text + "]", &document), IsEmpty()) << text;
  return document.IsArray() && document.Size() == 1 ? JsonNumber(document[0]).value_or(-12345) : -54321;
}

TEST(Json, NumbersAreExact) {
  for (const double value : {0.1, -2.5e-8, 1e23, 123456789.123, 5e-324, 1.7976931348623157e308, 3.0}) {
    char text[64];
    std::snprintf(text, sizeof text, "%.17g", value);
    EXPECT_EQ(Number(text), value) << text;
  }
  EXPECT_EQ(Number("0.30000000000000004"), 0.30000000000000004);
  EXPECT_EQ(Number("-0.0"), 0);
  EXPECT_TRUE(std::signbit(Number("-0.0")));
}

TEST(Json, WholeNumbersStayWhole) {
  rapidjson::Document document;
  ASSERT_THAT(
      ParseJson("[9223372036854775807, -9223372036854775808, 18446744073709551615, 7, -7]", &document),
      IsEmpty());
  EXPECT_EQ(document[0].GetInt64(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(document[1].GetInt64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(document[2].GetUint64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(document[3].IsInt());
  EXPECT_TRUE(document[4].IsInt());
  EXPECT_EQ(Number("99999999999999999999"), 1e20);
}

TEST(Json, NanAndInfinityAreNumbers) {
  EXPECT_TRUE(std::isnan(Number("NaN")));
  EXPECT_EQ(Number("Infinity"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(Number("-Infinity"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(Number("-Inf"), -std::numeric_limits<double>::infinity());
}

// Hundreds of zeros once led the conversion out of its tables.
TEST(Json, LongNumbersAreReadToTheEnd) {
  const std::string zeros(400, '0');
  EXPECT_EQ(Number("0." + zeros), 0);
  EXPECT_EQ(Number("0." + zeros + "5"), 0);
  EXPECT_EQ(Number("0." + zeros + "5e401"), 5);
  EXPECT_EQ(Number("1e-400"), 0);
  EXPECT_EQ(Number("1" + std::string(300, '0')), 1e300);
  EXPECT_EQ(Number("0." + std::string(200'000, '3')), 1.0 / 3);
}

TEST(Json, RefusesWhatIsNoNumberSayingWhere) {
  rapidjson::Document document;
  EXPECT_THAT(ParseJson("{\"a\": 1e400}", &document), HasSubstr("too big"));
  EXPECT_THAT(ParseJson("{\"a\": 1" + std::string(400, '0') + "}", &document), HasSubstr("too big"));
  for (const char* text : {"{\"a\": 01}", "{\"a\": +1}", "{\"a\": 1.}", "{\"a\": .5}", "{\"a\": nan}",
                           "{\"a\": -}", "{\"a\": 1} x", "", "{\"a\": \"\xff\"}"}) {
    EXPECT_THAT(ParseJson(text, &document), HasSubstr("not JSON at byte")) << text;
  }
}

}  // namespace
}  // namespace sextant::importers
