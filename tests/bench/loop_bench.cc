// SPDX-License-Identifier: Apache-2.0
// Two questions of the loop, on the Step Law dense table and on synthetic sweeps.
//
// usage: loop_bench priors|design|synthetic [SEEDS] [RUNS.csv]
//
// priors: excess loss at the largest cells from 0, 5, 10, 20 and 50 random runs of the small cells: median of
// published laws, their consensus corrected by the runs (the default), and the study's own fit alone. design:
// the same belief after runs that suggest asked for, of a uniform grid, at random, and of the smallest cell,
// at equal FLOPs. Step Law itself, fitted to this table, is not among the published laws here.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>

#include "base/quantile.h"
#include "base/random.h"
#include "fitting/design/optimum_belief.h"
#include "fitting/design/suggest_runs.h"
#include "fitting/optimum/excess_loss.h"
#include "fitting/optimum/optimum_fit.h"
#include "fitting/optimum/predict.h"
#include "tests/fitting/optimum/sweep_files.h"

namespace sextant::fitting {
namespace {

using design::Scale;
using design::SweepRun;

// c N^a D^b of laws.md: OpenEuroLLM 2608.28308 (joint), DeepSeek 2401.02954, Porian et al. 2406.19146, Ling
// 2507.17702.
struct Published {
  const char* name;
  double rate[3], batch[3];
};
const Published kPublished[] = {
    {"oellm-joint", {std::log(0.371396), -0.417, 0.086}, {std::log(4096 * 9.901e-5), 0.145, 0.46}},
    {"deepseek",
     {std::log(0.3118) - 0.125 * std::log(6), -0.125, -0.125},
     {std::log(0.292) + 0.3271 * std::log(6), 0.3271, 0.3271}},
    {"porian", {std::log(3.7), -0.36, 0}, {std::log(2048 * 0.00037), 0.703, 0}},
    {"ling-moe",
     {std::log(1.1576) - 0.1529 * std::log(6), -0.1529, -0.1529},
     {std::log(0.0694) + 0.3644 * std::log(6), 0.3644, 0.3644}},
};

double At(const double (&law)[3], const Scale& scale) {
  return law[0] + law[1] * scale.log_params + law[2] * scale.log_tokens;
}

design::BeliefData DataOf(std::vector<SweepRun> runs, const Scale& target) {
  design::BeliefData data;
  data.centre = target;
  if (!runs.empty()) {
    data.centre = {};
    for (const SweepRun& run : runs) {
      data.centre.log_params += run.scale.log_params / static_cast<double>(runs.size());
      data.centre.log_tokens += run.scale.log_tokens / static_cast<double>(runs.size());
    }
  }
  std::vector<design::PriorLaw> laws;
  for (const Published& law : kPublished) {
    laws.push_back({law.name, design::LogPlane{At(law.rate, data.centre), law.rate[1], law.rate[2]},
                    design::LogPlane{At(law.batch, data.centre), law.batch[1], law.batch[2]}});
  }
  data.prior = design::ConsensusOf(laws);
  data.runs = std::move(runs);
  return data;
}

Eigen::Vector2d MedianOfLaws(const Scale& scale) {
  std::vector<double> rates, batches;
  for (const Published& law : kPublished) {
    rates.push_back(At(law.rate, scale));
    batches.push_back(At(law.batch, scale));
  }
  return {Quantile(rates, 0.5), Quantile(batches, 0.5)};
}

struct Truth {
  RunTable runs;
  std::vector<optimum::Cell> cells;  // by FLOPs
  std::vector<optimum::CellScorer> scorers;
  Scale ScaleOf(std::size_t cell) const { return {cells[cell].log_params, cells[cell].log_tokens}; }
  SweepRun RunOf(std::size_t cell, std::size_t run) const {
    const optimum::CellRun& r = cells[cell].runs[run];
    return {ScaleOf(cell), r.log_rate, r.log_batch, std::log(r.loss)};
  }
};

Truth Prepare(RunTable runs) {
  Truth truth;
  truth.runs = std::move(runs);
  auto table = optimum::GroupIntoCells(truth.runs, {true, true}, 0.003);
  for (optimum::Cell& cell : table->cells) {
    auto scorer = optimum::CellScorer::Make(cell);
    if (!scorer) continue;
    truth.cells.push_back(cell);
  }
  std::sort(truth.cells.begin(), truth.cells.end(), [](const optimum::Cell& a, const optimum::Cell& b) {
    return a.log_params + a.log_tokens < b.log_params + b.log_tokens;
  });
  for (const optimum::Cell& cell : truth.cells) truth.scorers.push_back(*optimum::CellScorer::Make(cell));
  return truth;
}

Truth Load(const std::string& path) {
  auto read = path.empty() ? testing::ReadStepLawDense()
                           : testing::ReadSweep(path, {"N", "D", "lr", "batch_tokens", "smooth_loss"});
  return read ? Prepare(*std::move(read)) : Truth();
}

constexpr std::size_t kTargets = 3;

struct Mean {
  double sum = 0, squares = 0;
  int count = 0;
  std::vector<double> values;  // for the median
  void Add(double x) {
    values.push_back(x);
    sum += x;
    squares += x * x;
    ++count;
  }
  double mean() const { return sum / std::max(1, count); }
  double error() const {
    return count > 1 ? std::sqrt(std::max(0.0, squares / count - mean() * mean()) / (count - 1)) : 0;
  }
};

// The study's own fit of rate and batch at the targets; false where it is refused.
bool OwnFit(const Truth& truth, const std::vector<std::pair<std::size_t, std::size_t>>& picked,
            OptimumFit& rate, OptimumFit& batch) {
  std::vector<bool> keep(truth.runs.size(), false);
  for (const auto& [cell, run] : picked) keep[truth.cells[cell].runs[run].row] = true;
  const RunTable table = SelectRows(truth.runs, keep);
  for (const OptimumTarget target : {OptimumTarget::kLearningRate, OptimumTarget::kBatchSizeTokens}) {
    OptimumOptions options;
    options.target = target;
    options.replicates = 0;
    auto fit = FitOptimum(table, options);
    if (!fit.ok()) return false;
    (target == OptimumTarget::kLearningRate ? rate : batch) = *std::move(fit);
  }
  return true;
}

void Priors(const Truth& truth, int seeds, bool own) {
  fmt::print(
      "| runs | median of published laws | default | own fit alone | own fit answers | 90 % holds rate, "
      "batch |\n|---|---|---|---|---|---|\n");
  const std::size_t small = truth.cells.size() - kTargets - (truth.cells.size() > 12 ? 5 : 0);
  for (const std::size_t count : {0, 5, 10, 20, 50}) {
    Mean median, belief, own_fit, blend;
    int answered = 0, held_rate = 0, held_batch = 0, total = 0;
    for (int seed = 0; seed < (count == 0 ? 1 : seeds); ++seed) {
      RandomStream random(static_cast<std::uint64_t>(seed) + 1, count);
      std::vector<std::pair<std::size_t, std::size_t>> all, picked;
      for (std::size_t c = 0; c < small; ++c) {
        for (std::size_t r = 0; r < truth.cells[c].runs.size(); ++r) all.emplace_back(c, r);
      }
      std::vector<SweepRun> runs;
      for (std::size_t i = 0; i < count; ++i) {
        std::swap(all[i], all[i + random.Index(all.size() - i)]);
        picked.push_back(all[i]);
        runs.push_back(truth.RunOf(all[i].first, all[i].second));
      }
      OptimumFit rate, batch;
      const bool fitted = own && count >= 10 && OwnFit(truth, picked, rate, batch);
      answered += fitted;
      for (std::size_t t = truth.cells.size() - kTargets; t < truth.cells.size(); ++t) {
        const Scale scale = truth.ScaleOf(t);
        const design::OptimumBelief b = design::BelieveAt(DataOf(runs, scale), scale);
        median.Add(truth.scorers[t].ExcessWithinRuns(MedianOfLaws(scale)));
        belief.Add(truth.scorers[t].ExcessWithinRuns(b.mean));
        const Eigen::Vector2d off = truth.scorers[t].optimum() - b.mean;
        held_rate += std::fabs(off[0]) < 1.645 * std::sqrt(b.covariance(0, 0));
        held_batch += std::fabs(off[1]) < 1.645 * std::sqrt(b.covariance(1, 1));
        ++total;
        if (!fitted) continue;
        const double n = std::exp(scale.log_params), d = std::exp(scale.log_tokens);
        const Eigen::Vector2d own_at(std::log(PredictOptimum(rate, n, d).value),
                                     std::log(PredictOptimum(batch, n, d).value));
        own_fit.Add(truth.scorers[t].ExcessWithinRuns(own_at));
        blend.Add(truth.scorers[t].ExcessWithinRuns(0.5 * (own_at + b.mean)));
      }
    }
    const int tried = count == 0 ? 1 : seeds;
    fmt::print("| {} | {:.2f} % | {:.2f} +- {:.2f} % | {} | {} of {} | {:.0f} %, {:.0f} % |\n", count,
               median.mean(), belief.mean(), belief.error(),
               own_fit.count > 0 ? fmt::format("{:.2f} % (half way {:.2f} %)", Quantile(own_fit.values, 0.5),
                                               Quantile(blend.values, 0.5))
                                 : "-",
               answered, tried, 100.0 * held_rate / total, 100.0 * held_batch / total);
    std::fflush(stdout);
  }
}

enum class Policy { kSuggest, kGrid, kRandom, kSmallest };

double Cost(const Scale& scale) { return 6 * std::exp(scale.log_params + scale.log_tokens); }

// Excess loss at the targets and the half width of the rate's interval against FLOPs spent, each step of the
// policy a point.
struct Trace {
  std::vector<double> flops, excess, width;
};

void Score(const Truth& truth, const std::vector<SweepRun>& runs, double flops, Trace& trace) {
  Mean excess, width;
  for (std::size_t t = truth.cells.size() - kTargets; t < truth.cells.size(); ++t) {
    const design::OptimumBelief b = design::BelieveAt(DataOf(runs, truth.ScaleOf(t)), truth.ScaleOf(t));
    excess.Add(truth.scorers[t].ExcessWithinRuns(b.mean));
    width.Add(1.645 * std::sqrt(b.covariance(0, 0)));
  }
  trace.flops.push_back(flops);
  trace.excess.push_back(excess.mean());
  trace.width.push_back(width.mean());
}

Trace Follow(const Truth& truth, Policy policy, const std::vector<double>& checkpoints, std::uint64_t seed) {
  RandomStream random(seed, static_cast<std::uint64_t>(policy));
  Trace trace;
  const std::size_t small = truth.cells.size() - kTargets;
  std::vector<SweepRun> runs;
  std::map<std::pair<std::size_t, std::size_t>, int> used;
  double flops = 0;
  std::size_t next = 0;
  const auto take = [&](std::size_t cell, std::size_t run) {
    runs.push_back(truth.RunOf(cell, run));
    // A table holds one seed: another run of the same setting is the same loss and noise of its own.
    if (used[{cell, run}]++ > 0) runs.back().log_loss += 0.002 * random.Normal();
    flops += Cost(truth.ScaleOf(cell));
    while (next < checkpoints.size() && flops >= checkpoints[next]) {
      Score(truth, runs, checkpoints[next], trace);
      ++next;
    }
  };
  // A uniform grid: every cell with every second rate and batch of a coarse lattice, in random order.
  std::vector<std::pair<std::size_t, std::size_t>> order;
  for (std::size_t c = 0; c < (policy == Policy::kSmallest ? 1 : small); ++c) {
    const auto& cell = truth.cells[c].runs;
    std::vector<double> rates, batches;
    for (const auto& run : cell) {
      rates.push_back(run.log_rate);
      batches.push_back(run.log_batch);
    }
    for (auto* axis : {&rates, &batches}) {
      std::sort(axis->begin(), axis->end());
      axis->erase(std::unique(axis->begin(), axis->end(), [](double a, double b) { return b - a < 0.01; }),
                  axis->end());
    }
    const auto index = [](const std::vector<double>& axis, double value) {
      return static_cast<std::size_t>(
          std::min_element(axis.begin(), axis.end(),
                           [&](double a, double b) { return std::fabs(a - value) < std::fabs(b - value); }) -
          axis.begin());
    };
    for (std::size_t r = 0; r < cell.size(); ++r) {
      const bool lattice =
          index(rates, cell[r].log_rate) % 2 == 0 && index(batches, cell[r].log_batch) % 2 == 0;
      if (policy != Policy::kGrid || lattice) order.emplace_back(c, r);
    }
  }
  if (policy != Policy::kSuggest) {
    for (std::size_t i = 0; i + 1 < order.size(); ++i)
      std::swap(order[i], order[i + random.Index(order.size() - i)]);
    for (std::size_t i = 0; next < checkpoints.size() && i < order.size(); ++i)
      take(order[i].first, order[i].second);
    while (next < checkpoints.size()) Score(truth, runs, checkpoints[next++], trace);
    return trace;
  }
  while (next < checkpoints.size()) {
    design::SuggestOptions options;
    options.target = truth.ScaleOf(truth.cells.size() - 1);
    options.budget_flops = checkpoints.back() * 2;
    options.tolerance = 1e-7;
    options.most_runs = 5;
    for (std::size_t c = 0; c < small; ++c) options.cells.push_back(truth.ScaleOf(c));
    const auto suggestion = design::SuggestRuns(DataOf(runs, options.target), options);
    if (!suggestion.ok() || suggestion->runs.empty()) break;
    for (const design::SuggestedRun& asked : suggestion->runs) {
      std::size_t cell = 0;
      while (std::fabs(truth.cells[cell].log_params - asked.scale.log_params) +
                 std::fabs(truth.cells[cell].log_tokens - asked.scale.log_tokens) >
             1e-6)
        ++cell;
      // The nearest run of the table that has not been revealed; ties by a little noise, so that seeds
      // differ.
      std::size_t nearest = 0;
      double least = HUGE_VAL;
      for (std::size_t r = 0; r < truth.cells[cell].runs.size(); ++r) {
        if (used.count({cell, r}) > 0) continue;
        const auto& run = truth.cells[cell].runs[r];
        const double distance = std::hypot(run.log_rate - std::log(asked.learning_rate),
                                           run.log_batch - std::log(asked.batch_size_tokens)) +
                                0.3 * random.Uniform();
        if (distance < least) {
          least = distance;
          nearest = r;
        }
      }
      take(cell, nearest);
    }
  }
  return trace;
}

// FLOPs at which a policy's mean excess is first at or below `excess`, between checkpoints by straight lines
// in logarithms; 0: never.
double FlopsFor(double excess, const std::vector<double>& checkpoints, const std::vector<Mean>& trace) {
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    if (trace[i].mean() > excess) continue;
    if (i == 0) return checkpoints[0];
    const double above = std::log(trace[i - 1].mean()), below = std::log(trace[i].mean());
    const double share = (above - std::log(excess)) / (above - below);
    return std::exp(std::log(checkpoints[i - 1]) + share * std::log(checkpoints[i] / checkpoints[i - 1]));
  }
  return 0;
}

// A sweep of every cell over rates and batches a factor of the square root of two apart, about optima that
// lie off every published law.
RunTable SyntheticTable(std::uint64_t seed) {
  RandomStream random(seed, 3);
  const double n_slope = -0.6 + 0.15 * random.Normal(), d_slope = 0.25 + 0.1 * random.Normal();
  const double level = std::log(2e-3) + 0.5 * random.Normal(),
               batch_level = std::log(4e5) + 0.5 * random.Normal();
  const double batch_slope = 0.55 + 0.08 * random.Normal(), high = 0.02 * std::exp(0.3 * random.Normal());
  RunTable runs;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 3; ++j) {
      const double n = 3e7 * std::pow(2.2, i), d = n * 5 * std::pow(4.0, j);
      const double u = std::log(n / 1e8), v = std::log(d / 2e9);
      const double rate = level + n_slope * u + d_slope * v + 0.1 * random.Normal();
      const double batch = batch_level + batch_slope * v + 0.1 * random.Normal();
      for (int a = -6; a <= 6; ++a) {
        for (int b = -5; b <= 5; ++b) {
          const double x = std::round(rate / 0.35) * 0.35 + 0.35 * a - rate;
          const double y = std::round(batch / 0.35) * 0.35 + 0.35 * b - batch;
          // Steeper towards high rates and small batches.
          const double cost = high * (std::exp(0.7 * x) - 1 - 0.7 * x) * 1.6 +
                              0.012 * (std::exp(-0.5 * y) - 1 + 0.5 * y) * 2 +
                              0.004 * (x - y) * (x - y) * 0.5;
          runs.id.push_back("run-" + std::to_string(runs.id.size()));
          runs.params.push_back(n);
          runs.tokens.push_back(d);
          runs.learning_rate.push_back(std::exp(rate + x));
          runs.batch_size_tokens.push_back(std::exp(batch + y));
          runs.loss.push_back((1.7 + 400 * std::pow(n, -0.34) + 410 * std::pow(d, -0.28)) *
                              std::exp(cost + 0.0015 * random.Normal()));
          runs.state.push_back(RunState::kFinished);
        }
      }
    }
  }
  return runs;
}

