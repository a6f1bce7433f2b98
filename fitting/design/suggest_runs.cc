// SPDX-License-Identifier: Apache-2.0
#include "fitting/design/suggest_runs.h"

#include <absl/strings/str_cat.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace sextant::fitting::design {
namespace {

constexpr double kFlopsPerParamToken = 6;  ///< Kaplan et al. 2020
constexpr std::size_t kMostCells = 400;
constexpr int kMostSuggested = 1000;
double NormalQuantile(double p) {
  double low = 0, high = 10;
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return low;
}

struct Placed {
  std::size_t cell;
  Eigen::Vector2d at;  ///< absolute
};

using Pattern = std::vector<Eigen::Vector2d>;

// Offsets in steps of (ln rate, ln batch).
const std::vector<Pattern>& Patterns() {
  static const auto* patterns = new std::vector<Pattern>{
      {{0, 0}, {-1, 0}, {1, 0}, {0, -1}, {0, 1}},
      {{0, 0}, {-1, 0}, {1, 0}},
      {{-1, -1}, {1, 1}, {-1, 1}, {1, -1}},
  };
  return *patterns;
}
const std::vector<Pattern>& SingleRuns() {
  static const auto* singles =
      new std::vector<Pattern>{{{0, 0}}, {{1, 0}},  {{-1, 0}}, {{0, 1}},  {{0, -1}}, {{1, 1}}, {{-1, -1}},
                               {{2, 0}}, {{-2, 0}}, {{0, 2}},  {{0, -2}}, {{1, -1}}, {{-1, 1}}};
  return *singles;
}

double Cost(const Scale& scale) {
  return kFlopsPerParamToken * std::exp(scale.log_params + scale.log_tokens);
}

class Designer {
 public:
  Designer(const BeliefData& data, const SuggestOptions& options)
      : options_(options),
        origin_(data.prior.mean[0], data.prior.mean[3]),
        cells_(MakeCells(data, options)),
        target_(FindCell(cells_, options.target)),
        space_(Condition(data, cells_, curvature_)),
        mean_(Means()),
        tried_(cells_.size()) {
    for (const SweepRun& run : data.runs)
      tried_[FindCell(cells_, run.scale)].emplace_back(run.log_rate, run.log_batch);
    for (const Scale& cell : options.cells) allowed_.push_back(FindCell(cells_, cell));
  }

  double Excess() const { return ExcessOf(space_); }

  TargetBelief Belief() const {
    TargetBelief belief;
    const Eigen::Matrix2d covariance = space_.OptimumCovariance(target_);
    const double quantile = NormalQuantile(0.5 + options_.interval / 2);
    const Eigen::Vector2d half = quantile * covariance.diagonal().cwiseMax(0).cwiseSqrt();
    belief.learning_rate = std::exp(mean_[target_][0]);
    belief.rate_low = std::exp(mean_[target_][0] - half[0]);
    belief.rate_high = std::exp(mean_[target_][0] + half[0]);
    belief.batch_size_tokens = std::exp(mean_[target_][1]);
    belief.batch_low = std::exp(mean_[target_][1] - half[1]);
    belief.batch_high = std::exp(mean_[target_][1] + half[1]);
    belief.expected_excess = Excess();
    return belief;
  }

  struct Choice {
    std::vector<Placed> runs;
    double cost = 0, gain = 0;
  };

  // The pattern of largest gain per FLOP that `flops` pay for and `most` runs hold.
  Choice Best(double flops, int most) const {
    Choice best;
    for (const std::size_t cell : allowed_) {
      const double cost = Cost(cells_[cell]);
      if (cost > flops) continue;
      const std::vector<Pattern>& patterns = tried_[cell].size() >= 3 ? SingleRuns() : Patterns();
      for (const Pattern& pattern : patterns) Consider(cell, pattern, flops, most, best);
      if (!tried_[cell].empty() && tried_[cell].size() < 3) {
        for (const Pattern& pattern : SingleRuns()) Consider(cell, pattern, flops, most, best);
      }
    }
    return best;
  }

