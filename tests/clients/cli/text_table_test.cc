// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/output/text_table.h"

#include <gtest/gtest.h>

namespace sextant::cli {
namespace {

TEST(TextTable, AlignsCharactersNotBytesAndKeepsLinesOfACellTogether) {
  TextTable table({{"name", false}, {"value", true}});
  table.Add({"β", "1"});
  table.Add({"two", "22\nmore"});
  EXPECT_EQ(table.Render(false),
            "NAME  VALUE\n"
            "β         1\n"
            "two      22\n"
            "       more\n");
}

TEST(TextTable, EscapesMarkdown) {
  TextTable table({{"a", false}, {"b", true}});
  table.Add({"x|y", "1\n2"});
  EXPECT_EQ(table.RenderMarkdown(), "| a | b |\n| --- | ---: |\n| x\\|y | 1<br>2 |\n");
}

TEST(TextTable, QuotesDelimitedFields) {
  EXPECT_EQ(DelimitedLine({"a,b", "say \"x\"", "plain", "l1\nl2"}, ','),
            "\"a,b\",\"say \"\"x\"\"\",plain,\"l1\nl2\"\n");
  EXPECT_EQ(DelimitedLine({"a,b", "c\td"}, '\t'), "a,b\t\"c\td\"\n");
}

TEST(TextTable, MakesTextOfStrangersHarmless) {
  const std::string hostile = "a\x1b[31m\xc2\x9b\xe2\x80\xae\r";
  const std::string harmless = "a\\x1b[31m\\u{9b}\\u{202e}\\x0d";
  EXPECT_EQ(DelimitedLine({hostile}, ','), harmless + "\n");
  TextTable table({{"a", false}});
  table.Add({hostile});
  EXPECT_EQ(table.Render(false), "A\n" + harmless + "\n");
  EXPECT_EQ(RenderPairs({{"a", hostile}}, false), "a  " + harmless + "\n");
}

TEST(TextTable, LeavesNothingForASpreadsheetToCompute) {
  EXPECT_EQ(DelimitedLine({"=1+1", "@x", "-1.5e-3", "+2", "-x"}, '\t'), "'=1+1\t'@x\t-1.5e-3\t+2\t'-x\n");
}

}  // namespace
}  // namespace sextant::cli
