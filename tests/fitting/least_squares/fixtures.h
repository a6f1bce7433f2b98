// SPDX-License-Identifier: Apache-2.0
// Laws and synthetic runs that solver tests share.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/fit_result.h"
#include "fitting/least_squares/fit_law.h"
#include "tests/golden/text_law.h"

namespace sextant::fitting::testing {

inline std::shared_ptr<const Law> ChinchillaLaw() {
  return golden::TextLaw("E + A / N^alpha + B / D^beta", {"N", "D"},
                         {{"E", {0, 100}, "", {}},
                          {"A", {0, 1e300}, "log", {}},
                          {"B", {0, 1e300}, "log", {}},
                          {"alpha", {0, 5}, "", {}},
                          {"beta", {0, 5}, "", {}}},
                         "huber:1e-3");
}

/// Hoffmann et al. 2022, approach 3, rounded.
struct Surface {
  double e = 1.69, a = 406.4, b = 410.7, alpha = 0.34, beta = 0.28;
  double Loss(double params, double tokens) const {
    return e + a * std::pow(params, -alpha) + b * std::pow(tokens, -beta);
  }
};

/// A grid of sizes and tokens; losses times exp(noise * normal).
inline LawData SurfaceRuns(std::size_t sizes, std::size_t lengths, double noise, std::uint64_t seed = 3,
                           const Surface& surface = {}) {
  LawData data;
  data.columns.resize(2);
  RandomStream random(seed, 0);
  for (std::size_t i = 0; i < sizes; ++i) {
    for (std::size_t j = 0; j < lengths; ++j) {
      const double share_n = sizes > 1 ? static_cast<double>(i) / static_cast<double>(sizes - 1) : 0.5;
      const double share_d = lengths > 1 ? static_cast<double>(j) / static_cast<double>(lengths - 1) : 0.5;
      const double params = 5e7 * std::pow(300.0, share_n);
      const double tokens = 1e9 * std::pow(300.0, share_d);
      data.columns[0].push_back(params);
      data.columns[1].push_back(tokens);
      data.observed.push_back(surface.Loss(params, tokens) * std::exp(noise * random.Normal()));
    }
  }
  return data;
}

inline double Estimate(const FitResult& fit, const std::string& name) {
  for (const ParameterEstimate& parameter : fit.parameters) {
    if (parameter.name == name) return parameter.estimate;
  }
  return std::nan("");
}

inline bool AnyContains(const std::vector<std::string>& texts, const std::string& part) {
  for (const std::string& text : texts) {
    if (text.find(part) != std::string::npos) return true;
  }
  return false;
}

/// Few starts and no diagnostics: for tests that are not about those.
inline SolveOptions Quick() {
  SolveOptions options;
  options.diagnostics = false;
  return options;
}

}  // namespace sextant::fitting::testing
