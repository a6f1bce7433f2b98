// SPDX-License-Identifier: Apache-2.0
// The laws that ship: every file reads, compiles, reproduces its worked examples and survives a round trip.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fitting/law/law.h"
#include "shipped_laws.h"
#include "tests/test_paths.h"

namespace sextant::fitting {
namespace {

constexpr char kFolder[] = SEXTANT_SOURCE_DIR "/data/laws";

TEST(CatalogueTest, HoldsTheLawsThatScriptsRelyOn) {
  for (const char* id : {"lr-power-nd",     "lr-power-n",      "lr-power-d",
                         "lr-power-c",      "batch-power-d",   "batch-power-nd",
                         "batch-power-n",   "batch-power-c",   "cbs-power-d",
                         "cbs-power-n",     "cbs-power-nd",    "cbs-power-loss",
                         "loss-chinchilla", "loss-kaplan",     "loss-farseer",
                         "curve-m1",        "curve-m2",        "curve-m3",
                         "curve-m4",        "curve-bnsl",      "step-law-lr",
                         "step-law-bs",     "oellm-joint-lr",  "oellm-joint-bs",
                         "deepseek-lr",     "deepseek-bs",     "porian-lr",
                         "porian-bs",       "bjorck-lr",       "kaplan-lr",
                         "kaplan-bcrit",    "minicpm-bs",      "zhang-cbs-n",
                         "zhang-cbs-d",     "power-scheduler", "ling-moe-lr",
                         "ling-moe-bs",     "power-lines-tau", "schaipp-bs",
                         "shuai-bs",        "chinchilla-a3",   "chinchilla-a3-unrounded",
                         "chinchilla-epoch"}) {
    EXPECT_NE(ShippedLaws()->Find(id), nullptr) << id;
  }
}

TEST(CatalogueTest, EveryFileIsNamedAfterItsLaw) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".toml") continue;
    ++files;
    EXPECT_NE(ShippedLaws()->Find(entry.path().stem()), nullptr) << entry.path();
  }
  EXPECT_EQ(files, ShippedLaws()->laws().size());
}

TEST(CatalogueTest, EveryLawCitesItsSourceAndSaysHowItWasChecked) {
  for (const auto& [id, law] : ShippedLaws()->laws()) {
    SCOPED_TRACE(id);
    const LawSpec& spec = law->spec();
    EXPECT_FALSE(spec.title.empty());
    if (!spec.published()) continue;
    EXPECT_FALSE(spec.citation.empty());
    EXPECT_FALSE(spec.url.empty());
    EXPECT_THAT(spec.status, testing::AnyOf("VERIFIED-P", "VERIFIED-P+R", "VERIFIED-S", "DERIVED"));
    EXPECT_FALSE(spec.examples.empty());
  }
}

TEST(CatalogueTest, EveryWorkedExampleHolds) {
  int examples = 0;
  for (const auto& [id, law] : ShippedLaws()->laws()) {
    SCOPED_TRACE(id);
    const LawSpec& spec = law->spec();
    for (const ExampleSpec& example : spec.examples) {
      std::vector<double> at, parameters = law->PublishedParameters();
      for (const VariableSpec& variable : spec.variables) at.push_back(example.at.at(variable.name));
      for (const auto& [name, value] : example.parameters) parameters[*law->ParameterIndex(name)] = value;
      const double value = example.schedule.has_value()
                               ? law->EvaluateOnSchedule(ExpandSchedule(*example.schedule), at, parameters)
                               : law->Evaluate(at, parameters);
      EXPECT_NEAR(value, example.value, std::fabs(example.value) * example.relative_tolerance);
      ++examples;
    }
  }
  EXPECT_GE(examples, 60);
}

TEST(CatalogueTest, EveryVariableDeclaresItsUnitAndHowItIsCounted) {
  for (const auto& [id, law] : ShippedLaws()->laws()) {
    for (const VariableSpec& variable : law->spec().variables) {
      EXPECT_FALSE(variable.unit.empty()) << id << " " << variable.name;
      EXPECT_EQ(variable.name == "N" || variable.name == "C", !variable.counting.empty()) << id;
      EXPECT_TRUE(variable.from_law.empty() || ShippedLaws()->Find(variable.from_law) != nullptr) << id;
    }
    EXPECT_EQ(law->spec().target == Target::kLoss, !law->spec().loss_unit.empty()) << id;
  }
}

TEST(CatalogueTest, EveryLawSurvivesARoundTripThroughToml) {
  for (const auto& [id, law] : ShippedLaws()->laws()) {
    const std::string text = LawSpecToToml(law->spec());
    const absl::StatusOr<LawSpec> back = ParseLawSpec(text);
    ASSERT_TRUE(back.ok()) << id << ": " << back.status();
    EXPECT_EQ(LawSpecToToml(*back), text) << id;
    EXPECT_EQ(back->parameters.size(), law->spec().parameters.size());
    for (std::size_t p = 0; p < back->parameters.size(); ++p) {
      EXPECT_EQ(back->parameters[p].value, law->spec().parameters[p].value) << id;
    }
  }
}

}  // namespace
}  // namespace sextant::fitting
