// SPDX-License-Identifier: Apache-2.0
// Derivatives of every law that ships, against differences of its values: at ordinary points, at extreme
// ones, and with parameters at their bounds.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "shipped_laws.h"

namespace sextant::fitting {
namespace {

// d f / d p at p by Ridders' method: differences of shrinking steps, extrapolated. Steps stay inside the
// bounds, on one side where p lies at one. Returns the estimate with the error it claims.
struct Difference {
  double value = 0, error = std::numeric_limits<double>::infinity();
};

template <typename F>
Difference Differentiate(F f, double p, const Range& bounds) {
  constexpr int kSteps = 10;
  constexpr double kShrink = 1.6;
  double step = 1e-2 * std::max(std::fabs(p), 1e-3);
  const bool left = p - step >= bounds.low, right = p + step <= bounds.high;
  if (!left && !right) return {};
  const double order = left && right ? 2 : 1;
  const double at_p = f(p);
  double table[kSteps][kSteps];
  Difference best;
  for (int i = 0; i < kSteps; ++i, step /= kShrink) {
    table[0][i] = left && right ? (f(p + step) - f(p - step)) / (2 * step)
                  : right       ? (f(p + step) - at_p) / step
                                : (at_p - f(p - step)) / step;
    for (int j = 1; j <= i; ++j) {
      const double factor = std::pow(kShrink, order == 2 ? 2 * j : j);
      table[j][i] = (factor * table[j - 1][i] - table[j - 1][i - 1]) / (factor - 1);
      const double error =
          std::max(std::fabs(table[j][i] - table[j - 1][i]), std::fabs(table[j][i] - table[j - 1][i - 1]));
      if (error < best.error) best = {table[j][i], error};
    }
  }
  return best;
}

class Checker {
 public:
  Checker(std::shared_ptr<const Law> law, std::vector<std::vector<double>> columns)
      : law_(std::move(law)), columns_(std::move(columns)), bound_(BoundLaw::Bind(law_, Spans(columns_))) {}

  // Returns how many derivatives were compared.
  int Check(const std::vector<double>& parameters) {
    const std::size_t n = bound_->points(), count = parameters.size();
    std::vector<double> value(n), jacobian(n * count), log_value(n), log_jacobian(n * count);
    bound_->ValuesAndJacobian(parameters, value, jacobian);
    bound_->LogValuesAndJacobian(parameters, log_value, log_jacobian);
    const auto pairs = bound_->SecondDerivativePairs();
    std::vector<double> second(pairs ? pairs->size() * n : 0);
    if (pairs) bound_->LogValuesAndSecondDerivatives(parameters, log_value, log_jacobian, second);
    int compared = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double reference = law_->Evaluate(Point(i), parameters);
      if (!std::isfinite(reference)) continue;
      EXPECT_NEAR(value[i], reference, 1e-12 * std::fabs(reference)) << "point " << i;
      if (reference > 0) {
        EXPECT_NEAR(log_value[i], std::log(reference), 1e-11 * (1 + std::fabs(log_value[i])));
      }
      for (std::size_t p = 0; p < count; ++p) {
        const double d = jacobian[p * n + i];
        compared += Compare(parameters, p, d, std::fabs(reference), "first derivative",
                            [&](const std::vector<double>& q) { return law_->Evaluate(Point(i), q); });
        if (reference > 0) {
          EXPECT_NEAR(log_jacobian[p * n + i], d / reference, 1e-10 * std::fabs(d / reference)) << Name(p);
        }
      }
      for (std::size_t k = 0; pairs && k < pairs->size(); ++k) {
        const auto [p, q] = (*pairs)[k];
        // Second derivatives are differences of terms as large as the value over both parameters.
        const double size = std::fabs(jacobian[p * n + i]) +
                            1e-2 * std::fabs(reference) / std::max(std::fabs(parameters[p]), 1e-3);
        compared += Compare(parameters, q, second[k * n + i] * reference, size,
                            "second derivative by " + Name(p) + " and",
                            [&, p = p](const std::vector<double>& at) { return Slope(i, p, at); });
      }
    }
    return compared;
  }

 private:
  std::string Name(std::size_t p) const { return law_->spec().parameters[p].name; }

  std::vector<double> Point(std::size_t i) const {
    std::vector<double> point;
    for (const auto& column : columns_) point.push_back(column[i]);
    return point;
  }

  double Slope(std::size_t i, std::size_t p, const std::vector<double>& parameters) {
    std::vector<double> value(bound_->points()), jacobian(value.size() * parameters.size());
    bound_->ValuesAndJacobian(parameters, value, jacobian);
    return jacobian[p * value.size() + i];
  }

  template <typename F>
  int Compare(std::vector<double> parameters, std::size_t p, double derivative, double size,
              const std::string& what, F f) {
    const double at = parameters[p];
    const Difference difference = Differentiate(
        [&](double x) {
          parameters[p] = x;
          return f(parameters);
        },
        at, law_->spec().parameters[p].bounds);
    if (!std::isfinite(difference.value)) return 0;
    // A difference knows no more than rounding of the function allows; smaller derivatives are not compared.
    const double noise = 1e-9 * size / std::max(std::fabs(at), 1e-3);
    EXPECT_NEAR(derivative, difference.value,
                3e-6 * std::fabs(difference.value) + 100 * difference.error + noise)
        << what << " " << Name(p) << " = " << at;
    return 1;
  }

  std::shared_ptr<const Law> law_;
  std::vector<std::vector<double>> columns_;
  std::unique_ptr<BoundLaw> bound_;
};

class DerivativeTest : public testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<const Law> law() const { return ShippedLaws()->Find(GetParam()); }
};

TEST_P(DerivativeTest, MatchDifferencesAtOrdinaryPoints) {
  const auto parameters = OrdinaryParameters(*law());
  const int compared = Checker(law(), OrdinaryColumns(*law(), 7)).Check(parameters);
  EXPECT_GE(compared, static_cast<int>(parameters.size()) * 5);
}

TEST_P(DerivativeTest, MatchDifferencesAtExtremePoints) {
  Checker(law(), ExtremeColumns(*law())).Check(OrdinaryParameters(*law()));
}

TEST_P(DerivativeTest, MatchDifferencesWithParametersAtTheirBounds) {
  // A law that is clipped may bend there: a difference over the bend is no derivative.
  if (law()->spec().expression.find("min(") != std::string::npos) return;
  Checker checker(law(), OrdinaryColumns(*law(), 3));
  for (std::size_t p = 0; p < law()->spec().parameters.size(); ++p) {
    const ParameterSpec& spec = law()->spec().parameters[p];
    for (double bound : {spec.bounds.low, spec.bounds.high}) {
      // A parameter walked in its logarithm never reaches 0.
      if (!std::isfinite(bound) || (bound == 0 && spec.transform == "log")) continue;
      SCOPED_TRACE(spec.name + " = " + std::to_string(bound));
      std::vector<double> parameters = OrdinaryParameters(*law());
      parameters[p] = bound;
      checker.Check(parameters);
    }
  }
}

std::vector<std::string> AllIds() {
  std::vector<std::string> ids;
  for (const auto& [id, law] : ShippedLaws()->laws()) {
    if (!law->needs_schedule()) ids.push_back(id);  // those have schedule_law_test
  }
  return ids;
}

INSTANTIATE_TEST_SUITE_P(EveryLaw, DerivativeTest, testing::ValuesIn(AllIds()), [](const auto& law) {
  std::string name = law.param;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace sextant::fitting
