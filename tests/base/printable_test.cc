// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <gtest/gtest.h>

#include <string>

namespace sextant {
namespace {

TEST(Printable, LeavesTextAlone) {
  const std::string text = "Größe 模型 – ελ \\ \"quoted\" \xF0\x9F\x98\x80";
  EXPECT_EQ(Printable(text), text);
}

TEST(Printable, EscapesWhatDrivesATerminalOrCannotBeSeen) {
  EXPECT_EQ(Printable(std::string("\x1b[31m\r\n\t\x7f\0", 9)), "\\x1b[31m\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(Printable(std::string(1, '\0')), "\\x00");
  EXPECT_EQ(Printable("\xC2\x9B"), "\\u{9b}");
  EXPECT_EQ(Printable("\xE2\x80\xAE\xE2\x81\xA6\xE2\x80\x8F\xEF\xBB\xBF"),
            "\\u{202e}\\u{2066}\\u{200f}\\u{feff}");
  EXPECT_EQ(Printable("\xE2\x80\xA8"), "\\u{2028}");
}

TEST(Printable, EscapesBytesThatAreNoUtf8) {
  EXPECT_EQ(Printable("a\xFF"
                      "b"),
            "a\\xffb");
  EXPECT_EQ(Printable("\xC0\x9B"), "\\xc0\\x9b");           // overlong
  EXPECT_EQ(Printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(Printable("\xE2\x80"), "\\xe2\\x80");           // cut off
}

TEST(Printable, IsTheSameOnceMore) {
  const std::string once = Printable("\x1b\xC2\x9B\xE2\x80\xAE\xFF");
  EXPECT_EQ(Printable(once), once);
}

}  // namespace
}  // namespace sextant
