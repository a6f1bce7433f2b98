// SPDX-License-Identifier: Apache-2.0
#include "base/declared_name.h"

#include <gtest/gtest.h>

#include <string>

namespace sextant {
namespace {

TEST(DeclaredName, TakesWordsOfLaws) {
  for (const char* name : {"r", "U", "x", "k", "P", "error_rate", "ratio2", "_hidden", "eta"}) {
    EXPECT_EQ(WrongDeclaredName(name), "") << name;
  }
  EXPECT_EQ(WrongDeclaredName(std::string(kMaxDeclaredNameBytes, 'a')), "");
}

TEST(DeclaredName, RefusesWhatIsNoWord) {
  for (const char* name :
       {"", "2r", "a b", "r-1", "r.x", "\xC3\xA4", "r\n", "'; DROP TABLE runs; --", "tags.r"}) {
    EXPECT_NE(WrongDeclaredName(name), "") << name;
  }
  EXPECT_NE(WrongDeclaredName(std::string(kMaxDeclaredNameBytes + 1, 'a')), "");
  EXPECT_LT(WrongDeclaredName(std::string(1 << 20, 'a')).size(), 200U) << "the message is bounded";
}

TEST(DeclaredName, RefusesWhatStandsForAFieldAlready) {
  for (const char* name : {"tokens", "loss_nats", "loss", "lr", "run_id", "state", "seed", "N", "D", "C", "B",
                           "S", "L", "name", "tags", "labels", "AND"}) {
    EXPECT_NE(WrongDeclaredName(name), "") << name;
  }
  EXPECT_NE(WrongDeclaredName("D").find("tokens"), std::string::npos) << "it says what the name means";
  EXPECT_NE(WrongDeclaredName("lr").find("learning_rate"), std::string::npos);
}

}  // namespace
}  // namespace sextant
