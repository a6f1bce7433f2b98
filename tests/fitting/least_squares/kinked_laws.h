// SPDX-License-Identifier: Apache-2.0
// Random laws with min and max, data on them, and an exhaustive search for their optimum.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/independent_search.h"
#include "tests/golden/text_law.h"

namespace sextant::fitting::testing {

struct KinkedSet {
  std::string expression;
  std::shared_ptr<const Law> law;
  std::vector<double> truth;  // natural parameters
  LawData data;
};

inline KinkedSet MakeKinkedSet(std::uint64_t seed) {
  RandomStream random(seed, 7);
  const auto between = [&](double low, double high) { return low + (high - low) * random.Uniform(); };
  const auto scale = [&](double low, double high) {
    return std::exp(between(std::log(low), std::log(high)));
  };
  const golden::TextParameter e{"E", {0, 100}, "", {}}, a{"A", {0, 1e300}, "log", {}},
      b{"B", {0, 1e300}, "log", {}}, alpha{"alpha", {0, 5}, "", {}}, beta{"beta", {0, 5}, "", {}};
  KinkedSet set;
  const double alpha_value = between(.2, .6), beta_value = between(.2, .6), e_value = between(1, 2);
  // Each term is about 1 in the middle of the grid.
  const double a_value = scale(.5, 1.5) * std::pow(4e8, alpha_value),
               b_value = scale(.5, 1.5) * std::pow(1e10, beta_value);
  std::vector<golden::TextParameter> parameters = {e, a, b, alpha, beta};
  set.truth = {e_value, a_value, b_value, alpha_value, beta_value};
  const auto also = [&](golden::TextParameter parameter, double value) {
    parameters.push_back(std::move(parameter));
    set.truth.push_back(value);
  };
  switch (random.Index(6)) {
    case 0:
      set.expression = "E + max(A / N^alpha, B / D^beta)";
      break;
    case 1:
      set.expression = "max(E + A / N^alpha, B / D^beta + F)";
      also({"F", {0, 100}, "", {}}, e_value + between(-.4, .4));
      break;
    case 2:
      set.expression = "E + A / N^alpha + B / min(D, D0)^beta";
      also({"D0", {0, 1e300}, "log", {}}, scale(4e9, 4e10));
      break;
    case 3:
      set.expression = "E + A / min(N, N0)^alpha + B / D^beta";
      also({"N0", {0, 1e300}, "log", {}}, scale(2e8, 1e9));
      break;
    case 4:
      set.expression = "E + A / N^alpha + B / D^beta + max(0, g * (log(N / D) + t))";
      also({"g", {0, 10}, "", {}}, between(.05, .4));
      also({"t", {-20, 20}, "", {}}, between(2, 4));
      break;
    default:
      set.expression = "E + max(A / N^alpha, F) + B / min(D, D0)^beta";
      also({"F", {0, 100}, "", {}}, between(.6, 1.1));
      also({"D0", {0, 1e300}, "log", {}}, scale(6e9, 3e10));
  }
  // Half of them as a user writes them who knows neither scales nor bounds.
  if (random.Index(2) == 0) {
    for (golden::TextParameter& parameter : parameters) {
      parameter.transform = "";
      parameter.bounds = {};
    }
  }
  set.law = golden::TextLaw(set.expression, {"N", "D"}, parameters,
                            random.Index(2) == 0 ? "huber:1e-3" : "squared");
  const double noise = scale(.001, .02);
  set.data.columns.resize(2);
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j < 7; ++j) {
      const double n = 5e7 * std::pow(2, static_cast<double>(i) * .85),
                   d = 1e9 * std::pow(2, static_cast<double>(j) * 1.1);
      set.data.columns[0].push_back(n);
      set.data.columns[1].push_back(d);
      const std::vector<double> at = {n, d};
      set.data.observed.push_back(set.law->Evaluate(at, set.truth) * std::exp(noise * random.Normal()));
    }
  }
  return set;
}

/// The lowest objective that polishing many points around the truth, and wide of it, reaches.
inline double ExhaustiveOptimum(const KinkedSet& set, int starts) {
  const Objective objective = *ParseObjective(set.law->spec().fit_loss);
  const solve::ParameterMap map = *solve::ParameterMap::Make(set.law->spec(), {}, {});
  solve::Evaluator evaluator(set.law, set.data, map, objective.residual);
  solve::Polisher polisher(evaluator, objective);
  std::vector<double> truth(map.free_count());
  map.ToWalked(set.truth, truth);
  double best = std::numeric_limits<double>::infinity();
  for (int s = 0; s < starts; ++s) {
    RandomStream random(99, static_cast<std::uint64_t>(s));
    std::vector<double> start = truth;
    const double width = s == 0 ? 0 : std::exp(-4 + 4 * random.Uniform());
    for (double& value : start) value += width * std::max(1.0, std::abs(value)) * random.Normal();
    map.Clamp(start);
    solve::Polished polished = s % 2 == 0 ? polisher.Polish(start) : polisher.PolishWidened(start, 30);
    if (!std::isfinite(polished.value)) continue;
    if (polished.value < 1.3 * best) {
      solve::ImproveBySimplex(polisher, polished);
      polished.value = std::min(polished.value, polisher.Polish(polished.walked).value);
    }
    best = std::min(best, polished.value);
  }
  return best;
}

}  // namespace sextant::fitting::testing
