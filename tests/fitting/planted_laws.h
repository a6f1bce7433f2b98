// SPDX-License-Identifier: Apache-2.0
// Laws with parameters planted in noisy data, by formulas written here: nothing of the evaluator enters.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "fitting/data_columns.h"

namespace sextant::fitting {

struct PlantedLaw {
  std::string law;                                              ///< id in the catalogue
  std::map<std::string, double> planted;                        ///< every free parameter
  std::map<std::string, std::vector<double>> axes;              ///< a full grid of these
  std::function<double(std::map<std::string, double>&)> value;  ///< of a point of the grid
  double noise = 0.01;                                          ///< of ln y
};

namespace planted {

/// `count` values from `low` to `high`, evenly in ln.
inline std::vector<double> Log(double low, double high, int count) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(low * std::pow(high / low, i / (count - 1.0)));
  return values;
}

inline std::vector<PlantedLaw> All() {
  using At = std::map<std::string, double>&;
  const auto n = Log(3e7, 3e9, 6), d = Log(1e9, 1e11, 6), c = Log(1e18, 1e22, 12);
  return {
      {"loss-chinchilla",
       {{"E", 1.7}, {"A", 400}, {"alpha", .34}, {"B", 1500}, {"beta", .33}},
       {{"N", Log(3e7, 1e10, 9)}, {"D", Log(3e8, 3e11, 9)}},
       [](At v) { return 1.7 + 400 * std::pow(v["N"], -.34) + 1500 * std::pow(v["D"], -.33); },
       .003},
      {"kaplan-l-nd",
       {{"N_c", 6.4e13}, {"D_c", 1.8e13}, {"alpha_N", .076}, {"alpha_D", .103}},
       {{"N", n}, {"D", Log(2e7, 2e10, 8)}},
       [](At v) { return std::pow(std::pow(6.4e13 / v["N"], .076 / .103) + 1.8e13 / v["D"], .103); },
       .003},
      {"loss-kaplan-ns",
       {{"N_c", 6.5e13}, {"alpha_N", .077}, {"S_c", 2100}, {"alpha_S", .76}},
       {{"N", n}, {"S", Log(1e3, 1e5, 8)}},
       [](At v) { return std::pow(6.5e13 / v["N"], .077) + std::pow(2100 / v["S"], .76); },
       .003},
      {"loss-skaling",
       {{"E", 1.1}, {"A", 20000}, {"alpha", .5}, {"B", 6000}, {"beta", .37}, {"k", .4}},
       {{"N", Log(1e7, 1e10, 10)}, {"D", Log(3e8, 3e11, 10)}},
       [](At v) { return 1.1 + std::pow(20000 * std::pow(v["N"], -.5) + 6000 * std::pow(v["D"], -.37), .4); },
       .001},
      {"muennighoff",
       {{"E", 1.87}, {"A", 521}, {"B", 1488}, {"alpha", .35}, {"beta", .36}, {"R_D", 15}, {"R_N", 5}},
       {{"N", Log(3e7, 1e10, 7)}, {"U", Log(3e7, 3e10, 5)}, {"epochs", {1, 3, 10, 30, 60}}},
       [](At v) {
         const double total = v["D"] = v["U"] * v["epochs"], unique = v["U"];
         const double g = std::pow(.35 * 521 / (.36 * 1488), 1 / (.35 + .36));
         const double best = std::min(v["N"], g * std::pow(unique * g, .36 / .35));
         const double excess = v["N"] / best - 1, repeats = total / unique - 1;
         const double n_used = best + best * 5 * -std::expm1(-std::max(excess, 0.) / 5);
         const double d_used = unique + unique * 15 * -std::expm1(-std::max(repeats, 0.) / 15);
         return 1.87 + 521 / std::pow(n_used, .35) + 1488 / std::pow(d_used, .36);
       },
       .002},
      {"infinite-compute-n",
       {{"E", 3.43}, {"a", .05}, {"p", 1.02}},
       {{"N", Log(3e7, 3e9, 16)}},
       [](At v) { return 3.43 + .05 / std::pow(v["N"] / 1e9, 1.02); },
       .002},
      {"infinite-compute-k",
       {{"E", 3.34}, {"a", .25}, {"p", 1.02}},
       {{"K", {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20}}},
       [](At v) { return 3.34 + .25 / std::pow(v["K"], 1.02); },
       .001},
      {"rectified-ft",
       {{"B", 564}, {"D_l", 166}, {"beta", .455}, {"E", 1.07}},
       {{"x", Log(200, 3e6, 30)}},
       [](At v) { return 564 / (166 + std::pow(v["x"], .455)) + 1.07; },
       .003},
      {"curve-m1",
       {{"beta", 11.9}, {"c", -.066}},
       {{"x", Log(1e5, 1e9, 16)}},
       [](At v) { return 11.9 * std::pow(v["x"], -.066); },
       .01},
      {"curve-m2",
       {{"beta", 20}, {"c", -.3}, {"eps_inf", 1.5}},
       {{"x", Log(1e2, 1e6, 24)}},
       [](At v) { return 20 * std::pow(v["x"], -.3) + 1.5; },
       .005},
      {"curve-m3",
       {{"beta", 20}, {"gamma", 2e-5}, {"c", .3}},
       {{"x", Log(1e2, 1e6, 24)}},
       [](At v) { return 20 * std::pow(1 / v["x"] + 2e-5, .3); },
       .005},
      {"hestness-word-lm",
       {{"alpha", 11.9}, {"beta", -.066}},
       {{"m", Log(1e5, 1e9, 16)}},
       [](At v) { return 11.9 * std::pow(v["m"], -.066); },
       .01},
      {"qid",
       {{"k", .017}, {"alpha", .2261}, {"beta", .5251}, {"gamma", 5.4967}},
       {{"N", n}, {"D", d}, {"P", {2, 3, 4}}},
       [](At v) {
         return .017 * std::pow(v["D"], .5251) / (std::pow(v["N"], .2261) * std::pow(v["P"], 5.4967));
       },
       .05},
      {"precision-ptq",
       {{"C_T", .07}, {"gamma_D", .5}, {"gamma_N", .3}, {"gamma_post", .6}},
       {{"N", n}, {"D", d}, {"P", {3, 4, 5, 6}}},
       [](At v) { return .07 * std::pow(v["D"], .5) / std::pow(v["N"], .3) * std::exp(-v["P"] / .6); },
       .05},
      {"cmr-460m",
       {{"a", .225}, {"s", .269}, {"b", -.1}},
       {{"D", Log(2e9, 4e11, 24)}},
       [](At v) { return .225 * std::pow(v["D"] / 2e8, .269) - .1; },
       .01},
      {"schaipp-3term",
       {{"E", 1.5}, {"A", 300}, {"alpha", .32}, {"B_m", 30}, {"beta", .4}, {"C", 40}, {"gamma", .5}},
       {{"N", n}, {"B", Log(3e4, 3e6, 6)}, {"S", Log(500, 5e5, 6)}},
       [](At v) {
         return 1.5 + 300 * std::pow(v["N"], -.32) + 30 * std::pow(v["B"], -.4) + 40 * std::pow(v["S"], -.5);
       },
       .002},
      {"step-law-lr",
       {{"c", 1.79}, {"a", -.713}, {"b", .307}},
       {{"N", n}, {"D", d}},
       [](At v) { return 1.79 * std::pow(v["N"], -.713) * std::pow(v["D"], .307); },
       .1},
      {"oellm-joint-lr",
       {{"c", .371}, {"a", -.417}, {"b", .086}},
       {{"N", n}, {"D", d}},
       [](At v) { return .371 * std::pow(v["N"], -.417) * std::pow(v["D"], .086); },
       .1},
      {"oellm-conditional",
       {{"c", 531}, {"a", -.535}, {"d", -.275}, {"p", .788}},
       {{"N", n}, {"D", d}, {"B", Log(3e5, 3e6, 4)}},
       [](At v) {
         return 531 * std::pow(v["N"], -.535) * std::pow(v["D"], -.275) * std::pow(v["B"] / 4096, .788);
       },
       .1},
      {"power-scheduler",
       {{"a", 4.6}, {"b", -.51}},
       {{"B", Log(6e4, 2e6, 5)}, {"D", d}},
       [](At v) { return v["B"] / 4096 * 4.6 * std::pow(v["D"], -.51); },
       .1},
      {"muonh-moe-adam-lr",
       {{"c", .066}, {"a", -.395}, {"b", -.15}},
       {{"D", Log(1e10, 1e12, 5)}, {"d", {512, 1024, 2048, 4096}}, {"B", Log(3e5, 3e6, 4)}},
       [](At v) { return .066 * std::pow(v["D"], -.395) * std::pow(v["d"], -.15) * std::sqrt(v["B"]); },
       .05},
      {"deepseek-lr",
       {{"c", .3118}, {"a", -.125}},
       {{"C", c}},
       [](At v) { return .3118 * std::pow(v["C"], -.125); },
       .05},
      {"porian-lr",
       {{"c", 3.7}, {"a", -.36}},
       {{"N", Log(1e7, 1e9, 12)}},
       [](At v) { return 3.7 * std::pow(v["N"], -.36); },
       .05},
      {"bjorck-lr",
       {{"c", .00155}, {"a", -.23}, {"b", -.32}},
       {{"N", n}, {"D", d}},
       [](At v) { return .00155 * std::pow(v["N"] / 1e9, -.23) * std::pow(v["D"] / 1e9, -.32); },
       .1},
      {"surge-lr",
       {{"lr_max", .01}, {"B_noise", 5e5}},
       {{"B", Log(1e4, 1e7, 16)}},
       [](At v) { return .01 / (.5 * (std::sqrt(5e5 / v["B"]) + std::sqrt(v["B"] / 5e5))); },
       .05},
      {"mccandlish-steps",
       {{"S_min", 1e4}, {"B_crit", 1e5}},
       {{"B", Log(1e3, 1e7, 16)}},
       [](At v) { return 1e4 * (1 + 1e5 / v["B"]); },
       .03},
      {"mccandlish-lr",
       {{"lr_max", .01}, {"B_noise", 1e5}},
       {{"B", Log(1e3, 1e7, 16)}},
       [](At v) { return .01 / (1 + 1e5 / v["B"]); },
       .05},
      {"zhang-steps",
       {{"a", 2095}, {"b", 1.138e7}},
       {{"B", Log(64, 16384, 16)}},
       [](At v) { return 2095 + 1.138e7 / v["B"]; },
       .03},
      {"kaplan-bcrit",
       {{"b_star", 2e8}, {"alpha", .21}},
       {{"L", Log(2, 4, 16)}},
       [](At v) { return 2e8 / std::pow(v["L"], 1 / .21); },
       .05},
      {"zhang-cbs-n",
       {{"b0", 93.2}, {"p", .468}},
       {{"N", Log(5e7, 2e9, 16)}},
       [](At v) { return 512 * 93.2 * std::pow(v["N"] / 1e6, .468); },
       .05},
      {"schaipp-bs",
       {{"c", .667}, {"p", .566}},
       {{"D", Log(1e9, 1e12, 16)}},
       [](At v) { return .667 * std::pow(v["D"], .566); },
       .05},
      {"power-lines-tau",
       {{"c", 1.084}, {"p", -.527}},
       {{"N", n}, {"D", d}},
       [](At v) { return 1.084 * std::pow(v["D"] / v["N"], -.527); },
       .1},
      {"power-lines-weight-decay",
       {{"c", 1.084}, {"p", -.527}},
       {{"N", n}, {"D", d}, {"B", {5e5, 2e6}}, {"eta", {3e-4, 1e-3}}},
       [](At v) { return v["B"] * std::pow(v["D"] / v["N"], .527) / (1.084 * v["eta"] * v["D"]); },
       .1},
      {"porian-params",
       {{"n0", .1182}, {"a", .497}},
       {{"C", c}},
       [](At v) { return .1182 * std::pow(v["C"], .497); },
       .05},
      {"chinchilla-a3-params",
       {{"A", 406.4}, {"beta", .28}},
       {{"C", c}},
       [](At v) { return std::pow(.34 * 406.4 / (.28 * 410.7), 1 / .62) * std::pow(v["C"] / 6, .28 / .62); },
       .05},
      {"oellm-l-c",
       {{"E", 1.03}, {"l0", 60.9}, {"p", .084}},
       {{"C", Log(1e17, 1e24, 40)}},
       [](At v) { return 1.03 + 60.9 * std::pow(v["C"], -.084); },
       .002},
      {"pearce-song",
       {{"omega", 47491}},
       {{"N", Log(1e6, 1e9, 16)}},
       [](At v) { return v["N"] + 47491 * std::cbrt(v["N"]); },
       .02},
      {"gstack-timing",
       {{"a", .88}, {"b", 163.27}, {"c", -5.74}},
       {{"N", n}, {"C", c}},
       [](At v) { return std::pow(10, .88 * std::log10(v["N"]) + 163.27 / std::log10(v["C"]) - 5.74); },
       .05},
      {"completed-p-lr",
       {{"p", .5}},
       {{"k_B", {1, 2, 4}}, {"k_D", {1, 2, 4, 8, 16}}},
       [](At v) { return std::sqrt(v["k_B"]) / std::sqrt(v["k_D"]); },
       .05},
      {"hyperp-muonh-lr",
       {{"p", .32}},
       {{"k_B", {1, 2, 4}}, {"k_depth", {1, 2}}, {"k_D", {1, 2, 4, 8, 16}}},
       [](At v) { return std::sqrt(v["k_B"] / v["k_depth"]) * std::pow(v["k_D"], -.32); },
       .05},
      {"shuai-params-growth",
       {{"p", .464}},
       {{"k", Log(.1, 100, 16)}},
       [](At v) { return std::pow(v["k"], .464); },
       .05},
  };
}

/// The grid of `law` with noise of one seed; every point once.
inline DataColumns Data(const PlantedLaw& law, std::uint64_t seed) {
  std::vector<std::map<std::string, double>> points = {{}};
  for (const auto& [name, values] : law.axes) {
    std::vector<std::map<std::string, double>> next;
    for (const auto& point : points) {
      for (const double value : values) {
        next.push_back(point);
        next.back()[name] = value;
      }
    }
    points = std::move(next);
  }
  DataColumns data;
  RandomStream random(seed, 17);
  for (auto& point : points) {
    const double value = law.value(point) * std::exp(law.noise * random.Normal());
    for (const auto& [name, at] : point) data.columns[name].push_back(at);
    data.columns[kObservedColumn].push_back(value);
  }
  return data;
}

}  // namespace planted
}  // namespace sextant::fitting
