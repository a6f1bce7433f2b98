// SPDX-License-Identifier: Apache-2.0
// Laws of schedules fitted to 100 000 points of curves: CPU time, and the error at the end of schedules that
// were not fitted (multi-power truth of Luo et al. 2025, noise of 0.4 %, 20 seeds). Usage: schedule_law_bench
#include <cmath>
#include <cstdio>
#include <ctime>
#include <vector>

#include "base/random.h"
#include "fitting/curve/schedule.h"
#include "fitting/curve/schedule_fit.h"

namespace {

using namespace sextant;
using namespace sextant::fitting;

const MultiPowerLaw kTruth = {3.04045406, .52468604, .50786857, 363.78751622,
                              2.06560812, .58279013, .64142257};

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

ScheduledCurve NoisyCurve(std::vector<double> rates, std::size_t stride, std::uint64_t seed) {
  ScheduledCurve curve;
  curve.learning_rate = std::move(rates);
  for (std::size_t step = 2200; step < curve.learning_rate.size(); step += stride) curve.step.push_back(step);
  curve.loss = MultiPowerLoss(kTruth, curve.learning_rate, curve.step);
  RandomStream random(seed, curve.learning_rate.size());
  for (double& loss : curve.loss) loss *= std::exp(0.004 * random.Normal());
  return curve;
}

}  // namespace

int main() {
  // Points are fitted as if every step were logged.
  std::vector<ScheduledCurve> curves = {NoisyCurve(BenchRates(DecayShape::kCosine, 52200), 1, 1),
                                        NoisyCurve(BenchRates(DecayShape::kConstant, 52200), 1, 2)};
  std::printf("%zu points of 2 curves\n", curves[0].step.size() + curves[1].step.size());
  double before = Cpu();
  const auto multi_power = FitMultiPower(curves);
  std::printf("multi-power: %.2f s of CPU, %s\n", Cpu() - before, multi_power.ok() ? "fitted" : "refused");
  before = Cpu();
  const auto tissue = FitTissue(curves);
  std::printf("tissue:      %.2f s of CPU, %s\n", Cpu() - before, tissue.ok() ? "fitted" : "refused");

  std::vector<double> step = BenchRates(DecayShape::kConstant, 24000);
  for (std::size_t i = 12000; i < step.size(); ++i) step[i] = 9e-5;
  const std::vector<std::pair<const char*, std::vector<double>>> unseen = {
      {"wsd, a fifth decays", BenchRates(DecayShape::kWsd, 24000)},
      {"wsd, a tenth decays", BenchRates(DecayShape::kWsd, 24000, 0.1)},
      {"step to 9e-5 at half", step}};
  std::vector<double> worst(unseen.size(), 0), sum(unseen.size(), 0);
  constexpr int kSeeds = 20;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const std::vector<ScheduledCurve> train = {
        NoisyCurve(BenchRates(DecayShape::kCosine, 24000), 10, seed),
        NoisyCurve(BenchRates(DecayShape::kConstant, 24000), 10, seed + 100)};
    const auto fit = FitMultiPower(train);
    if (!fit.ok()) return std::fprintf(stderr, "seed %d is refused\n", static_cast<int>(seed)), 1;
    for (std::size_t i = 0; i < unseen.size(); ++i) {
      const std::vector<std::size_t> last = {unseen[i].second.size() - 1};
      const double error = std::fabs(MultiPowerLoss(fit->law, unseen[i].second, last).front() /
                                         MultiPowerLoss(kTruth, unseen[i].second, last).front() -
                                     1);
      worst[i] = std::max(worst[i], error);
      sum[i] += error;
    }
  }
  for (std::size_t i = 0; i < unseen.size(); ++i) {
    std::printf("%-22s mean error at the end %.3f %%, worst of %d seeds %.3f %%\n", unseen[i].first,
                100 * sum[i] / kSeeds, kSeeds, 100 * worst[i]);
  }
  return 0;
}
