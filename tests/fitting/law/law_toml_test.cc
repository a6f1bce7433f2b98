// SPDX-License-Identifier: Apache-2.0
// The text form of a law: strict reading, errors with line and column, and writing back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "fitting/law/law.h"

namespace sextant::fitting {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr char kLaw[] = R"(id = "my-law"
title = "A law of mine"
target = "learning-rate"
expression = "exp(log_c) * N^a"
notes = ["first", "second \"quoted\" \\ with\ttab"]

[[variables]]
name = "N"
unit = "parameters"
counting = "total"
fitted = [1e6, 1e9]
valid = [0, 1e12]
valid_reason = "not tried beyond"

[[parameters]]
name = "log_c"
value = -2.5
low = -3
high = -2
starts = [-5, 0]

[[parameters]]
name = "a"
bounds = [-2, 2]

[[examples]]
at = { N = 1e8 }
parameters = { a = 0.5 }
value = 820.85
relative_tolerance = 1e-4
source = "by hand"
)";

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string Error(const std::string& text) {
  const auto spec = ParseLawSpec(text);
  EXPECT_FALSE(spec.ok());
  if (spec.ok()) return "";
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(spec.status().message());
}

TEST(LawTomlTest, ReadsEveryField) {
  const auto spec = ParseLawSpec(kLaw);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->id, "my-law");
  EXPECT_EQ(spec->target, Target::kLearningRate);
  EXPECT_EQ(spec->notes[1], "second \"quoted\" \\ with\ttab");
  ASSERT_EQ(spec->variables.size(), 1u);
  EXPECT_EQ(spec->variables[0].counting, "total");
  EXPECT_EQ(spec->variables[0].fitted.high, 1e9);
  EXPECT_EQ(spec->variables[0].valid->high, 1e12);
  ASSERT_EQ(spec->parameters.size(), 2u);
  EXPECT_EQ(spec->parameters[0].value, -2.5);
  EXPECT_EQ(spec->parameters[0].starts, (std::vector<double>{-5, 0}));
  EXPECT_EQ(spec->parameters[1].bounds.low, -2);
  EXPECT_EQ(spec->examples[0].parameters.at("a"), 0.5);
  EXPECT_FALSE(spec->published());  // `a` has no value
}

TEST(LawTomlTest, WritesWhatItReads) {
  const auto spec = ParseLawSpec(kLaw);
  ASSERT_TRUE(spec.ok());
  const std::string text = LawSpecToToml(*spec);
  const auto again = ParseLawSpec(text);
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
  EXPECT_EQ(LawSpecToToml(*again), text);
  EXPECT_EQ(again->notes, spec->notes);
  EXPECT_EQ(again->examples[0].at, spec->examples[0].at);
}

TEST(LawTomlTest, UnknownKeysAreRefusedWithTheirPlaceAndAHint) {
  EXPECT_THAT(Error(Replaced(kLaw, "title", "titel")),
              AllOf(HasSubstr("line 2, column 1"), HasSubstr("unknown key 'titel'; did you mean 'title'?")));
  EXPECT_THAT(Error(Replaced(kLaw, "unit =", "units =")),
              AllOf(HasSubstr("line 9"), HasSubstr("variables[0]"), HasSubstr("did you mean 'unit'?")));
}

