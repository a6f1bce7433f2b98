// SPDX-License-Identifier: Apache-2.0
// Curves of schedules with parameters planted, by sums written here: nothing of the evaluators enters.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/curve/schedule_fit.h"

namespace sextant::fitting::planted {

struct PlantedSchedules {
  std::string law;
  std::map<std::string, double> planted;
  std::vector<ScheduledCurve> curves;  ///< without noise
};

/// Cosine, constant, linear decay of the last fifth, and a step, over `steps` steps.
inline std::vector<std::vector<double>> PlantedRates(std::size_t steps) {
  std::vector<std::vector<double>> all(4);
  const double peak = 3e-4, floor = 3e-5, warm = 400;
  for (std::size_t i = 0; i < steps; ++i) {
    const auto s = static_cast<double>(i + 1), n = static_cast<double>(steps);
    const double up = std::min(1.0, s / warm), past = std::max(0.0, (s - warm) / (n - warm));
    all[0].push_back(s <= warm ? peak * up
                               : floor + .5 * (peak - floor) * (1 + std::cos(std::numbers::pi * past)));
    all[1].push_back(peak * up);
    all[2].push_back(s <= .8 * n ? peak * up : peak + (floor - peak) * (s - .8 * n) / (.2 * n));
    all[3].push_back(s <= .6 * n ? peak * up : 9e-5);
  }
  return all;
}

inline PlantedSchedules MultiPowerCurves() {
  PlantedSchedules out{
      "mpl",
      {{"L0", 3.04}, {"A", .525}, {"alpha", .508}, {"B", 364}, {"C", 2.07}, {"beta", .583}, {"gamma", .641}},
      {}};
  for (const auto& rates : PlantedRates(6000)) {
    ScheduledCurve& curve = out.curves.emplace_back();
    curve.learning_rate = rates;
    std::vector<double> until = {0};
    for (double rate : rates) until.push_back(until.back() + rate);
    for (std::size_t t = 440; t < rates.size(); t += 20) {
      double gained = 0;
      for (std::size_t j = 1; j <= t; ++j) {
        if (rates[j] == rates[j - 1]) continue;
        const double since = until[t + 1] - until[j];
        gained +=
            (rates[j - 1] - rates[j]) * (1 - std::pow(1 + 2.07 * std::pow(rates[j], -.641) * since, -.583));
      }
      curve.step.push_back(t);
      curve.loss.push_back(3.04 + .525 * std::pow(until[t + 1], -.508) - 364 * gained);
    }
  }
  return out;
}

inline PlantedSchedules TissueCurves() {
  PlantedSchedules out{"tissue", {{"L0", 2.6}, {"A", .5}, {"alpha", .5}, {"C", .8}}, {}};
  for (const auto& rates : PlantedRates(6000)) {
    ScheduledCurve& curve = out.curves.emplace_back();
    curve.learning_rate = rates;
    double s1 = 0, momentum = 0, s2 = 0;
    for (std::size_t t = 0; t < rates.size(); ++t) {
      s1 += rates[t];
      momentum = .999 * momentum + (t == 0 ? 0 : rates[t - 1] - rates[t]);
      s2 += momentum;
      if (t < 440 || t % 20 != 0) continue;
      curve.step.push_back(t);
      curve.loss.push_back(2.6 + .5 / std::sqrt(s1) - .8 * s2);
    }
  }
  return out;
}

inline std::vector<ScheduledCurve> Noisy(std::vector<ScheduledCurve> curves, double noise,
                                         std::uint64_t seed) {
  RandomStream random(seed, 23);
  for (ScheduledCurve& curve : curves) {
    for (double& loss : curve.loss) loss *= std::exp(noise * random.Normal());
  }
  return curves;
}

}  // namespace sextant::fitting::planted
