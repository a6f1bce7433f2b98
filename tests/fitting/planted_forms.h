// SPDX-License-Identifier: Apache-2.0
// Planted laws of the remaining forms: implicit ones, recipes with caps, mixtures (planted_laws.h).
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/fitting/planted_law.h"

namespace sextant::fitting::planted {

/// The root of a rising function between low and high, by halving.
template <typename F>
double Root(F rising, double low, double high) {
  for (int i = 0; i < 200; ++i) {
    const double middle = .5 * (low + high);
    (rising(middle) > 0 ? high : low) = middle;
  }
  return .5 * (low + high);
}

inline PlantedLaw EnvelopeOfC(const char* law, const char* amplitude, const char* exponent, double e,
                              double a, double p) {
  return {law,
          {{"E", e}, {amplitude, a}, {exponent, p}},
          {{"C", Log(1e17, 1e24, 40)}},
          [=](auto& v) { return e + a * std::pow(v["C"], -p); },
          .001};
}

inline PlantedLaw Mixture(const char* law, double a, double s, double b) {
  return {law,
          {{"a", a}, {"s", s}, {"b", b}},
          {{"D", Log(1.2e10, 4e12, 24)}},
          [=](auto& v) { return a * std::pow(v["D"] / 2e8, s) + b; },
          .01};
}

inline PlantedLaw Surface(const char* law, double e, double a, double alpha, double b, double beta) {
  return {law,
          {{"E", e}, {"A", a}, {"alpha", alpha}, {"B", b}, {"beta", beta}},
          {{"N", Log(3e7, 1e10, 9)}, {"D", Log(3e8, 3e11, 9)}},
          [=](auto& v) { return e + a * std::pow(v["N"], -alpha) + b * std::pow(v["D"], -beta); },
          .003};
}

inline std::vector<PlantedLaw> OfForms() {
  using At = std::map<std::string, double>&;
  const auto n = Log(3e7, 3e9, 6), d = Log(1e9, 1e11, 6), c = Log(1e18, 1e22, 16), k = Log(.1, 100, 16);
  return {
      Surface("chinchilla-a3", 1.69, 406.4, .34, 410.7, .28),
      Surface("chinchilla-a3-unrounded", 1.6934, 406.4, .33917, 410.72, .28491),
      Surface("chinchilla-epoch", 1.8172, 482.01, .3478, 2085.43, .3658),
      EnvelopeOfC("marin-may-envelope", "A", "alpha", 1.6, 88.32, .0941),
      EnvelopeOfC("marin-v16-paloma", "A", "alpha", 1.6, 95.18, .0941),
      EnvelopeOfC("marin-v16-c4-en", "A", "alpha", .4814, 25.97, .0915),
      EnvelopeOfC("porian-l-c", "l0", "p", 1.68, 87.16, .092),
      EnvelopeOfC("porian-l-c-released", "l0", "p", 2.0056, 128.93, .10597),
      Mixture("cmr-940m", .7520627, .13720245, -1.06581937),
      Mixture("cmr-1-6b", -2.36384831, -.15125569, 1.59223649),
      Mixture("cmr-3-1b", -2.5368197, -.42071423, .84375368),
      {"loss-equal-exponents",
       {{"E", 1.8}, {"A", 400.}, {"B", 900.}, {"alpha", .33}},
       {{"N", Log(3e7, 1e10, 9)}, {"D", Log(3e8, 3e11, 9)}},
       [](At v) { return 1.8 + 400. * std::pow(v["N"], -.33) + 900. * std::pow(v["D"], -.33); },
       .003},
      {"loss-product",
       {{"E", 1.5}, {"A", 60.}, {"alpha", .1}, {"beta", .09}},
       {{"N", Log(3e7, 1e10, 9)}, {"D", Log(3e8, 3e11, 9)}},
       [](At v) { return 1.5 + 60. * std::pow(v["N"], -.1) * std::pow(v["D"], -.09); },
       .003},
      {"loss-saturating",
       {{"E", 1.7}, {"R", 6.}, {"A", 90.}, {"B", 120.}, {"alpha", .34}, {"beta", .29}},
       {{"N", Log(1e5, 1e10, 12)}, {"D", Log(1e6, 3e11, 12)}},
       [](At v) {
         const double missing = 90. * std::pow(v["N"], -.34) + 120. * std::pow(v["D"], -.29);
         return 1.7 + 6. * missing / (1 + missing);
       },
       .003},
      {"loss-tokens-by-size",
       {{"E", 1.8}, {"A", 480.}, {"B", 700.}, {"alpha", .35}, {"gamma", .05}, {"beta", .36}},
       {{"N", Log(3e7, 1e10, 9)}, {"D", Log(3e8, 3e11, 9)}},
       [](At v) {
         return 1.8 + 480. * std::pow(v["N"], -.35) + 700. * std::pow(v["N"], .05) * std::pow(v["D"], -.36);
       },
       .003},
      {"loss-farseer",
       {{"a1", -.124},
        {"b1", .424},
        {"alpha", .123},
        {"a2", 88.01},
        {"b2", -6.287},
        {"beta", -.1},
        {"a3", -.021},
        {"b3", -.091},
        {"gamma", .169}},
       {{"N", Log(1e8, 2.5e10, 12)}, {"D", Log(1e9, 1e12, 12)}},
       [](At v) {
         const double slope = std::exp(-.124 * std::pow(v["N"], .123) + .424);
         return std::exp(-.021 * std::pow(v["N"], .169) - .091) +
                std::exp(88.01 / std::pow(v["N"], .1) - 6.287) / std::pow(v["D"], slope);
       },
       .001},
      {"loss-kaplan",
       {{"N_c", 6.4e13}, {"D_c", 1.8e13}, {"alpha_N", .076}, {"alpha_D", .103}},
       {{"N", n}, {"D", Log(2e7, 2e10, 8)}},
       [](At v) { return std::pow(std::pow(6.4e13 / v["N"], .076 / .103) + 1.8e13 / v["D"], .103); },
       .003},
      {"loss-bryant-liu",
       {{"E", 1.7},
        {"L0", 10.8},
        {"a", 60},
        {"alpha", .35},
        {"b", 130},
        {"beta", .34},
        {"c", 1.2},
        {"gamma", .3},
        {"delta", .45}},
       {{"N", Log(1e6, 1e10, 8)}, {"D", Log(1e7, 1e12, 8)}, {"U", Log(1e6, 1e10, 6)}},
       [](At v) {
         const double h = 60 * std::pow(v["N"], -.35) + 130 * std::pow(v["D"], -.34) +
                          1.2 * std::pow(v["N"], .3) / std::pow(v["U"], .45);
         return 1.7 + (10.8 - 1.7) * h / (1 + h);
       },
       .002},
      {"loss-d-cpt",
       {{"E", 1.6},
        {"A", 300},
        {"alpha", .32},
        {"B", 900},
        {"eta", .4},
        {"beta", .33},
        {"C", .08},
        {"epsilon", .05},
        {"gamma", .5}},
       {{"N", Log(5e7, 3e9, 5)}, {"D", Log(1e9, 1e11, 6)}, {"r", {.01, .02, .05, .1, .2, .35, .5, .7, .9}}},
       [](At v) {
         return 1.6 + 300 * std::pow(v["N"], -.32) + 900 * std::pow(v["r"], .4) * std::pow(v["D"], -.33) +
                .08 / std::sqrt(v["r"] + .05);
       },
       .001},
      {"loss-trajectory",
       {{"N_c", 6.5e13},
        {"alpha_N", .077},
        {"S_c", 2100},
        {"alpha_S", .76},
        {"B_star", 2e8},
        {"alpha_B", .21}},
       {{"N", n}, {"S", Log(500, 1e5, 8)}, {"B", Log(3e4, 3e6, 5)}},
       [](At v) {
         return Root(
             [&](double loss) {
               const double critical = 2e8 / std::pow(loss, 1 / .21);
               const double least = v["S"] / (1 + critical / v["B"]);
               return loss - std::pow(6.5e13 / v["N"], .077) - std::pow(2100 / least, .76);
             },
             .1, 1e3);
       },
       .002},
      {"curve-bnsl",
       {{"a", .3}, {"b", 2}, {"c0", .1}, {"c1", .4}, {"d1", 500}, {"f1", .5}},
       {{"x", Log(1, 1e6, 80)}},
       [](At v) {
         return .3 + 2 * std::pow(v["x"], -.1) * std::pow(1 + std::pow(v["x"] / 500, 1 / .5), -.4 * .5);
       },
       .002},
      {"curve-m4",
       {{"beta", 2}, {"c", -.3}, {"alpha", .5}, {"eps_inf", .5}, {"eps_0", 3}},
       {{"x", Log(1, 1e5, 40)}},
       [](At v) {
         return Root([&](double e) { return (e - .5) / std::sqrt(3 - e) - 2 * std::pow(v["x"], -.3); }, .5,
                     3);
       },
       .003},
      {"precision-n-eff",
       {{"gamma", 2.7}},
       {{"N", n}, {"P", {3, 4, 5, 6, 8}}},
       [](At v) { return v["N"] * (1 - std::exp(-v["P"] / 2.7)); },
       .02},
      {"sld-lrbs",
       {{"E", 1.5},
        {"A", 300},
        {"alpha", .33},
        {"A_D", 500},
        {"beta", .32},
        {"c", .02},
        {"d0", 4},
        {"d1", -.6},
        {"d2", .2},
        {"f", 2e-6},
        {"g", .7}},
       {{"N", Log(1e8, 1e9, 4)},
        {"D", Log(2e9, 1e11, 5)},
        {"eta", Log(3e-4, 2e-2, 6)},
        {"B", Log(3e4, 3e6, 5)}},
       [](At v) {
         const double off = std::log(v["eta"]) - 4 + .6 * std::log(v["N"]) - .2 * std::log(v["B"]);
         return 1.5 + 300 * std::pow(v["N"], -.33) + 500 * std::pow(v["D"], -.32) + .02 * off * off +
                2e-6 * std::pow(v["B"], .7);
       },
       .001},
      {"step-law-bs",
       {{"c", .58}, {"b", .571}},
       {{"N", n}, {"D", d}},
       [](At v) { return .58 * std::pow(v["D"], .571); },
       .1},
      {"oellm-joint-bs",
       {{"b0", 9.901e-5}, {"a", .145}, {"b", .46}},
       {{"N", n}, {"D", d}},
       [](At v) { return 4096 * 9.901e-5 * std::pow(v["N"], .145) * std::pow(v["D"], .46); },
       .1},
      {"minicpm-bs",
       {{"c", 1.21e9}, {"p", 6.24}},
       {{"L", Log(2, 4, 16)}},
       [](At v) { return 1.21e9 / std::pow(v["L"], 6.24); },
       .05},
      {"minicpm-lr", {{"lr", .01}}, {{"N", Log(4e7, 2e9, 16)}}, [](At) { return .01; }, .05},
      {"minicpm-params",
       {{"K2", .01}, {"eta", -.1}},
       {{"C", c}},
       [](At v) { return 1e9 * std::sqrt(.01 * std::pow(v["C"] / 6e18, 1 - .1)); },
       .05},
      {"minicpm-tokens",
       {{"K2", .01}, {"eta", -.1}},
       {{"C", c}},
       [](At v) { return 1e9 * std::sqrt(std::pow(v["C"] / 6e18, 1 + .1) / .01); },
       .05},
      {"kaplan-l-c",
       {{"C_c", 3.1e8}, {"alpha_C", .05}},
       {{"C", c}},
       [](At v) { return std::pow(3.1e8 * 8.64e19 / v["C"], .05); },
       .003},
      {"kaplan-l-d",
       {{"D_c", 5.4e13}, {"alpha_D", .095}},
       {{"D", Log(1e8, 1e11, 16)}},
       [](At v) { return std::pow(5.4e13 / v["D"], .095); },
       .003},
      {"kaplan-l-n",
       {{"N_c", 8.8e13}, {"alpha_N", .076}},
       {{"N", Log(1e6, 1e10, 40)}},
       [](At v) { return std::pow(8.8e13 / v["N"], .076); },
       .003},
      {"kaplan-lr",
       {{"a", .003239}, {"b", 1.395e-4}},
       {{"N", Log(1e6, 1.5e9, 16)}},
       [](At v) { return .003239 - 1.395e-4 * std::log(v["N"]); },
       .05},
      {"cbs-power-loss",
       {{"B_star", 2e8}, {"alpha", .21}},
       {{"L", Log(2, 4, 16)}},
       [](At v) { return 2e8 / std::pow(v["L"], 1 / .21); },
       .05},
      {"mccandlish-tokens",
       {{"E_min", 1e9}, {"B_crit", 1e5}},
       {{"B", Log(1e3, 1e7, 16)}},
       [](At v) { return 1e9 * (1 + v["B"] / 1e5); },
       .03},
      {"chinchilla-a1-params",
       {{"a", .5}},
       {{"C", c}},
       [](At v) { return 1e10 * std::sqrt(v["C"] / 1.23e22); },
       .05},
      {"chinchilla-a1-tokens",
       {{"b", .5}},
       {{"C", c}},
       [](At v) { return 2.051e11 * std::sqrt(v["C"] / 1.23e22); },
       .05},
      {"chinchilla-a3-tokens",
       {{"A", 406.4}, {"beta", .28}},
       {{"C", c}},
       [](At v) { return std::pow(v["C"] / 6, .34 / .62) / std::pow(.34 * 406.4 / (.28 * 410.7), 1 / .62); },
       .05},
      {"chinchilla-a3-unrounded-params",
       {{"A", 406.401}, {"beta", .2849083}},
       {{"C", c}},
       [](At v) {
         const double sum = .33917084 + .2849083, g = .33917084 * 406.401 / (.2849083 * 410.7228269450398);
         return std::pow(g, 1 / sum) * std::pow(v["C"] / 6, .2849083 / sum);
       },
       .05},
      {"chinchilla-a3-unrounded-tokens",
       {{"A", 406.401}, {"beta", .2849083}},
       {{"C", c}},
       [](At v) {
         const double sum = .33917084 + .2849083, g = .33917084 * 406.401 / (.2849083 * 410.7228269450398);
         return std::pow(g, -1 / sum) * std::pow(v["C"] / 6, .33917084 / sum);
       },
       .05},
      {"chinchilla-epoch-params",
       {{"A", 482}, {"beta", .36585412}},
       {{"C", c}},
       [](At v) {
         const double sum = .34781303 + .36585412, g = .34781303 * 482 / (.36585412 * 2085.434195928221);
         return std::pow(g, 1 / sum) * std::pow(v["C"] / 6, .36585412 / sum);
       },
       .05},
      {"chinchilla-epoch-tokens",
       {{"A", 482}, {"beta", .36585412}},
       {{"C", c}},
       [](At v) {
         const double sum = .34781303 + .36585412, g = .34781303 * 482 / (.36585412 * 2085.434195928221);
         return std::pow(g, -1 / sum) * std::pow(v["C"] / 6, .34781303 / sum);
       },
       .05},
      {"bahri-resolution-growth",
       {{"a", 4}},
       {{"k", Log(1, 100, 8)}, {"d", {4, 8, 16, 32}}},
       [](At v) { return std::pow(v["k"], -4 / v["d"]); },
       .05},
      {"scion-lr-growth",
       {{"p", .62}, {"q", -.56}},
       {{"k_B", {.5, 1, 2, 4}}, {"k_D", {1, 2, 4, 8, 16}}},
       [](At v) { return std::pow(v["k_B"], .62) * std::pow(v["k_D"], -.56); },
       .05},
      {"delphi-lr",
       {{"p", .3}},
       {{"k_B", Log(.5, 8, 6)}, {"k_D", Log(1, 32, 7)}},
       [](At v) { return std::sqrt(v["k_B"]) * std::pow(v["k_D"], -.3); },
       .05},
      {"nanochat-weight-decay-january",
       {{"c", .22}, {"a", 2}},
       {{"depth", {6, 8, 10, 12, 16, 20, 26, 32}}},
       [](At v) { return .22 * std::pow(12 / v["depth"], 2); },
       .05},
      {"marin-compute-multiplier",
       {{"E", 1.6}, {"p", .0941}},
       {{"L", Log(2.6, 4, 6)}, {"L_better", Log(2.2, 2.5, 6)}},
       [](At v) { return std::pow((v["L"] - 1.6) / (v["L_better"] - 1.6), 1 / .0941); },
       .05},
      {"delphi-adamh-lr",
       {{"c", .0063}, {"p", .3}},
       {{"B", Log(65536, 4e6, 6)}, {"D", Log(3e10, 1e12, 6)}},
       [](At v) {
         return std::min(.01, .0063 * std::sqrt(v["B"] / (4096. * 64)) * std::pow(2.5e9 / v["D"], .3));
       },
       .05},
      {"delphi-adam-lr",
       {{"c", .000656}},
       {{"B", Log(65536, 4e6, 6)}, {"D", Log(2.5e9, 1e12, 6)}},
       [](At v) { return .000656 * std::sqrt(v["B"] * 2.5e9 / (4096. * 64 * v["D"])); },
       .05},
      {"delphi-adamh-epsilon",
       {{"e0", 1.85e-8}},
       {{"B", Log(65536, 4e6, 6)}, {"D", Log(2.5e9, 1e12, 6)}},
       [](At v) { return 1.85e-8 * std::sqrt(4096. * 64 * v["D"] / (v["B"] * 2.5e9)); },
       .05},
      {"delphi-adamh-beta2",
       {{"b", .9999}},
       {{"B", Log(262144, 1.6e8, 40)}},
       [](At v) { return std::clamp(std::pow(.9999, v["B"] / (4096. * 64)), .9, .9999); },
       .0005},
      {"muonh-moe-beta2",
       {{"b", .999}},
       {{"B", Log(131072, 6e6, 16)}},
       [](At v) { return std::clamp(std::pow(.999, v["B"] / 131072), .95, .9999); },
       .0005},
      {"c-adamc-beta2",
       {{"b", .98}},
       {{"sequences", Log(16, 300, 16)}},
       [](At v) { return std::max(.95, std::pow(.98, v["sequences"] / 128)); },
       .0005},
      {"c-adamc-lr",
       {{"c", .33}},
       {{"sequences", Log(16, 2048, 6)}, {"d", {512, 1024, 2048, 4096}}},
       [](At v) { return .33 * std::sqrt(v["sequences"]) / v["d"]; },
       .05},
      {"muonh-moe-lr",
       {{"c", .06602}, {"a", -.395}, {"b", -.15}},
       {{"D", Log(1e10, 1e12, 5)}, {"d", {512, 1024, 2048, 4096}}, {"B", Log(3e5, 3e6, 4)}},
       [](At v) {
         const double rate = .06602 * std::pow(v["D"], -.395) * std::pow(v["d"], -.15) * std::sqrt(v["B"]);
         return std::min(.05, 13. / 3 * rate);
       },
       .05},
      {"adamh-moe-lr",
       {{"c", 1.63}, {"a", -.2813}, {"b", -.3678}},
       {{"D", Log(1e10, 1e12, 5)}, {"d", {512, 1024, 2048, 4096}}, {"B", Log(3e5, 3e6, 4)}},
       [](At v) {
         return 13. / 3 * 1.63 * std::pow(v["D"], -.2813) * std::pow(v["d"], -.3678) *
                std::sqrt(v["B"] / 4096);
       },
       .05},
  };
}

}  // namespace sextant::fitting::planted
