// SPDX-License-Identifier: Apache-2.0
// Synthetic sweeps with a known optimum.
#pragma once

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/run_table.h"

namespace sextant::fitting::testing {

inline void AddRun(RunTable& runs, double params, double tokens, double rate, double batch, double loss,
                   RunState state = RunState::kFinished) {
  runs.id.push_back("run-" + std::to_string(runs.id.size()));
  runs.params.push_back(params);
  runs.tokens.push_back(tokens);
  runs.learning_rate.push_back(rate);
  runs.batch_size_tokens.push_back(batch);
  runs.loss.push_back(loss);
  runs.state.push_back(state);
}

/// A full factorial sweep around log-linear optima with a quadratic bowl in ln loss.
struct BowlSweep {
  std::vector<double> params = {1e7, 3e7, 1e8};
  std::vector<double> tokens = {1e9, 4e9, 1.6e10};
  double rate_c = 30, rate_a = -0.6, rate_b = 0.2;       ///< rate optimum c N^a D^b
  double batch_c = 2, batch_a = 0.05, batch_b = 0.5;     ///< batch optimum
  double rate_curvature = 0.02, batch_curvature = 0.01;  ///< of ln loss in squared logs
  double noise = 0;                                      ///< standard deviation of ln loss
  double step = 2;                                       ///< grid factor
  int reach = 4;                                         ///< grid points to each side of the middle

  RunTable Make(std::uint64_t seed = 1) const {
    RandomStream random(seed, 0);
    RunTable runs;
    for (const double n : params) {
      for (const double d : tokens) {
        const double rate = rate_c * std::pow(n, rate_a) * std::pow(d, rate_b);
        const double batch = batch_c * std::pow(n, batch_a) * std::pow(d, batch_b);
        const double floor = 1.7 + 400 / std::pow(n, 0.34) + 400 / std::pow(d, 0.28);
        // Grids sit on powers of the step, as people's do, so optima fall between grid points.
        const double middle_rate = std::round(std::log(rate) / std::log(step));
        const double middle_batch = std::round(std::log(batch) / std::log(step));
        for (int i = -reach; i <= reach; ++i) {
          for (int j = -reach; j <= reach; ++j) {
            const double lr = std::pow(step, middle_rate + i);
            const double bs = std::pow(step, middle_batch + j);
            const double u = std::log(lr / rate), v = std::log(bs / batch);
            AddRun(
                runs, n, d, lr, bs,
                floor * std::exp(rate_curvature * u * u + batch_curvature * v * v + noise * random.Normal()));
          }
        }
      }
    }
    return runs;
  }
};

/// A sweep whose bowl is outside the family that the joint surface fits: a quadratic valley plus a soft wall
/// towards high rates. Some runs near the wall diverge, some cells are missing, the grid may be coarse.
struct AsymmetricSweep {
  std::vector<double> params = {2.5e7, 5e7, 1e8, 2e8};
  std::vector<double> tokens = {1e9, 4e9, 1.6e10};
  double noise = 0;
  double missing = 0;         ///< share of cells left out
  double diverged_above = 9;  ///< ln rate over its optimum beyond which runs diverge
  double step = 2;
  int reach = 4;
  bool sweep_rate = true;
  bool sweep_batch = true;

  double Rate(double n, double d) const { return 2e-3 * std::pow(n / 1e8, -0.5) * std::pow(d / 4e9, 0.2); }
  double Batch(double n, double d) const { return 2e5 * std::pow(n / 1e8, 0.05) * std::pow(d / 4e9, 0.55); }

  static double Raw(double u, double v) {
    const double along = u - 0.6 * v;
    const double wall = std::log1p(std::exp(3 * (u - 0.2)));
    return 0.009 * along * along + 0.005 * v * v + 0.0012 * wall * wall;
  }

  /// ln loss over its minimum at ln offsets from the optimum.
  static double Bowl(double u, double v) {
    static const std::array<double, 3> bottom = [] {
      std::array<double, 3> best = {0, 0, Raw(0, 0)};
      for (double width = 1; width > 1e-7; width /= 4) {
        const std::array<double, 3> middle = best;
        for (int i = -16; i <= 16; ++i) {
          for (int j = -16; j <= 16; ++j) {
            const double a = middle[0] + width * i / 16, b = middle[1] + width * j / 16;
            if (Raw(a, b) < best[2]) {
              best = {a, b, Raw(a, b)};
            }
          }
        }
      }
      return best;
    }();
    return Raw(u + bottom[0], v + bottom[1]) - bottom[2];
  }

  double ExcessPercent(double n, double d, double rate, double batch) const {
    return 100 * std::expm1(Bowl(std::log(rate / Rate(n, d)), std::log(batch / Batch(n, d))));
  }

  RunTable Make(std::uint64_t seed = 1) const {
    RandomStream random(seed, 1);
    RunTable runs;
    for (const double n : params) {
      for (const double d : tokens) {
        if (random.Uniform() < missing) {
          continue;
        }
        const double floor = 1.7 + 400 / std::pow(n, 0.34) + 400 / std::pow(d, 0.28);
        const double middle_rate = std::round(std::log(Rate(n, d)) / std::log(step));
        const double middle_batch = std::round(std::log(Batch(n, d)) / std::log(step));
        for (int i = sweep_rate ? -reach : 0; i <= (sweep_rate ? reach : 0); ++i) {
          for (int j = sweep_batch ? -reach : 0; j <= (sweep_batch ? reach : 0); ++j) {
            const double rate = sweep_rate ? std::pow(step, middle_rate + i) : Rate(n, d);
            const double batch = sweep_batch ? std::pow(step, middle_batch + j) : Batch(n, d);
            const double u = std::log(rate / Rate(n, d)), v = std::log(batch / Batch(n, d));
            const bool diverged = u > diverged_above;
            AddRun(runs, n, d, rate, batch,
                   diverged ? NAN : floor * std::exp(Bowl(u, v) + noise * random.Normal()),
                   diverged ? RunState::kDiverged : RunState::kFinished);
          }
        }
      }
    }
    return runs;
  }
};

}  // namespace sextant::fitting::testing
