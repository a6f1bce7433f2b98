// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/output/quantity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sextant::cli {
namespace {

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
