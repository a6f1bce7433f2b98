// SPDX-License-Identifier: Apache-2.0
// The expression language: what it means, what it refuses and where its errors point.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "fitting/law/law.h"

namespace sextant::fitting {
namespace {

using testing::HasSubstr;

// A law over N and D with the parameters a and b, so far as the text mentions them.
LawSpec Spec(const std::string& expression) {
  LawSpec spec;
  spec.id = "test";
  spec.target = Target::kLoss;
  spec.expression = expression;
  for (const char* name : {"N", "D"}) spec.variables.emplace_back().name = name;
  for (const char* name : {"a", "b"}) {
    if (expression.find(name) != std::string::npos) spec.parameters.emplace_back().name = name;
  }
  return spec;
}

double Value(const std::string& expression, double n = 2, double d = 3) {
  const auto law = Law::Compile(Spec(expression));
  EXPECT_TRUE(law.ok()) << expression << ": " << law.status();
  if (!law.ok()) return std::nan("");
  return (*law)->Evaluate(std::vector<double>{n, d},
                          std::vector<double>((*law)->spec().parameters.size(), 5.0));
}

std::string Error(const std::string& expression) {
  const auto law = Law::Compile(Spec(expression));
  EXPECT_FALSE(law.ok()) << expression;
  if (law.ok()) return "";
  EXPECT_EQ(law.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(law.status().message());
}

TEST(ExpressionTest, OperatorsBindAsInArithmetic) {
  EXPECT_DOUBLE_EQ(Value("1 + 2 * 3"), 7);
  EXPECT_DOUBLE_EQ(Value("(1 + 2) * 3"), 9);
  EXPECT_DOUBLE_EQ(Value("8 - 3 - 2"), 3);
  EXPECT_DOUBLE_EQ(Value("16 / 4 / 2"), 2);
  EXPECT_DOUBLE_EQ(Value("2^3^2"), 512);
  EXPECT_DOUBLE_EQ(Value("-N^2"), -4);
  EXPECT_DOUBLE_EQ(Value("(-N)^2"), 4);
  EXPECT_DOUBLE_EQ(Value("2^-N"), 0.25);
  EXPECT_DOUBLE_EQ(Value("-2^-1"), -0.5);
  EXPECT_DOUBLE_EQ(Value("+N - -D"), 5);
  EXPECT_DOUBLE_EQ(Value("N*-D"), -6);
}

TEST(ExpressionTest, NumbersMayHaveExponents) {
  EXPECT_DOUBLE_EQ(Value("1e-3 * 1E3 + .5 + 2. + 1.5e+1"), 18.5);
}

TEST(ExpressionTest, FunctionsMeanWhatTheySay) {
  EXPECT_DOUBLE_EQ(Value("exp(log(N) + log(D))"), 6);
  EXPECT_DOUBLE_EQ(Value("sqrt(N * 8)"), 4);
  EXPECT_NEAR(Value("pow(N, D)"), 8, 1e-14);
  EXPECT_DOUBLE_EQ(Value("min(a, N, D) + 10 * max(a, N, D)"), 52);
  EXPECT_NEAR(Value("logsumexp(log(N), log(D), log(a))"), std::log(10), 1e-15);
  EXPECT_DOUBLE_EQ(Value("logsumexp(N)"), 2);
}

TEST(ExpressionTest, LogSumExpDoesNotOverflow) {
  EXPECT_NEAR(Value("logsumexp(1000 * N, 1000 * N)"), 2000 + std::log(2), 1e-12);
  EXPECT_NEAR(Value("logsumexp(-1000 * N, -1000 * D)"), -2000, 1e-12);
}

TEST(ExpressionTest, PowersOfEveryKindAgreeWithPow) {
  for (const double x : {0.25, 1.0, 3.5}) {
    for (const char* exponent : {"0", "1", "2", "3", "7", "16", "17", "-1", "-4", "0.5", "-0.5", "1.7"}) {
      const double wanted = std::pow(x, std::stod(exponent));
      EXPECT_NEAR(Value(std::string("N^(") + exponent + ")", x), wanted, 4e-15 * wanted)
          << x << "^" << exponent;
    }
  }
}

TEST(ExpressionTest, ErrorsPointAtTheColumn) {
  EXPECT_THAT(Error("N + * D"), HasSubstr("column 5: expected a number, a name or '(' but found '*'"));
  EXPECT_THAT(Error("N + (D"), HasSubstr("column 7: expected ')' to close column 5"));
  EXPECT_THAT(Error("N)"), HasSubstr("column 2: ')' without '('"));
  EXPECT_THAT(Error("N D"), HasSubstr("column 3: unexpected 'D'; an operator is missing"));
  EXPECT_THAT(Error("2N"), HasSubstr("column 2: unexpected 'N' after the number 2; write *"));
  EXPECT_THAT(Error("N +"),
              HasSubstr("column 4: expected a number, a name or '(' but found end of the expression"));
  EXPECT_THAT(Error(""), HasSubstr("column 1: the expression is empty"));
  EXPECT_THAT(Error("N ** 2"), HasSubstr("column 4: unexpected '*'; a power is written ^"));
  EXPECT_THAT(Error("N = 2"), HasSubstr("column 3: unexpected '='; write only the right-hand side"));
  EXPECT_THAT(Error("N / 0"), HasSubstr("column 5: division by zero"));
  EXPECT_THAT(Error("N + 1e999"), HasSubstr("column 5: number out of range"));
  EXPECT_THAT(Error(std::string("N + \x01")), HasSubstr("column 5: unexpected byte 0x01"));
  EXPECT_THAT(Error("N \xE2\x88\x92 D"), HasSubstr("column 3: unexpected byte 0xE2"));
  EXPECT_THAT(Error(std::string("N\0D", 3)), HasSubstr("column 2: unexpected byte 0x00"));
}

TEST(ExpressionTest, UnknownNamesGetAHint) {
  EXPECT_THAT(Error("exq(N)"), HasSubstr("column 1: unknown function 'exq'; did you mean 'exp'?"));
  EXPECT_THAT(Error("ln(N)"), HasSubstr("the natural logarithm is log"));
  EXPECT_THAT(Error("N + n"), HasSubstr("column 5: unknown name 'n'; did you mean 'N'?; declared are N D"));
  EXPECT_THAT(Error("N(2)"), HasSubstr("column 1: unknown function 'N'; write * for a product"));
  EXPECT_THAT(Error("exp"), HasSubstr("function 'exp' needs its arguments in parentheses"));
  EXPECT_THAT(Error("exp(N, D)"), HasSubstr("'exp' takes 1 arguments, not 2"));
  EXPECT_THAT(Error("min(N)"), HasSubstr("'min' takes 2 or more arguments, not 1"));
  EXPECT_THAT(Error("system(N)"), HasSubstr("unknown function 'system'"));
}

TEST(ExpressionTest, SizeAndDepthAreBounded) {
  EXPECT_THAT(Error(std::string(1 << 20, '(')), HasSubstr("1048576 bytes; at most 4096 are allowed"));
  EXPECT_THAT(Error(std::string(200, '(') + "N" + std::string(200, ')')),
              HasSubstr("nested deeper than 128 levels"));
  EXPECT_THAT(Error(std::string(200, '-') + "N"), HasSubstr("nested deeper than 128 levels"));
  std::string sum = "N";
  for (int i = 0; i < 1200; ++i) sum += "+D";
  EXPECT_THAT(Error(sum), HasSubstr("more than 1024 operations"));
  EXPECT_THAT(Error("N + " + std::string(65, 'x')), HasSubstr("column 5: name of 65 bytes; at most 64"));
  std::string call = "max(N";
  for (int i = 0; i < 40; ++i) call += ",D";
  EXPECT_THAT(Error(call + ")"), HasSubstr("more than 32 arguments"));
  std::string tower = "a";
  for (int i = 0; i < 25; ++i) tower = "(" + tower + "+N)^16";
  const auto law = Law::Compile(Spec(tower));  // refused or compiled, but never for long
  EXPECT_TRUE(law.ok() || law.status().code() == absl::StatusCode::kInvalidArgument);
}

TEST(ExpressionTest, DeclarationsAreChecked) {
  LawSpec spec = Spec("N^a");
  spec.parameters.emplace_back().name = "b";
  EXPECT_THAT(std::string(Law::Compile(spec).status().message()),
              HasSubstr("'b' does not enter the expression"));
  spec = Spec("N^a");
  spec.parameters.emplace_back().name = "N";
  EXPECT_THAT(std::string(Law::Compile(spec).status().message()), HasSubstr("'N' is declared twice"));
  spec = Spec("N^a");
  spec.variables.emplace_back().name = "exp";
  EXPECT_THAT(std::string(Law::Compile(spec).status().message()),
              HasSubstr("'exp' is the name of a function"));
  spec = Spec("N^a");
  spec.variables.emplace_back().name = "x y";
  EXPECT_THAT(std::string(Law::Compile(spec).status().message()), HasSubstr("'x y' is not a name"));
  spec = Spec("2");
  spec.variables.clear();
  EXPECT_THAT(std::string(Law::Compile(spec).status().message()), HasSubstr("declares no variables"));
  spec = Spec("");
  spec.evaluator = "m5";
  EXPECT_THAT(std::string(Law::Compile(spec).status().message()),
              HasSubstr("unknown evaluator 'm5'; did you mean 'm4'?"));
  spec.evaluator = "m4";
  EXPECT_THAT(std::string(Law::Compile(spec).status().message()), HasSubstr("needs exactly the variables x"));
}

TEST(ExpressionTest, HostileDataGivesNoNumberInsteadOfACrash) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(std::isinf(Value("1 / (N - D)", 3, 3)));
  EXPECT_TRUE(std::isnan(Value("log(N - D)", 1, 2)));
  EXPECT_TRUE(std::isnan(Value("sqrt(N - D)", 1, 2)));
  EXPECT_TRUE(std::isinf(Value("exp(N)", 1e6)));
  EXPECT_TRUE(std::isnan(Value("N + D", std::nan(""))));
  EXPECT_EQ(Value("N / D", 1, kInfinity), 0);
}

TEST(BoundLawTest, LogOfASumSurvivesTermsBeyondTheRangeOfADouble) {
  LawSpec spec = Spec("a * exp(N) + b * exp(D)");
  for (ParameterSpec& parameter : spec.parameters) parameter.bounds.low = 0;
  const auto law = Law::Compile(spec);
  ASSERT_TRUE(law.ok()) << law.status();
  const std::vector<double> n = {2000, -3000, 1}, d = {1000, -3000, 2};
  auto bound = BoundLaw::Bind(*law, {n, d});
  std::vector<double> log_value(3), jacobian(6);
  bound->LogValuesAndJacobian(std::vector<double>{2, 3}, log_value, jacobian);
  EXPECT_NEAR(log_value[0], 2000 + std::log(2), 1e-12);
  EXPECT_NEAR(log_value[1], -3000 + std::log(5), 1e-12);
  EXPECT_NEAR(log_value[2], std::log(2 * std::exp(1) + 3 * std::exp(2)), 1e-14);
  EXPECT_NEAR(jacobian[0], 0.5, 1e-12);  // d log(value) / d a = 1 / a where its term dominates
  EXPECT_NEAR(jacobian[3 + 0], 0, 1e-12);
  EXPECT_NEAR(jacobian[1], 0.2, 1e-12);
  // A coefficient of exactly 0 leaves the other term.
  bound->LogValuesAndJacobian(std::vector<double>{0, 3}, log_value, jacobian);
  EXPECT_NEAR(log_value[0], 1000 + std::log(3), 1e-12);
  EXPECT_NEAR(jacobian[3 + 0], 1.0 / 3, 1e-12);
}

TEST(BoundLawTest, SecondDerivativePairsShowWhatEntersAffinely) {
  LawSpec spec = Spec("a + b * N^0.5");
  auto law = Law::Compile(spec);
  ASSERT_TRUE(law.ok());
  const std::vector<double> column = {1, 2};
  EXPECT_TRUE(BoundLaw::Bind(*law, {column, column})->SecondDerivativePairs()->empty());
  law = Law::Compile(Spec("a * N^b"));
  ASSERT_TRUE(law.ok());
  const std::vector<std::pair<std::size_t, std::size_t>> wanted = {{0, 1}, {1, 1}};
  EXPECT_EQ(BoundLaw::Bind(*law, {column, column})->SecondDerivativePairs(), wanted);
}

TEST(BoundLawTest, NoPointsIsNoWork) {
  const auto law = Law::Compile(Spec("a * N^b"));
  ASSERT_TRUE(law.ok());
  const std::vector<double> none;
  auto bound = BoundLaw::Bind(*law, {none, none});
  EXPECT_EQ(bound->points(), 0u);
  std::vector<double> value, jacobian;
  bound->ValuesAndJacobian(std::vector<double>{1, 2}, value, jacobian);
  bound->LogValuesAndJacobian(std::vector<double>{1, 2}, value, jacobian);
}

TEST(BoundLawTest, TheSameParametersGiveTheSameBits) {
  const auto law = Law::Compile(Spec("a * N^b + log(D)"));
  ASSERT_TRUE(law.ok());
  std::vector<double> n(300), d(300), first(300), second(300), jacobian(600);
  for (int i = 0; i < 300; ++i) n[i] = 1 + i, d[i] = 2 + i * i;
  auto bound = BoundLaw::Bind(*law, {n, d});
  bound->Values(std::vector<double>{1.5, 0.3}, first);
  bound->ValuesAndJacobian(std::vector<double>{9, 0.1}, second, jacobian);
  bound->ValuesAndJacobian(std::vector<double>{1.5, 0.3}, second, jacobian);
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace sextant::fitting
