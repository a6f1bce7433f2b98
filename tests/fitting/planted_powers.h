// SPDX-License-Identifier: Apache-2.0
// Planted power laws of one or two variables (planted_laws.h).
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tests/fitting/planted_law.h"

namespace sextant::fitting::planted {

/// y = factor x coefficient x (v / unit)^exponent, the coefficient and the exponent by their names in the
/// law.
struct OnePower {
  const char *law, *coefficient_name;
  double coefficient;
  const char* exponent_name;
  double exponent;
  const char* variable;
  double factor = 1, unit = 1;
};

inline PlantedLaw Planted(const OnePower& p) {
  static const std::map<std::string, std::vector<double>> axes = {{"N", Log(1e7, 1e10, 16)},
                                                                  {"D", Log(1e9, 1e12, 16)},
                                                                  {"C", Log(1e17, 1e23, 16)},
                                                                  {"L", Log(2, 4, 16)},
                                                                  {"k", Log(.1, 100, 16)}};
  return {p.law,
          {{p.coefficient_name, p.coefficient}, {p.exponent_name, p.exponent}},
          {{p.variable, axes.at(p.variable)}},
          [p](auto& v) {
            // Signs and logarithms as the law has them.
            const bool in_log = std::string(p.coefficient_name) == "log_c";
            const double c = in_log ? std::exp(p.coefficient) : p.coefficient;
            return p.factor * c * std::pow(v[p.variable] / p.unit, p.exponent);
          },
          .05};
}

/// y = k^(sign x exponent).
struct Growth {
  const char *law, *exponent_name;
  double exponent, sign = 1;
};

inline PlantedLaw Planted(const Growth& g) {
  return {g.law,
          {{g.exponent_name, g.exponent}},
          {{"k", Log(.1, 100, 16)}},
          [g](auto& v) { return std::pow(v["k"], g.sign * g.exponent); },
          .05};
}

/// y = exp(log_c) N^a D^b, without the variables that are 0; or 1 less that.
inline PlantedLaw OfNAndD(const std::string& law, double log_c, double a, double b, bool from_one,
                          double noise) {
  PlantedLaw planted{law, {{"log_c", log_c}}, {}, {}, noise};
  if (a != 0) planted.planted["a"] = a, planted.axes["N"] = Log(1e7, 1e10, 7);
  if (b != 0) planted.planted["b"] = b, planted.axes["D"] = Log(1e9, 1e12, 7);
  planted.value = [=](auto& v) {
    double value = std::exp(log_c);
    if (a != 0) value *= std::pow(v["N"], a);
    if (b != 0) value *= std::pow(v["D"], b);
    return from_one ? 1 - value : value;
  };
  return planted;
}

inline std::vector<PlantedLaw> OfPowers() {
  std::vector<PlantedLaw> all;
  for (const OnePower& one : std::vector<OnePower>{
           {"deepseek-bs", "c", .292, "a", .3271, "C"},
           {"deepseek-d-opt", "d", 5.8316, "p", .4757, "C"},
           {"deepseek-m-opt", "m", .1715, "p", .5243, "C"},
           {"ling-moe-bs", "c", .0694, "a", .3644, "C"},
           {"ling-moe-lr", "c", 1.1576, "a", -.1529, "C"},
           {"llama3-tokens", "c", .299, "a", .537, "C"},
           {"marin-v16-params", "k", .0109, "a", .535, "C"},
           {"marin-v16-tokens", "k", 16, "a", .464, "C"},
           {"params-opt-c", "k", .1, "a", .5, "C"},
           {"tokens-opt-c", "k", 1.5, "a", .5, "C"},
           {"porian-params-cosine", "n0", .00478, "a", .57142, "C"},
           {"porian-params-head-flops", "n0", 1.611e-5, "a", .7009, "C"},
           {"porian-params-kaplan-counting", "n0", 4.51e-8, "a", .83377, "C"},
           {"porian-params-short-warmup", "n0", .00134, "a", .60353, "C"},
           {"porian-tokens", "d0", 1.41, "b", .503, "C"},
           {"porian-bs", "b0", 3.7e-4, "p", .703, "N", 2048},
           {"porian-rule-bs", "b0", 160, "p", 2. / 3, "N", 2048, 1.08e8},
           {"porian-rule-lr", "lr0", .0047, "p", -1. / 3, "N", 1, 1.08e8},
           {"schaipp-bs-deepseek", "c", .086, "p", .688, "D"},
           {"shuai-bs", "c", 3240, "p", .264, "D"},
           {"zhang-cbs-ctl-n", "b0", 621.34, "p", .087, "N", 512, 1e6},
           {"zhang-cbs-d", "b0", 22.91, "p", .47, "D", 512, 1e6},
           {"nanochat-bs", "b0", 524288, "p", .383, "k"},
           {"mm1-lr", "log_c", -.5535, "a", -.4214, "N"},
           {"lr-power-c", "log_c", -1, "a", -.12, "C"},
           {"batch-power-c", "log_c", -2, "a", .33, "C"},
           {"kaplan-min-tokens", "d0", 5e3, "p", .74, "N"},
       })
    all.push_back(Planted(one));
  for (const Growth& one : std::vector<Growth>{
           {"bahri-variance-growth", "a", 1, -1},     {"chinchilla-a2-params-growth", "a", .49},
           {"chinchilla-a2-tokens-growth", "b", .51}, {"hestness-char-lm-growth", "b", -.0936},
           {"hestness-imagenet-growth", "b", -.309},  {"hestness-nmt-growth", "b", -.128},
           {"hestness-params-growth", "b", .69},      {"hestness-speech-growth", "b", -.299},
           {"kaplan-batch-growth", "p", .24},         {"kaplan-params-growth", "p", .73},
           {"kaplan-steps-growth", "p", .03},         {"nanochat-params-growth", "a", .54},
           {"nanochat-tokens-growth", "a", .49},      {"power-lines-bs-growth", "p", .383},
           {"power-lines-cbs-growth", "p", .462},     {"scion-bs-growth", "p", .45},
           {"scion-lr-growth-tuned", "q", -.28},      {"shuai-batch-growth", "p", .102},
           {"shuai-steps-growth", "p", .434},         {"shuai-tokens-growth", "p", .536}})
    all.push_back(Planted(one));
  for (const auto& [prefix, log_c, a, b] :
       {std::tuple("lr-power-", 1., -.4, .1), std::tuple("batch-power-", -2., .15, .5),
        std::tuple("cbs-power-", 2., .1, .45), std::tuple("weight-decay-power-", 3., .1, -.3)}) {
    all.push_back(OfNAndD(std::string(prefix) + "n", log_c, a, 0, false, .1));
    all.push_back(OfNAndD(std::string(prefix) + "d", log_c, 0, b, false, .1));
    all.push_back(OfNAndD(std::string(prefix) + "nd", log_c, a, b, false, .1));
  }
  all.push_back(OfNAndD("beta2-power-n", 0, -.15, 0, true, .002));
  all.push_back(OfNAndD("beta2-power-d", 0, 0, -.12, true, .002));
  all.push_back(OfNAndD("beta2-power-nd", 0, -.05, -.08, true, .002));
  return all;
}

}  // namespace sextant::fitting::planted
