// SPDX-License-Identifier: Apache-2.0
// Do 90 % intervals of N*(C) at ten times the largest budget cover? Studies drawn from known surfaces, each
// approach fitted to each; prints the table of docs/planning.md. Arguments: seeds (200), replicates
// (200), an approach (all), a row of its table (all).
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/allocation/allocation.h"

namespace sextant::fitting {
namespace {

struct Truth {
  const char* name;
  double e, a, b, alpha, beta;
  double Loss(double n, double d) const { return e + a * std::pow(n, -alpha) + b * std::pow(d, -beta); }
  double BestParams(double flops) const {
    return std::pow(alpha * a / (beta * b), 1 / (alpha + beta)) * std::pow(flops / 6, beta / (alpha + beta));
  }
};
// Besiroglu et al. 2024, and Hoffmann et al. 2022 approach 3, whose exponents differ more.
const Truth kTruths[] = {{"Epoch", 1.817165, 482.0057, 2085.4342, 0.347813, 0.365854},
                         {"Hoffmann", 1.6933737, 406.401, 410.7228, 0.33917084, 0.2849083}};

struct Design {
  const char* name;
  int budgets;
  double factor;  // between budgets
  int sizes;      // of each
  double spread;  // sizes from N*/spread to N* spread
  double off;     // the centre of the sizes over N*
  double noise;   // relative standard deviation of the final loss
};
const Design kDesigns[] = {{"7 budgets x 9 sizes, noise 0.1 %", 7, 2.15, 9, 6, 1, 0.001},
                           {"7 budgets x 9 sizes, noise 0.3 %", 7, 2.15, 9, 6, 1, 0.003},
                           {"5 budgets x 7 sizes, noise 0.2 %", 5, 3, 7, 4, 1, 0.002},
                           {"the same, sizes 1.6 times too large", 5, 3, 7, 4, 1.6, 0.002}};
constexpr double kLeastFlops = 1e18;

std::vector<IsoFlopRun> DrawRuns(const Truth& truth, const Design& design, std::uint64_t seed) {
  RandomStream random(seed, 77);
  std::vector<IsoFlopRun> runs;
  for (int b = 0; b < design.budgets; ++b) {
    const double flops = kLeastFlops * std::pow(design.factor, b);
    for (int i = 0; i < design.sizes; ++i) {
      const double place = 2.0 * i / (design.sizes - 1) - 1;
      const double params = design.off * truth.BestParams(flops) * std::pow(design.spread, place);
      const double tokens = flops / (6 * params);
      runs.push_back(
          {flops, params, tokens, truth.Loss(params, tokens) * std::exp(design.noise * random.Normal())});
    }
  }
  return runs;
}

// Curves whose errors are a common offset (the seed's) and an AR(1) process over the points.
std::vector<TrainingCurve> DrawCurves(const Truth& truth, const Design& design, std::uint64_t seed) {
  constexpr double kMemory = 0.8;
  RandomStream random(seed, 78);
  std::vector<TrainingCurve> curves;
  const double most = kLeastFlops * std::pow(design.factor, design.budgets - 1);
  const double low = truth.BestParams(kLeastFlops) / 2, high = 2 * truth.BestParams(most);
  const int sizes = 2 * design.sizes - 4;
  for (int i = 0; i < sizes; ++i) {
    TrainingCurve curve;
    curve.params = low * std::pow(high / low, static_cast<double>(i) / (sizes - 1));
    const double first = kLeastFlops / 2 / (6 * curve.params), last = most / (6 * curve.params);
    const double offset = design.noise / std::sqrt(2.0) * random.Normal();
    double wander = random.Normal();
    constexpr int kPoints = 60;
    for (int k = 0; k < kPoints; ++k) {
      const double tokens = first * std::pow(last / first, static_cast<double>(k) / (kPoints - 1));
      wander = kMemory * wander + std::sqrt(1 - kMemory * kMemory) * random.Normal();
      curve.tokens.push_back(tokens);
      curve.loss.push_back(truth.Loss(curve.params, tokens) *
                           std::exp(offset + design.noise / std::sqrt(2.0) * wander));
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

absl::StatusOr<AllocationFit> FitBy(const std::string& approach, const Truth& truth, const Design& design,
                                    std::uint64_t seed, const AllocationBootstrap& bootstrap) {
  if (approach == "envelope") return FitEnvelope(DrawCurves(truth, design, seed), 500, bootstrap);
  const std::vector<IsoFlopRun> runs = DrawRuns(truth, design, seed);
  return approach == "isoflop" ? FitIsoFlopParabolas(runs, 0.05, bootstrap) : FitParametric(runs, bootstrap);
}

void Measure(const std::string& approach, const Truth& truth, const Design& design, int seeds,
             int replicates) {
  int covered = 0, tokens_covered = 0, answered = 0, warned = 0;
  double bias = 0, error = 0, width = 0;
  const double flops = 10 * kLeastFlops * std::pow(design.factor, design.budgets - 1);
  const double best = truth.BestParams(flops);
  for (int s = 0; s < seeds; ++s) {
    AllocationBootstrap bootstrap;
    bootstrap.replicates = replicates;
    const auto fit = FitBy(approach, truth, design, static_cast<std::uint64_t>(s) + 1, bootstrap);
    if (!fit.ok()) continue;
    const Allocation at = fit->At(flops, 0.9);
    if (!at.params.low) continue;
    ++answered;
    covered += *at.params.low <= best && best <= *at.params.high;
    const double tokens = flops / (6 * best);
    tokens_covered += *at.tokens.low <= tokens && tokens <= *at.tokens.high;
    const double miss = std::log(at.params.value / best);
    bias += miss;
    error += miss * miss;
    width += std::log(*at.params.high / *at.params.low) / 2;
    warned += !fit->warnings.empty();
  }
  std::printf("| %s | %s | %s | %d | %.0f %% | %.0f %% | %+.1f %% | %.1f %% | x%.2f | %d |\n",
              approach.c_str(), truth.name, design.name, answered, 100.0 * covered / answered,
              100.0 * tokens_covered / answered, 100 * std::expm1(bias / answered),
              100 * std::sqrt(error / answered), std::exp(width / answered), warned);
  std::fflush(stdout);
}

}  // namespace
}  // namespace sextant::fitting

int main(int argc, char** argv) {
  using namespace sextant::fitting;
  const int seeds = argc > 1 ? std::atoi(argv[1]) : 200, replicates = argc > 2 ? std::atoi(argv[2]) : 200;
  const std::string only = argc > 3 ? argv[3] : "";
  const int row = argc > 4 ? std::atoi(argv[4]) : 0;
  std::puts(
      "| approach | truth | study | answered | N* held | D* held | bias of N* | error of N* | half width | "
      "warned |");
  std::puts("|---|---|---|---|---|---|---|---|---|---|");
  for (const char* approach : {"isoflop", "parametric", "envelope"}) {
    if (!only.empty() && only != approach) continue;
    int at = 0;
    for (const Truth& truth : kTruths) {
      for (const Design& design : kDesigns) {
        // Curves have no centre to be off.
        if (std::string(approach) == "envelope" && design.off != 1) continue;
        if (row == 0 || row == ++at) Measure(approach, truth, design, seeds, replicates);
      }
    }
  }
}
