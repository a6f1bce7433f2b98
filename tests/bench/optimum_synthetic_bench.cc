// SPDX-License-Identifier: Apache-2.0
// How every estimator of the optimum does on random sweeps with known truth: how often 90 % intervals hold
// the optimum of cells that were left out or lie beyond the sweep, and the true excess loss there.
//
// usage: optimum_synthetic_bench [SWEEPS_PER_FAMILY] [REPLICATES]
#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "fitting/optimum/predict.h"
#include "tests/fitting/optimum/truth_sweeps.h"

namespace sextant::fitting {
namespace {

using testing::TrueCell;
using testing::TruthFamily;
using testing::TruthSweep;

constexpr const char* kDefault = "auto";

struct Coverage {
  int held = 0, asked = 0;
  std::vector<double> width;  ///< ln(high / low)
  std::vector<double> miss;   ///< |ln(value / truth)|
  void Add(const OptimumPrediction& p, double truth) {
    held += p.low <= truth && truth <= p.high;
    ++asked;
    width.push_back(std::log(p.high / p.low));
    miss.push_back(std::abs(std::log(p.value / truth)));
  }
  void Merge(const Coverage& other) {
    held += other.held;
    asked += other.asked;
    width.insert(width.end(), other.width.begin(), other.width.end());
    miss.insert(miss.end(), other.miss.begin(), other.miss.end());
  }
  std::string Text() {
    if (asked == 0) return "-";
    std::sort(width.begin(), width.end());
    std::sort(miss.begin(), miss.end());
    return fmt::format("{:4d} of {:4d} {:5.1f} %   ln width {:.2f}, ln miss median {:.3f}, 90 % {:.3f}", held,
                       asked, 100.0 * held / asked, width[width.size() / 2], miss[miss.size() / 2],
                       miss[miss.size() * 9 / 10]);
  }
};

struct Outcome {
  std::map<std::string, std::vector<double>> excess;  ///< by estimator, percent
  std::map<std::string, int> refused;
  Coverage inside, beyond;  ///< of the default
  Coverage rate, batch;
  void Merge(const Outcome& other) {
    for (const auto& [name, values] : other.excess) {
      excess[name].insert(excess[name].end(), values.begin(), values.end());
    }
    for (const auto& [name, count] : other.refused) refused[name] += count;
    inside.Merge(other.inside);
    beyond.Merge(other.beyond);
    rate.Merge(other.rate);
    batch.Merge(other.batch);
  }
};

Outcome Judge(const TruthFamily& family, std::uint64_t seed, int replicates) {
  const TruthSweep sweep = TruthSweep::Make(family, seed);
  std::vector<TrueCell> cells = sweep.inside;
  cells.insert(cells.end(), sweep.beyond.begin(), sweep.beyond.end());
  Outcome outcome;
  for (const std::string& estimator : EstimatorNames()) {
    OptimumOptions options;
    options.estimator = estimator;
    options.replicates = estimator == kDefault ? replicates : 0;
    options.target = OptimumTarget::kLearningRate;
    const absl::StatusOr<OptimumFit> rate = FitOptimum(sweep.runs, options);
    options.target = OptimumTarget::kBatchSizeTokens;
    const absl::StatusOr<OptimumFit> batch = FitOptimum(sweep.runs, options);
    if (!rate.ok() || !batch.ok()) {
      ++outcome.refused[estimator];
      continue;
    }
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const OptimumPrediction r = PredictOptimum(*rate, cells[c].params, cells[c].tokens);
      const OptimumPrediction b = PredictOptimum(*batch, cells[c].params, cells[c].tokens);
      outcome.excess[estimator].push_back(sweep.ExcessPercent(cells[c], r.value, b.value));
      if (estimator != kDefault || replicates == 0) continue;
      Coverage& place = c < sweep.inside.size() ? outcome.inside : outcome.beyond;
      place.Add(r, cells[c].rate);
      place.Add(b, cells[c].batch);
      outcome.rate.Add(r, cells[c].rate);
      outcome.batch.Add(b, cells[c].batch);
    }
  }
  return outcome;
}

void Print(const std::string& name, Outcome& outcome) {
  fmt::print("{}\n  inside  {}\n  beyond  {}\n  rate    {}\n  batch   {}\n", name, outcome.inside.Text(),
             outcome.beyond.Text(), outcome.rate.Text(), outcome.batch.Text());
  for (auto& [estimator, values] : outcome.excess) {
    std::sort(values.begin(), values.end());
    fmt::print(
        "  {:<10} excess loss % mean {:.3f} median {:.3f} 95 % {:.3f} max {:.2f}{}\n", estimator,
        std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()),
        values[values.size() / 2], values[values.size() * 95 / 100], values.back(),
        outcome.refused[estimator] > 0 ? fmt::format(" ({} refused)", outcome.refused[estimator]) : "");
  }
}

}  // namespace
}  // namespace sextant::fitting

int main(int argc, char** argv) {
  using namespace sextant::fitting;
  const int sweeps = argc > 1 ? std::atoi(argv[1]) : 4;
  const int replicates = argc > 2 ? std::atoi(argv[2]) : 200;
  Outcome pure, deviating;
  const std::clock_t start = std::clock();
  for (const TruthFamily& family : testing::TruthFamilies()) {
    std::vector<Outcome> outcomes(static_cast<std::size_t>(sweeps));
    tbb::parallel_for(std::size_t{0}, outcomes.size(),
                      [&](std::size_t i) { outcomes[i] = Judge(family, i + 1, replicates); });
    Outcome all;
    for (const Outcome& outcome : outcomes) all.Merge(outcome);
    Print(family.name, all);
    (family.model_deviation + family.cell_deviation > 0 ? deviating : pure).Merge(all);
  }
  Print("all whose cells keep to the laws", pure);
  Print("all whose cells deviate", deviating);
  fmt::print("{:.0f} s CPU\n", static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  return 0;
}
