// SPDX-License-Identifier: Apache-2.0
// What a law given as text costs next to the same law written by hand, at each CPU level.
//
//   law_evaluation_bench [ROUNDS]
//
// Prints CPU time per evaluation (log value and Jacobian over n points) of both, taken in interleaved rounds,
// and the median of their ratio: machines throttle, ratios of neighbouring rounds do not. Exits 1 if the two
// disagree.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "fitting/law/compiled_law.h"
#include "law_evaluation_hand.h"
#include "tests/test_paths.h"

namespace sextant::bench {
namespace {

using fitting::tape::CpuLevel;

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <typename F>
double SecondsEach(std::size_t repeats, F f) {
  const double start = CpuSeconds();
  for (std::size_t i = 0; i < repeats; ++i) f(i);
  return (CpuSeconds() - start) / static_cast<double>(repeats);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

HandKernel Hand(CpuLevel level) {
#ifdef SEXTANT_X86_KERNELS
  if (level == CpuLevel::kAvx2) return kHandAvx2;
  if (level == CpuLevel::kAvx512) return kHandAvx512;
#endif
  (void)level;
  return kHandBaseline;
}

std::shared_ptr<const fitting::Law> ChinchillaLaw() {
  auto catalogue = fitting::Catalogue::Load(SEXTANT_SOURCE_DIR "/data/laws");
  if (!catalogue.ok()) {
    std::fprintf(stderr, "%s\n", catalogue.status().ToString().c_str());
    std::exit(1);
  }
  return (*catalogue)->Find("loss-chinchilla");
}

// One line: both versions over n points at one CPU level. False if their numbers differ.
bool Compare(const std::shared_ptr<const fitting::Law>& law, CpuLevel level, std::size_t n, int rounds) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> log_params(18, 23.5), log_tokens(19, 26.5);
  std::vector<double> params(n), tokens(n), minus_log_params(n), minus_log_tokens(n);
  for (std::size_t i = 0; i < n; ++i) {
    minus_log_params[i] = -log_params(random), minus_log_tokens[i] = -log_tokens(random);
    params[i] = std::exp(-minus_log_params[i]), tokens[i] = std::exp(-minus_log_tokens[i]);
  }
  const ChinchillaColumns data{n, minus_log_params.data(), minus_log_tokens.data()};
  const HandKernel hand = Hand(level);
  auto bound = fitting::BindTo(law, {params, tokens}, fitting::tape::KernelsOf(level));
  const std::size_t pairs = bound->SecondDerivativePairs()->size();
  std::vector<double> hand_value(n), hand_jacobian(5 * n), value(n), jacobian(5 * n), second(pairs * n);
  // Parameters change between evaluations, as they do in a fit.
  auto parameters = [](std::size_t i) {
    const double shift = 1e-3 * static_cast<double>(i % 16);
    return std::vector<double>{1.8 + shift, 480 + shift, 2100, 0.35 + shift, 0.37};
  };
  std::vector<std::vector<double>> sets;
  for (std::size_t i = 0; i < 16; ++i) sets.push_back(parameters(i));

  const std::size_t repeats = std::max<std::size_t>(20, 400000 / (n + 20));
  std::vector<double> hand_seconds, tape_seconds, second_seconds, ratios, second_ratios;
  for (int round = 0; round < rounds; ++round) {
    const double by_hand = SecondsEach(repeats, [&](std::size_t i) {
      hand(data, sets[i % 16].data(), hand_value.data(), hand_jacobian.data());
    });
    const double by_tape = SecondsEach(
        repeats, [&](std::size_t i) { bound->LogValuesAndJacobian(sets[i % 16], value, jacobian); });
    const double with_second = SecondsEach(repeats, [&](std::size_t i) {
      bound->LogValuesAndSecondDerivatives(sets[i % 16], value, jacobian, second);
    });
    hand_seconds.push_back(by_hand), tape_seconds.push_back(by_tape), second_seconds.push_back(with_second);
    ratios.push_back(by_tape / by_hand), second_ratios.push_back(with_second / by_tape);
  }
  hand(data, sets[3].data(), hand_value.data(), hand_jacobian.data());
  bound->LogValuesAndJacobian(sets[3], value, jacobian);
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i) worst = std::max(worst, std::fabs(value[i] - hand_value[i]));
  for (std::size_t i = 0; i < 5 * n; ++i) {
    worst = std::max(worst, std::fabs(jacobian[i] / hand_jacobian[i] - 1));
  }
  std::printf("%-8s %6zu %10.3f %10.3f %8.2f %12.3f %8.2f %10.1e\n", fitting::tape::CpuLevelName(level), n,
              1e6 * Median(hand_seconds), 1e6 * Median(tape_seconds), Median(ratios),
              1e6 * Median(second_seconds), Median(second_ratios), worst);
  return worst < 1e-12;
}

void PrintCompileCost(const std::shared_ptr<const fitting::Law>& law) {
  const double compile = SecondsEach(200, [&](std::size_t) { (void)fitting::Law::Compile(law->spec()); });
  std::vector<double> params(245, 1e9), tokens(245, 1e10);
  const double bind = SecondsEach(200, [&](std::size_t) {
    (void)fitting::BoundLaw::Bind(law, {std::span<const double>(params), tokens});
  });
  std::printf("compiling from text %.0f us, binding 245 points %.1f us\n", 1e6 * compile, 1e6 * bind);
}

}  // namespace
}  // namespace sextant::bench

int main(int argc, char** argv) {
  using namespace sextant;
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 41;
  const auto law = bench::ChinchillaLaw();
  bench::PrintCompileCost(law);
  std::printf(
      "E + A/N^alpha + B/D^beta: log value and 5 Jacobian columns, CPU us per evaluation, medians of %d "
      "rounds\n",
      rounds);
  std::printf("%-8s %6s %10s %10s %8s %12s %8s %10s\n", "level", "n", "by hand", "text law", "ratio",
              "+ 2nd deriv", "x first", "difference");
  bool agree = true;
  for (auto level : fitting::tape::SupportedCpuLevels()) {
    for (std::size_t n : {50u, 245u, 2000u}) agree = bench::Compare(law, level, n, rounds) && agree;
  }
  return agree ? 0 : 1;
}
