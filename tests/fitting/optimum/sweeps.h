// Synthetic sweeps with a known optimum.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "fitting/optimum/random.h"
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
    optimum::CounterRandom random(seed, 0);
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

}  // namespace sextant::fitting::testing
