// SPDX-License-Identifier: Apache-2.0
// A sweep whose optimal rate and batch are known and lie off the published laws.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "fitting/design/optimum_belief.h"

namespace sextant::fitting::design {

struct SyntheticSweep {
  explicit SyntheticSweep(std::uint64_t which = 1) : seed(which) {
    RandomStream random(seed, 99);
    shift_rate = 0.4 * random.Normal();
    shift_batch = 0.4 * random.Normal();
    if (seed == 1) shift_rate = 0.6, shift_batch = -0.5;
  }

  std::uint64_t seed;
  Scale target{std::log(1e9), std::log(20e9)};
  std::vector<Scale> cells = {
      {std::log(2e7), std::log(4e8)}, {std::log(4e7), std::log(8e8)}, {std::log(4e7), std::log(3.2e9)}};
  double prior_rate = std::log(2e-3), prior_batch = std::log(5e5);  // at the target
  double shift_rate = 0, shift_batch = 0;

  Eigen::Vector2d Optimum(const Scale& scale) const {
    const double n = scale.log_params - target.log_params, d = scale.log_tokens - target.log_tokens;
    return {prior_rate + shift_rate - 0.55 * n + 0.25 * d, prior_batch + shift_batch + 0.55 * d};
  }

  double Bowl(const Eigen::Vector2d& off) const {
    return 0.5 * (0.02 * off[0] * off[0] - 2 * 0.004 * off[0] * off[1] + 0.015 * off[1] * off[1]);
  }
  double Excess(const Eigen::Vector2d& at) const { return Bowl(at - Optimum(target)); }

  SweepRun Run(const Scale& scale, double log_rate, double log_batch, std::uint64_t index) const {
    RandomStream random(seed, index);
    const double level =
        std::log(1.7 + 400 * std::exp(-0.34 * scale.log_params) + 410 * std::exp(-0.28 * scale.log_tokens));
    return {scale, log_rate, log_batch,
            level + Bowl(Eigen::Vector2d(log_rate, log_batch) - Optimum(scale)) + 0.0015 * random.Normal()};
  }

  // (2 reach + 1)^2 runs in every cell, about the prior's optimum.
  std::vector<SweepRun> Grid(int reach, double step) const {
    std::vector<SweepRun> runs;
    for (const Scale& cell : cells) {
      const Eigen::Vector2d middle = Optimum(cell) - Eigen::Vector2d(shift_rate, shift_batch);
      for (int i = -reach; i <= reach; ++i) {
        for (int j = -reach; j <= reach; ++j) {
          runs.push_back(Run(cell, middle[0] + step * i, middle[1] + step * j, runs.size()));
        }
      }
    }
    return runs;
  }

  BeliefData Data(std::vector<SweepRun> runs) const {
    BeliefData data;
    const std::vector<PriorLaw> laws = {
        {"low", LogPlane{prior_rate - 0.4, -0.6, 0.25}, LogPlane{prior_batch - 0.4, 0, 0.55}},
        {"middle", LogPlane{prior_rate, -0.6, 0.25}, LogPlane{prior_batch, 0, 0.55}},
        {"high", LogPlane{prior_rate + 0.4, -0.6, 0.25}, LogPlane{prior_batch + 0.4, 0, 0.55}}};
    data.prior = ConsensusOf(laws);
    data.centre = target;
    data.runs = std::move(runs);
    return data;
  }
};

}  // namespace sextant::fitting::design
