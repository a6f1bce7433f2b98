// SPDX-License-Identifier: Apache-2.0
#include "shipped_laws.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "fitting/curve/schedule.h"
#include "tests/test_paths.h"

namespace sextant::fitting {
namespace {

using Values = std::map<std::string, double>;

// By parameter name, for forms that ship without an example.
const Values& UsualValues() {
  static const Values values = {{"log_c", -2.5}, {"a", -0.4},     {"b", 0.3},     {"E", 1.8},
                                {"A", 480},      {"B", 2100},     {"c", -0.3},    {"alpha", 0.35},
                                {"beta", 0.37},  {"gamma", 1e-6}, {"B_star", 2e8}};
  return values;
}

// The fit that laws of nine parameters are tried at (loss-farseer).
const Values& FarseerValues() {
  static const Values values = {{"a1", -0.124}, {"b1", 0.424},  {"alpha", 0.123},
                                {"a2", 88.01},  {"b2", -6.287}, {"beta", -0.1},
                                {"a3", -0.021}, {"b3", -0.091}, {"gamma", 0.169}};
  return values;
}

struct Size {
  double low, high, extreme_low, extreme_high;
};

Size SizeOf(const std::string& variable) {
  if (variable == "N") return {1e7, 1e11, 1e2, 1e16};
  if (variable == "D" || variable == "U") return {1e8, 1e13, 1e3, 1e18};
  if (variable == "C") return {1e17, 1e25, 1e8, 1e34};
  if (variable == "L") return {1.5, 5, 0.05, 40};
  if (variable == "B") return {1e4, 1e7, 1, 1e12};
  if (variable == "S" || variable == "x" || variable == "m") return {1e2, 1e6, 1, 1e12};
  if (variable == "r" || variable == "beta1" || variable == "beta2" || variable == "rho")
    return {0.2, 0.99, 0.01, 0.999};
  return {0.1, 10, 1e-3, 1e3};
}

double Spread(double low, double high, double share) {
  return std::exp(std::log(low) + share * (std::log(high) - std::log(low)));
}

}  // namespace

std::shared_ptr<const Catalogue> ShippedLaws() {
  static const std::shared_ptr<const Catalogue> catalogue = [] {
    auto loaded = Catalogue::Load(SEXTANT_SOURCE_DIR "/data/laws");
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded.ok() ? *loaded : std::make_shared<const Catalogue>();
  }();
  return catalogue;
}

std::vector<double> OrdinaryParameters(const Law& law) {
  const LawSpec& spec = law.spec();
  std::vector<double> values = law.PublishedParameters();
  const Values* from = &UsualValues();
  if (!spec.examples.empty() && !spec.examples.front().parameters.empty())
    from = &spec.examples.front().parameters;
  if (spec.id == "loss-farseer") from = &FarseerValues();
  for (std::size_t p = 0; p < values.size(); ++p) {
    const ParameterSpec& parameter = spec.parameters[p];
    if (!std::isnan(values[p])) continue;
    const auto found = from->find(parameter.name);
    EXPECT_NE(found, from->end()) << spec.id << ": no value to try for " << parameter.name;
    if (found == from->end()) continue;
    values[p] = found->second;
    // Curves fall by a negative exponent in one form and by a positive one in another.
    if (values[p] < parameter.bounds.low || values[p] > parameter.bounds.high) values[p] = -values[p];
  }
  return values;
}

std::vector<std::vector<double>> OrdinaryColumns(const Law& law, std::size_t points) {
  std::vector<std::vector<double>> columns;
  std::size_t stride = 1;  // each variable walks its range in another order
  for (const VariableSpec& variable : law.spec().variables) {
    const Size size = SizeOf(variable.name);
    std::vector<double>& column = columns.emplace_back();
    for (std::size_t i = 0; i < points; ++i) {
      const double share = std::fmod(0.618034 * static_cast<double>(stride * i) + 0.05, 1.0);
      column.push_back(Spread(size.low, size.high, share));
    }
    stride += 2;
  }
  return columns;
}

std::vector<std::vector<double>> ExtremeColumns(const Law& law) {
  const std::size_t count = law.spec().variables.size();
  std::vector<std::vector<double>> columns(count);
  for (std::size_t corner = 0; corner < (std::size_t{1} << count); ++corner) {
    for (std::size_t v = 0; v < count; ++v) {
      const Size size = SizeOf(law.spec().variables[v].name);
      columns[v].push_back((corner >> v) & 1 ? size.extreme_high : size.extreme_low);
    }
  }
  return columns;
}

std::vector<double> ExpandSchedule(const ScheduleShape& shape) {
  const auto decay = ParseDecayShape(shape.shape);
  EXPECT_TRUE(decay.ok()) << decay.status();
  const auto rates = MakeSchedule({.shape = decay.value_or(DecayShape::kConstant),
                                   .peak_learning_rate = shape.peak,
                                   .final_learning_rate = shape.final,
                                   .total_steps = shape.steps,
                                   .warmup_steps = shape.warmup,
                                   .decay_share = shape.decay_share});
  EXPECT_TRUE(rates.ok()) << rates.status();
  return rates.value_or(std::vector<double>());
}

std::vector<std::span<const double>> Spans(const std::vector<std::vector<double>>& columns) {
  return {columns.begin(), columns.end()};
}

}  // namespace sextant::fitting
