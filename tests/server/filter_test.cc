// SPDX-License-Identifier: Apache-2.0
// Filters: what they mean, and where they are wrong.
#include "server/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/error.h"
#include "server/limits.h"

namespace sextant::server {
namespace {

using storage::Condition;
using ::testing::HasSubstr;

// A condition as text, fully parenthesised.
std::string Text(const Condition& condition) {
  static const char* const kSigns[] = {"=", "!=", "<", "<=", ">", ">=", ":"};
  const std::string sign = kSigns[static_cast<int>(condition.op)];
  std::string joined;
  for (const Condition& child : condition.children) {
    if (!joined.empty()) joined += condition.kind == Condition::Kind::kAnd ? " and " : " or ";
    joined += Text(child);
  }
  switch (condition.kind) {
    case Condition::Kind::kAnd:
    case Condition::Kind::kOr:
      return "(" + joined + ")";
    case Condition::Kind::kNot:
      return "not " + joined;
    case Condition::Kind::kHasTag:
      return "tag " + condition.field + sign + condition.text;
    case Condition::Kind::kHasLabel:
      return "label" + sign + condition.text;
    case Condition::Kind::kIsKnown:
      return "known " + condition.field;
    case Condition::Kind::kCompare:
      break;
  }
  if (!condition.text.empty() && condition.number == 0) return condition.field + sign + condition.text;
  char number[64];
  std::snprintf(number, sizeof(number), "%g", condition.number);
  return condition.field + sign + number;
}

std::string Parsed(const std::string& filter) {
  auto conditions = ParseRunFilter(filter);
  if (!conditions.ok()) return "error: " + std::string(conditions.status().message());
  std::string text;
  for (const Condition& condition : *conditions) text += Text(condition);
  return text;
}

TEST(Filter, EmptyMeansEveryRun) {
  EXPECT_EQ(Parsed(""), "");
  EXPECT_EQ(Parsed("  \t"), "");
}

TEST(Filter, ComparesNumbersInEveryNotation) {
  EXPECT_EQ(Parsed("tokens >= 1e9"), "tokens>=1e+09");
  EXPECT_EQ(Parsed("params_non_embedding<7B"), "params_non_embedding<7e+09");
  EXPECT_EQ(Parsed("tokens = 1.4T"), "tokens=1.4e+12");
  EXPECT_EQ(Parsed("batch_size_tokens = 2^20"), "batch_size_tokens=1.04858e+06");
  EXPECT_EQ(Parsed("seed = -3"), "seed=-3");
  EXPECT_EQ(Parsed("loss_nats != 2.5"), "loss!=2.5");
}

TEST(Filter, OrBindsTighterThanAnd) {
  EXPECT_EQ(Parsed("tokens > 1 AND tokens < 5 OR steps = 2"), "(tokens>1 and (tokens<5 or steps=2))");
  EXPECT_EQ(Parsed("tokens > 1 OR tokens < 5 AND steps = 2"), "((tokens>1 or tokens<5) and steps=2)");
  EXPECT_EQ(Parsed("(tokens > 1 AND tokens < 5) OR steps = 2"), "((tokens>1 and tokens<5) or steps=2)");
}

TEST(Filter, TermsSideBySideMeanAnd) { EXPECT_EQ(Parsed("tokens>1 steps=2"), "(tokens>1 and steps=2)"); }

TEST(Filter, NegationTakesOneTerm) {
  EXPECT_EQ(Parsed("NOT tokens > 1 AND steps = 2"), "(not tokens>1 and steps=2)");
  EXPECT_EQ(Parsed("-schedule = wsd"), "not schedule=wsd");
  EXPECT_EQ(Parsed("-(tokens > 1 OR steps = 2)"), "not (tokens>1 or steps=2)");
}

TEST(Filter, KnowsTagsLabelsStatesAndNames) {
  EXPECT_EQ(Parsed("tags.sweep = a1"), "tag sweep=a1");
  EXPECT_EQ(Parsed("tags.note:\"two words\""), "tag note:two words");
  EXPECT_EQ(Parsed("labels:edge-of-grid"), "label=edge-of-grid");
  EXPECT_EQ(Parsed("state = DIVERGED"), "state=diverged");
  EXPECT_EQ(Parsed("state != finished"), "state!=finished");
  EXPECT_EQ(Parsed("name = 'studies/s/runs/r1'"), "id=r1");
  EXPECT_EQ(Parsed("learning_rate:*"), "known learning_rate");
}

struct WrongFilter {
  const char* filter;
  int position;
  const char* says;
};
class WrongFilters : public ::testing::TestWithParam<WrongFilter> {};

TEST_P(WrongFilters, AreRefusedWithThePosition) {
  auto conditions = ParseRunFilter(GetParam().filter);
  ASSERT_FALSE(conditions.ok());
  EXPECT_EQ(conditions.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(conditions.status()), "INVALID_FILTER");
  const std::string message(conditions.status().message());
  EXPECT_THAT(message, HasSubstr("at position " + std::to_string(GetParam().position) + ":")) << message;
  EXPECT_THAT(message, HasSubstr(GetParam().says)) << message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongFilters,
    ::testing::Values(WrongFilter{"width > 3", 1, "unknown field 'width'"},
                      WrongFilter{"tokens > 1 AND width > 3", 16, "unknown field 'width'"},
                      WrongFilter{"tokens >", 9, "expected a value"},
                      WrongFilter{"tokens", 7, "expected = != < <= > >= or :"},
                      WrongFilter{"tokens > many", 10, "not a finite number"},
                      WrongFilter{"tokens > inf", 10, "not a finite number"},
                      WrongFilter{"tokens > 1e400", 10, "not a finite number"},
                      WrongFilter{"tokens > 1 OR", 14, "ends where a comparison"},
                      WrongFilter{"(tokens > 1", 12, "expected ')'"},
                      WrongFilter{"tokens > 1)", 11, "expected AND, OR or the end"},
                      WrongFilter{"state = HAPPY", 9, "not a state"},
                      WrongFilter{"state < FINISHED", 7, "state takes = or !="},
                      WrongFilter{"schedule = \"cosine", 12, "quote is not closed"},
                      WrongFilter{"tokens ! 3", 8, "expected = != < <= > >= or :"},
                      WrongFilter{"tags. = 3", 1, "tags.KEY"}, WrongFilter{"tokens : 3", 8, "is a number"}));

TEST(Filter, IsBounded) {
  EXPECT_THAT(Parsed(std::string(kMaxFilterBytes + 1, ' ')), HasSubstr("longer than"));
  const std::string deep = std::string(100, '(') + "tokens>1" + std::string(100, ')');
  EXPECT_THAT(Parsed(deep), HasSubstr("nested more than"));
  std::string many = "tokens>1";
  for (int i = 0; i < kMaxFilterTerms; ++i) many += " tokens>1";
  EXPECT_THAT(Parsed(many), HasSubstr("terms"));
}

TEST(Filter, KnowsWhatTheStudyDeclares) {
  std::vector<storage::DeclaredColumn> declared(2);
  declared[0].name = "r";
  declared[1].name = "error_rate";
  const auto parsed = ParseRunFilter("error_rate <= 0.1 AND variables.r:*", "filter", declared);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const Condition& all = parsed->at(0);
  EXPECT_EQ(all.children[0].field, storage::DeclaredField(1));
  EXPECT_EQ(all.children[1].field, storage::DeclaredField(0));
  EXPECT_EQ(all.children[1].kind, Condition::Kind::kIsKnown);
  EXPECT_THAT(std::string(ParseRunFilter("s > 1", "filter", declared).status().message()),
              HasSubstr("error_rate"));
  EXPECT_FALSE(ParseRunFilter("r > 1").ok());
  EXPECT_FALSE(ParseRunFilter("r > nan", "filter", declared).ok());
  EXPECT_EQ(ParseRunOrder("r desc", declared)->field, storage::DeclaredField(0));
}

TEST(Order, TakesOneFieldAndADirection) {
  auto order = ParseRunOrder("loss_nats desc");
  ASSERT_TRUE(order.ok());
  EXPECT_EQ(order->field, "loss");
  EXPECT_TRUE(order->descending);
  EXPECT_EQ(ParseRunOrder("")->field, "");
  EXPECT_FALSE(ParseRunOrder("width").ok());
  EXPECT_FALSE(ParseRunOrder("tokens, steps").ok());
  EXPECT_FALSE(ParseRunOrder("tokens down").ok());
}

}  // namespace
}  // namespace sextant::server
