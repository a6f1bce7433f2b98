// SPDX-License-Identifier: Apache-2.0
#include "base/toml_text.h"

#include <gtest/gtest.h>

namespace sextant {
namespace {

TEST(TomlString, EscapesWhatABasicStringMayNotHold) {
  EXPECT_EQ(TomlString(""), "\"\"");
  EXPECT_EQ(TomlString("a \"b\" \\ c"), R"("a \"b\" \\ c")");
  EXPECT_EQ(TomlString("one\ntwo\tthree"), R"("one\ntwo\tthree")");
  EXPECT_EQ(TomlString(std::string_view("\x01\x1f\x7f", 3)), R"("\u0001\u001F\u007F")");
  EXPECT_EQ(TomlString("naïve"), "\"naïve\"");
}

}  // namespace
}  // namespace sextant
