// SPDX-License-Identifier: Apache-2.0
// Sweeps drawn from known laws, for tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "fitting/run_table.h"

namespace sextant::fitting {

/// A uniform number in [0, 1) that depends on its arguments alone (splitmix64).
inline double Uniform(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed * 0x9E3779B97F4A7C15u + index * 0xBF58476D1CE4E5B9u + 0x94D049BB133111EBu;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

inline void AddRun(RunTable& runs, double params, double tokens, double rate, double batch, double loss,
                   RunState state = RunState::kFinished) {
  runs.id.push_back("run-" + std::to_string(runs.id.size()));
  runs.params.push_back(params);
  runs.tokens.push_back(tokens);
  runs.learning_rate.push_back(rate);
  runs.batch_size_tokens.push_back(batch);
  runs.sequence_length.push_back(std::nan(""));
  runs.steps.push_back(tokens / batch);
  runs.weight_decay.push_back(std::nan(""));
  runs.adam_beta2.push_back(std::nan(""));
  runs.loss.push_back(loss);
  runs.state.push_back(state);
}

/// rate* = 30 N^-0.6 D^0.15, batch* = 0.3 D^0.6 (tokens); loss a Chinchilla surface times a quadratic bowl in
/// the logs. 4 sizes, 3 horizons, grids of factor sqrt(2) around the optimum, noise of relative size `noise`.
inline RunTable KnownSweep(double noise = 0, std::uint64_t seed = 1) {
  RunTable runs;
  std::uint64_t index = 0;
  for (const double params : {2e7, 6e7, 2e8, 6e8}) {
    for (const double tokens : {1e9, 4e9, 16e9}) {
      const double floor = 1.8 + 480 / std::pow(params, 0.35) + 2100 / std::pow(tokens, 0.37);
      const double best_rate = 30 * std::pow(params, -0.6) * std::pow(tokens, 0.15);
      const double best_batch = 0.3 * std::pow(tokens, 0.6);
      for (int i = -5; i <= 5; ++i) {
        for (int j = -5; j <= 5; ++j) {
          const double x = 0.5 * std::log(2.0) * i, y = 0.5 * std::log(2.0) * j;
          const double bowl = 0.02 * x * x + 0.012 * y * y - 0.008 * x * y;
          const double draw = noise * (2 * Uniform(seed, index++) - 1);
          AddRun(runs, params, tokens, best_rate * std::exp(x), best_batch * std::exp(y),
                 floor * (1 + bowl + draw));
        }
      }
    }
  }
  return runs;
}

}  // namespace sextant::fitting
