// SPDX-License-Identifier: Apache-2.0
#include "base/run_field_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "tests/test_paths.h"

namespace sextant {
namespace {

const char* ValuesText(NumberRule rule) {
  switch (rule) {
    case NumberRule::kPositive:
    case NumberRule::kLoss:
      return "above 0";
    case NumberRule::kNonNegative:
      return "0 or more";
    case NumberRule::kFraction:
      return "from 0, below 1";
  }
  return "";
}

std::string DocumentedLine(const RunQuantity& quantity) {
  const std::string unit = quantity.unit;
  return "| `" + std::string(quantity.name) + "` | " + (unit.empty() ? "-" : unit) + " | " +
         ValuesText(quantity.rule) + " | " + quantity.meaning + " |";
}

// The lines of the page's table of quantities.
std::string DocumentedTable(const std::string& page) {
  std::istringstream lines(
      page.substr(page.find("## Quantities"), page.find("## To add") - page.find("## Q")));
  std::string table, line;
  while (std::getline(lines, line)) {
    if (line.rfind("| `", 0) == 0) table += line + "\n";
  }
  return table;
}

TEST(RunFieldTableTest, EveryMemberHasOneEntry) {
  // Members of one type and nothing else: the size tells how many there are.
  EXPECT_EQ(sizeof(RunQuantities<double>), kRunQuantities.size() * sizeof(double));
  RunQuantities<double> numbers;
  RunQuantities<std::optional<double>> imported;
  for (const RunQuantity& quantity : kRunQuantities) {
    EXPECT_TRUE(numbers.*quantity.value != numbers.*quantity.value) << quantity.name << " stands there twice";
    EXPECT_FALSE((imported.*quantity.imported).has_value()) << quantity.name << " stands there twice";
    numbers.*quantity.value = 1;
    imported.*quantity.imported = 1;
    EXPECT_STREQ(QuantityOf(quantity.value).name, quantity.name);
  }
}

TEST(RunFieldTableTest, NamesColumnsAndAliasesAreNotUsedTwice) {
  std::set<std::string> names, columns;
  for (const RunField& field : kRunFields) {
    EXPECT_TRUE(columns.insert(field.column).second) << field.column;
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
    std::istringstream aliases(field.aliases);
    for (std::string alias; aliases >> alias;) EXPECT_TRUE(names.insert(alias).second) << alias;
  }
}

TEST(RunFieldTableTest, ThePageOfFieldsShowsTheTable) {
  std::ifstream file(std::string(SEXTANT_SOURCE_DIR) + "/docs/run_fields.md");
  std::stringstream page;
  page << file.rdbuf();
  std::string expected;
  for (const RunQuantity& quantity : kRunQuantities) expected += DocumentedLine(quantity) + "\n";
  EXPECT_EQ(DocumentedTable(page.str()), expected);
}

}  // namespace
}  // namespace sextant