TEST(LawTomlTest, WrongTypesAndValuesAreRefusedWithTheirPlace) {
  EXPECT_THAT(Error(Replaced(kLaw, "value = -2.5", "value = \"x\"")),
              AllOf(HasSubstr("line 17"), HasSubstr("parameters[0].value: expected a number, found string")));
  EXPECT_THAT(Error(Replaced(kLaw, "value = -2.5", "value = nan")), HasSubstr("expected a finite number"));
  EXPECT_THAT(Error(Replaced(kLaw, "[1e6, 1e9]", "[1e9, 1e6]")), HasSubstr("low end is above the high end"));
  EXPECT_THAT(Error(Replaced(kLaw, "[1e6, 1e9]", "[1e9]")), HasSubstr("expected [low, high]"));
  EXPECT_THAT(
      Error(Replaced(kLaw, "learning-rate", "learning_rate")),
      HasSubstr("unknown target 'learning_rate'; did you mean 'learning-rate'?; allowed are learning-rate"));
  EXPECT_THAT(Error(Replaced(kLaw, "learning-rate", "other")), HasSubstr("needs a 'target_name'"));
  EXPECT_THAT(Error(Replaced(kLaw, "my-law", "My Law")), HasSubstr("lower-case letters, digits and hyphens"));
  EXPECT_THAT(Error(Replaced(kLaw, "id = \"my-law\"", "")), HasSubstr("'id' is missing"));
  EXPECT_THAT(Error(Replaced(kLaw, "name = \"a\"", "name = \"log_c\"")),
              HasSubstr("'log_c' is declared twice"));
  EXPECT_THAT(Error(Replaced(kLaw, "bounds = [-2, 2]", "value = 3\nbounds = [-2, 2]")),
              HasSubstr("outside 'bounds'"));
  EXPECT_THAT(Error(Replaced(kLaw, "bounds = [-2, 2]", "transform = \"sqrt\"")),
              HasSubstr("identity or log"));
  EXPECT_THAT(Error(Replaced(kLaw, "bounds = [-2, 2]", "fixed = true")), HasSubstr("needs a 'value'"));
  EXPECT_THAT(Error(Replaced(kLaw, "valid_reason", "unit")), HasSubstr("line"));
  EXPECT_THAT(Error(Replaced(kLaw, "at = { N = 1e8 }", "at = { M = 1e8 }")),
              HasSubstr("'M' is not a variable"));
  EXPECT_THAT(Error(Replaced(kLaw, "parameters = { a = 0.5 }", "")), HasSubstr("parameter 'a' has no value"));
  EXPECT_THAT(Error(Replaced(kLaw, "expression =", "evaluator = \"m4\"\nexpression =")),
              HasSubstr("not both"));
}

TEST(LawTomlTest, SyntaxErrorsNameTheLine) {
  EXPECT_THAT(Error("id = \"x\"\ntitle = \n"), HasSubstr("line 2"));
  EXPECT_THAT(Error("\xff\xfe"), HasSubstr("law, line 1"));
}

TEST(LawTomlTest, SizeIsBounded) {
  EXPECT_THAT(Error(std::string(64 * 1024 + 1, '#')), HasSubstr("65537 bytes; at most 65536"));
  EXPECT_THAT(Error(Replaced(kLaw, "A law of mine", std::string(5000, 'x'))),
              HasSubstr("title: 5000 bytes; at most 4096"));
  std::string many = "[0";
  for (int i = 0; i < 300; ++i) many += ",0";
  EXPECT_THAT(Error(Replaced(kLaw, "[-5, 0]", many + "]")), HasSubstr("301 entries; at most 256"));
}

class CatalogueFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("laws-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void Write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  std::string LoadError() {
    const auto loaded = Catalogue::Load(folder_);
    EXPECT_FALSE(loaded.ok());
    return std::string(loaded.status().message());
  }
  std::filesystem::path folder_;
};

TEST_F(CatalogueFolderTest, LoadsEveryTomlFileAndNothingElse) {
  Write("one.toml", kLaw);
  Write("two.toml", Replaced(kLaw, "my-law", "other-law"));
  Write("notes.txt", "not a law");
  const auto loaded = Catalogue::Load(folder_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->laws().size(), 2u);
  EXPECT_NE((*loaded)->Find("other-law"), nullptr);
  EXPECT_EQ((*loaded)->Find("absent"), nullptr);
}

TEST_F(CatalogueFolderTest, ErrorsNameTheFile) {
  Write("one.toml", kLaw);
  Write("two.toml", kLaw);
  EXPECT_THAT(LoadError(),
              AllOf(HasSubstr("two.toml"), HasSubstr("'my-law' is already taken by"), HasSubstr("one.toml")));
  Write("two.toml", Replaced(Replaced(kLaw, "my-law", "b"), "N^a", "N^^a"));
  EXPECT_THAT(LoadError(), AllOf(HasSubstr("two.toml"), HasSubstr("column 16")));
}

TEST_F(CatalogueFolderTest, LawsThatSupplyVariablesMustExistAndMustNotGoInCircles) {
  const std::string a = Replaced(Replaced(kLaw, "my-law", "a"), "counting = \"total\"", "from_law = \"b\"");
  Write("a.toml", a);
  EXPECT_THAT(LoadError(), HasSubstr("law 'a': variable 'N' comes from law 'b', which does not exist"));
  Write("b.toml", Replaced(Replaced(a, "id = \"a\"", "id = \"b\""), "from_law = \"b\"", "from_law = \"a\""));
  EXPECT_THAT(LoadError(), HasSubstr("in a circle"));
}

TEST(CatalogueTest, AFolderThatIsNotThereIsNotFound) {
  EXPECT_EQ(Catalogue::Load("/nonexistent/laws").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace sextant::fitting