void Design(const std::vector<Truth>& truths, int seeds) {
  const double unit = Cost(truths[0].ScaleOf(0));
  std::vector<double> checkpoints;
  for (const double runs : {5, 10, 20, 40, 80, 160, 320, 640}) checkpoints.push_back(runs * unit);
  fmt::print(
      "Excess loss at the {} largest cells, percent, mean and its error over {} seeds; FLOPs in runs of the "
      "smallest cell\n\n",
      kTargets, seeds);
  fmt::print(
      "| FLOPs | suggest | uniform grid | random | smallest cell | half width of ln rate: suggest | grid "
      "|\n|---|---|---|---|---|---|---|\n");
  std::map<Policy, std::vector<Mean>> excess, width;
  for (const Policy policy : {Policy::kSuggest, Policy::kGrid, Policy::kRandom, Policy::kSmallest}) {
    excess[policy].resize(checkpoints.size());
    width[policy].resize(checkpoints.size());
    for (int seed = 0; seed < seeds; ++seed) {
      const Truth& truth = truths[static_cast<std::size_t>(seed) % truths.size()];
      const Trace trace = Follow(truth, policy, checkpoints, static_cast<std::uint64_t>(seed) + 1);
      for (std::size_t i = 0; i < trace.excess.size(); ++i) {
        excess[policy][i].Add(trace.excess[i]);
        width[policy][i].Add(trace.width[i]);
      }
    }
  }
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    fmt::print("| {} |", checkpoints[i] / unit);
    for (const Policy policy : {Policy::kSuggest, Policy::kGrid, Policy::kRandom, Policy::kSmallest}) {
      fmt::print(" {:.3f} +- {:.3f} |", excess[policy][i].mean(), excess[policy][i].error());
    }
    for (const Policy policy : {Policy::kSuggest, Policy::kGrid, Policy::kSmallest})
      fmt::print(" {:.2f} |", width[policy][i].mean());
    fmt::print("\n");
  }
  fmt::print("\n| excess that suggest has at | grid needs | ratio |\n|---|---|---|\n");
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    const double grid = FlopsFor(excess[Policy::kSuggest][i].mean(), checkpoints, excess[Policy::kGrid]);
    fmt::print("| {} | {} | {} |\n", checkpoints[i] / unit,
               grid > 0 ? fmt::format("{:.0f}", grid / unit) : "more",
               grid > 0 ? fmt::format("{:.1f}", grid / checkpoints[i])
                        : fmt::format("over {:.0f}", checkpoints.back() / checkpoints[i]));
  }
}

}  // namespace
}  // namespace sextant::fitting

int main(int argc, char** argv) {
  namespace fitting = sextant::fitting;
  const std::string what = argc > 1 ? argv[1] : "priors";
  const int seeds = argc > 2 ? std::stoi(argv[2]) : 50;
  if (what == "synthetic") {
    std::vector<fitting::Truth> truths;
    for (std::uint64_t seed = 1; seed <= 10; ++seed)
      truths.push_back(fitting::Prepare(fitting::SyntheticTable(seed)));
    fitting::Design(truths, seeds);
    return 0;
  }
  std::vector<fitting::Truth> truths;
  truths.push_back(fitting::Load(argc > 3 ? argv[3] : ""));
  if (truths[0].cells.size() <= 2 * fitting::kTargets) {
    fmt::print("skipped: the table is absent or has too few cells\n");
    return 0;
  }
  if (what == "priors" || what == "priors-quick") fitting::Priors(truths[0], seeds, what == "priors");
  if (what == "design") fitting::Design(truths, seeds);
  return 0;
}
