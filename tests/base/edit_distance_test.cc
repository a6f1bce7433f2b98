// SPDX-License-Identifier: Apache-2.0
#include "base/edit_distance.h"

#include <gtest/gtest.h>

namespace sextant {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("abc", ""), 3U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("loss", "lsos"), 2U);
}

TEST(Nearest, FindsSlipsOnly) {
  const std::vector<std::string> words{"studies", "predict", "runs"};
  EXPECT_EQ(Nearest("studeis", words), "studies");
  EXPECT_EQ(Nearest("pedict", words), "predict");
  EXPECT_EQ(Nearest("xyz", words), "");
  EXPECT_EQ(Nearest(std::string(65, 'r'), words), "") << "long words are not compared";
}

}  // namespace
}  // namespace sextant