  // Gains per FLOP of another seed of the best setting, and of a cross in a cell larger than any tried.
  void SeedOrCell(double& seed, double& cell_gain) const {
    double largest = 0;
    for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
      if (!tried_[cell].empty()) largest = std::max(largest, Cost(cells_[cell]));
    }
    for (const std::size_t cell : allowed_) {
      const double cost = Cost(cells_[cell]);
      if (!tried_[cell].empty()) {
        for (const Eigen::Vector2d& at : tried_[cell]) seed = std::max(seed, Gain({{cell, at}}) / cost);
      } else if (cost > largest) {
        Choice choice;
        Consider(cell, Patterns()[0], HUGE_VAL, kMostSuggested, choice);
        if (choice.cost > 0) cell_gain = std::max(cell_gain, choice.gain / choice.cost);
      }
    }
  }

  void Take(const Choice& choice, std::vector<SuggestedRun>& out) {
    for (const Placed& placed : choice.runs) {
      space_.Expect(space_.RunRow(placed.cell, placed.at - origin_, curvature_.Matrix()), NoiseAt(placed));
      SuggestedRun run;
      run.scale = cells_[placed.cell];
      run.learning_rate = std::exp(placed.at[0]);
      run.batch_size_tokens = std::exp(placed.at[1]);
      run.flops = Cost(run.scale);
      run.seed =
          1 + static_cast<int>(std::count_if(tried_[placed.cell].begin(), tried_[placed.cell].end(),
                                             [&](const auto& at) { return (at - placed.at).norm() < 0.02; }));
      run.expected_excess_after = Excess();
      tried_[placed.cell].push_back(placed.at);
      out.push_back(run);
    }
  }

 private:
  static std::vector<Scale> MakeCells(const BeliefData& data, const SuggestOptions& options) {
    std::vector<Scale> further = options.cells;
    further.push_back(options.target);
    return CellsOf(data.runs, further);
  }

  std::vector<Eigen::Vector2d> Means() const {
    std::vector<Eigen::Vector2d> means;
    for (std::size_t cell = 0; cell < cells_.size(); ++cell)
      means.push_back(space_.OptimumMean(cell) + origin_);
    return means;
  }

  double ExcessOf(const BeliefSpace& space) const {
    return 0.5 * (curvature_.Matrix() * space.OptimumCovariance(target_)).trace();
  }

  // The further a run may lie from its cell's optimum, the less a quadratic says of it.
  double NoiseAt(const Placed& placed) const {
    const Eigen::Vector2d off = placed.at - mean_[placed.cell];
    const double excess =
        0.5 * (curvature_.Matrix() * (space_.OptimumCovariance(placed.cell) + off * off.transpose())).trace();
    return kSeedDeviation * kSeedDeviation + kExcessShare * kExcessShare * excess * excess;
  }

  // The reduction of the target's expected excess, in closed form: half the trace of H T S^-1 T', S the
  // covariance of what the runs observe and T that of the target's optimum with it.
  double Gain(const std::vector<Placed>& runs) const {
    const auto count = static_cast<Eigen::Index>(runs.size());
    Eigen::MatrixXd observed(count, count), target(2, count);
    std::vector<SparseRow> rows;
    for (const Placed& placed : runs)
      rows.push_back(space_.RunRow(placed.cell, placed.at - origin_, curvature_.Matrix()));
    const SparseRow rate = space_.OptimumRow(target_, 0), batch = space_.OptimumRow(target_, 1);
    for (Eigen::Index i = 0; i < count; ++i) {
      const Eigen::VectorXd times = space_.Times(rows[static_cast<std::size_t>(i)]);
      for (Eigen::Index j = 0; j < count; ++j) observed(j, i) = Dot(rows[static_cast<std::size_t>(j)], times);
      observed(i, i) += NoiseAt(runs[static_cast<std::size_t>(i)]);
      target(0, i) = Dot(rate, times);
      target(1, i) = Dot(batch, times);
    }
    return 0.5 * (curvature_.Matrix() * target * observed.ldlt().solve(target.transpose())).trace();
  }

