// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/settings_yaml.h"

#include <gmock/gmock.h>

#include "clients/importers/limits.h"

namespace sextant::importers {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(SettingsYaml, ReadsNestedScalarsAndUnwrapsValues) {
  const auto settings = ParseSettingsYaml(
      "lr: 6e-4\nmodel: {depth: 4, name: 'a b'}\nlist: [1, 2]\n_wandb:\n  value: 1\nbatch:\n  desc: null\n  "
      "value: 8\n");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_THAT(*settings, ElementsAre(Pair("batch", "8"), Pair("lr", "6e-4"), Pair("model.depth", "4"),
                                     Pair("model.name", "a b")));
}

TEST(SettingsYaml, RefusesWhatIsNoMapping) {
  EXPECT_FALSE(ParseSettingsYaml("- 1\n- 2\n").ok());
  EXPECT_FALSE(ParseSettingsYaml("a: [1\n").ok());
  EXPECT_FALSE(ParseSettingsYaml("a: \xff\n").ok());
}

TEST(SettingsYaml, BoundsNestingAndWhatAliasesStandFor) {
  EXPECT_FALSE(ParseSettingsYaml("a: " + std::string(5000, '[')).ok());
  EXPECT_FALSE(ParseSettingsYaml(std::string(5000, '-')).ok());
  std::string laughs = "a0: &a0 {x: 1, y: 2}\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "*a" + std::to_string(i - 1), name = "a" + std::to_string(i);
    laughs += name + ": &" + name + " {x: " + before + ", y: " + before + "}\n";
  }
  const auto settings = ParseSettingsYaml(laughs);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_LE(settings->size(), kMaxSettings);
}

}  // namespace
}  // namespace sextant::importers
