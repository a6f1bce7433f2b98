// SPDX-License-Identifier: Apache-2.0
// Laws of schedules fitted to 100 000 points of curves: CPU time with intervals, and the error at the end of
// schedules that were not fitted, with how often the interval holds the truth (multi-power truths, a cosine
// and a constant curve of 2180 points each, noise of 0.4 %, 20 seeds). Usage: schedule_law_bench
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>
#include <vector>

#include "base/quantile.h"
#include "base/random.h"
#include "fitting/curve/schedule.h"
#include "fitting/curve/schedule_fit.h"

namespace {

using namespace sextant;
using namespace sextant::fitting;

// Of Luo et al. 2025, and one whose memory is unlike the published: 33 steps instead of 9, beta 0.45.
const std::vector<std::pair<const char*, MultiPowerLaw>> kTruths = {
    {"25M", {3.04045406, .52468604, .50786857, 363.78751622, 2.06560812, .58279013, .64142257}},
    {"100M", {2.6514477, .60115152, .45295811, 437.9464276, 2.13245612, .59785199, .65523644}},
    {"400M", {2.37474466, .65421216, .42878731, 523.42464371, 2.02462735, .59350493, .63472457}},
    {"unlike", {2.8, .55, .45, 420, 1, .45, .57}}};

double Cpu() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::vector<double> BenchRates(DecayShape shape, double steps, double share = 0.2) {
  return *MakeSchedule({.shape = shape,
                        .peak_learning_rate = 3e-4,
                        .final_learning_rate = 3e-5,
                        .total_steps = steps,
                        .warmup_steps = 2160,
                        .decay_share = share});
}

ScheduledCurve NoisyCurve(const MultiPowerLaw& truth, std::vector<double> rates, std::size_t stride,
                          std::uint64_t seed) {
  ScheduledCurve curve;
  curve.learning_rate = std::move(rates);
  for (std::size_t step = 2200; step < curve.learning_rate.size(); step += stride) curve.step.push_back(step);
  curve.loss = MultiPowerLoss(truth, curve.learning_rate, curve.step);
  RandomStream random(seed, curve.learning_rate.size());
  for (double& loss : curve.loss) loss *= std::exp(0.004 * random.Normal());
  return curve;
}

double EndOf(const MultiPowerLaw& law, const std::vector<double>& rates) {
  const std::vector<std::size_t> last = {rates.size() - 1};
  return MultiPowerLoss(law, rates, last).front();
}

}  // namespace

int main() {
  // Points are fitted as if every step were logged.
  const MultiPowerLaw& first = kTruths.front().second;
  const std::vector<ScheduledCurve> curves = {
      NoisyCurve(first, BenchRates(DecayShape::kCosine, 52200), 1, 1),
      NoisyCurve(first, BenchRates(DecayShape::kConstant, 52200), 1, 2)};
  std::printf("%zu points of 2 curves, 200 bootstrap replicates\n",
              curves[0].step.size() + curves[1].step.size());
  ScheduleFitOptions options;
  options.replicates = 200;
  double before = Cpu();
  const auto multi_power = FitMultiPower(curves, options);
  std::printf("multi-power: %.2f s of CPU, %s\n", Cpu() - before, multi_power.ok() ? "fitted" : "refused");
  before = Cpu();
  const auto tissue = FitTissue(curves, options);
  std::printf("tissue:      %.2f s of CPU, %s\n", Cpu() - before, tissue.ok() ? "fitted" : "refused");

  std::vector<double> step = BenchRates(DecayShape::kConstant, 24000);
  for (std::size_t i = 12000; i < step.size(); ++i) step[i] = 9e-5;
  const std::vector<std::pair<const char*, std::vector<double>>> unseen = {
      {"wsd, a fifth decays", BenchRates(DecayShape::kWsd, 24000)},
      {"wsd, a tenth decays", BenchRates(DecayShape::kWsd, 24000, 0.1)},
      {"step to 9e-5 at half", step}};
  constexpr int kSeeds = 20;
  std::printf("| truth | schedule | mean error at the end | worst of %d seeds | in the 90 %% interval |\n",
              kSeeds);
  std::printf("|---|---|---|---|---|\n");
  for (const auto& [name, truth] : kTruths) {
    std::vector<double> worst(unseen.size(), 0), sum(unseen.size(), 0);
    std::vector<int> inside(unseen.size(), 0);
    std::vector<double> end(unseen.size());
    for (std::size_t i = 0; i < unseen.size(); ++i) end[i] = EndOf(truth, unseen[i].second);
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const std::vector<ScheduledCurve> train = {
          NoisyCurve(truth, BenchRates(DecayShape::kCosine, 24000), 10, seed),
          NoisyCurve(truth, BenchRates(DecayShape::kConstant, 24000), 10, seed + 100)};
      options.replicates = 100;
      options.seed = seed;
      const auto fit = FitMultiPower(train, options);
      if (!fit.ok()) return std::fprintf(stderr, "seed %d is refused\n", static_cast<int>(seed)), 1;
      for (std::size_t i = 0; i < unseen.size(); ++i) {
        const double error = std::fabs(EndOf(fit->law, unseen[i].second) / end[i] - 1);
        worst[i] = std::max(worst[i], error);
        sum[i] += error;
        std::vector<double> drawn, scratch;
        for (const MultiPowerLaw& law : fit->replicates) drawn.push_back(EndOf(law, unseen[i].second));
        const auto [low, high] = TailQuantiles(drawn, 0.05, scratch);
        inside[i] += low <= end[i] && end[i] <= high;
      }
    }
    for (std::size_t i = 0; i < unseen.size(); ++i) {
      std::printf("| %s | %s | %.3f %% | %.3f %% | %d |\n", name, unseen[i].first, 100 * sum[i] / kSeeds,
                  100 * worst[i], inside[i]);
    }
  }
  return 0;
}