  void Consider(std::size_t cell, const Pattern& pattern, double flops, int most, Choice& best) const {
    const double cost = Cost(cells_[cell]) * static_cast<double>(pattern.size());
    if (cost > flops || static_cast<int>(pattern.size()) > most) return;
    std::vector<Placed> runs;
    // A lattice of half steps through the belief, so that repeats meet.
    const double lattice = options_.step / 2;
    for (const Eigen::Vector2d& offset : pattern) {
      Eigen::Vector2d at = mean_[cell];
      for (const int q : {0, 1}) at[q] = std::round(at[q] / lattice) * lattice + offset[q] * options_.step;
      runs.push_back({cell, at});
    }
    const double gain = Gain(runs);
    if (best.runs.empty() || gain / cost > best.gain / best.cost) best = {std::move(runs), cost, gain};
  }

  const SuggestOptions& options_;
  Eigen::Vector2d origin_;
  std::vector<Scale> cells_;
  std::size_t target_;
  Curvature curvature_;
  BeliefSpace space_;
  std::vector<Eigen::Vector2d> mean_;
  std::vector<std::vector<Eigen::Vector2d>> tried_;
  std::vector<std::size_t> allowed_;
};

absl::Status CheckOptions(const SuggestOptions& options) {
  if (!(options.budget_flops > 0 && options.budget_flops < 1e40)) {
    return absl::InvalidArgumentError("budget_flops: must be positive and below 1e40");
  }
  if (options.cells.empty()) return absl::InvalidArgumentError("sizes: no N and D that runs may be of");
  if (options.cells.size() > kMostCells)
    return absl::InvalidArgumentError(absl::StrCat("sizes: at most ", kMostCells, " cells"));
  if (options.most_runs < 1 || options.most_runs > kMostSuggested) {
    return absl::InvalidArgumentError(absl::StrCat("max_runs: must be 1 to ", kMostSuggested));
  }
  if (!(options.tolerance > 0 && options.tolerance < 1))
    return absl::InvalidArgumentError("tolerance: must lie between 0 and 1");
  if (!(options.interval > 0 && options.interval < 1))
    return absl::InvalidArgumentError("interval: must lie between 0 and 1");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Suggestion> SuggestRuns(const BeliefData& data, const SuggestOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  Designer designer(data, options);
  Suggestion suggestion;
  suggestion.before = suggestion.after = designer.Belief();
  suggestion.good_enough = suggestion.before.expected_excess <= options.tolerance;
  designer.SeedOrCell(suggestion.gain_per_flop_seed, suggestion.gain_per_flop_cell);
  while (static_cast<int>(suggestion.runs.size()) < options.most_runs &&
         designer.Excess() > options.tolerance) {
    const Designer::Choice choice =
        designer.Best(options.budget_flops - suggestion.flops,
                      options.most_runs - static_cast<int>(suggestion.runs.size()));
    if (choice.runs.empty() || !(choice.gain > 0)) break;
    designer.Take(choice, suggestion.runs);
    suggestion.flops += choice.cost;
  }
  suggestion.after = designer.Belief();
  if (suggestion.runs.empty() && !suggestion.good_enough) {
    suggestion.warnings.push_back(
        "the budget pays for no run of the sizes allowed: allow smaller ones, or spend more");
  } else if (!suggestion.good_enough && suggestion.after.expected_excess > options.tolerance) {
    suggestion.warnings.push_back(
        absl::StrCat("after these runs ", 100 * suggestion.after.expected_excess,
                     " % of the loss is still expected to be given away at the target; the tolerance is ",
                     100 * options.tolerance, " %"));
  }
  return suggestion;
}

}  // namespace sextant::fitting::design
