// SPDX-License-Identifier: Apache-2.0
#include "fitting/design/optimum_belief.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sextant::fitting::design {
namespace {

constexpr double kSameCell = 0.003;     ///< in ln N and ln D
constexpr double kFarAbove = 0.06;      ///< ln loss over the best of the cell
constexpr std::size_t kMostRuns = 400;  ///< later steps cost the square of the unknowns for each
constexpr double kAmplitudes[] = {0.4, 0.7, 1.0, 1.5, 2.2};
constexpr double kCorrelations[] = {0.0, 0.3};

struct Kept {
  std::size_t cell;
  const SweepRun* run;
  double variance;
};

// The runs that count, the nearest to their cells' best first where there are too many.
std::vector<Kept> Keep(const BeliefData& data, const std::vector<Scale>& cells) {
  std::vector<double> best(cells.size(), std::numeric_limits<double>::infinity());
  for (const SweepRun& run : data.runs) {
    if (!std::isfinite(run.log_loss)) continue;
    double& least = best[FindCell(cells, run.scale)];
    least = std::min(least, run.log_loss);
  }
  std::vector<Kept> kept;
  for (const SweepRun& run : data.runs) {
    const std::size_t cell = FindCell(cells, run.scale);
    const double excess = std::isfinite(run.log_loss) ? run.log_loss - best[cell] : 0;
    if (excess > kFarAbove) continue;
    const double misfit = kExcessShare * excess;
    kept.push_back({cell, &run, kSeedDeviation * kSeedDeviation + misfit * misfit});
  }
  if (kept.size() > kMostRuns) {
    std::stable_sort(kept.begin(), kept.end(),
                     [](const Kept& a, const Kept& b) { return a.variance < b.variance; });
    kept.resize(kMostRuns);
  }
  return kept;
}

// Conditions `space`; returns the ln likelihood of the losses.
double ConditionOn(const std::vector<Kept>& kept, const Curvature& curvature, BeliefSpace& space) {
  const Eigen::Matrix2d h = curvature.Matrix();
  double likelihood = 0;
  for (const Kept& each : kept) {
    const Eigen::Vector2d at(each.run->log_rate, each.run->log_batch);
    const SparseRow row = space.RunRow(each.cell, at, h);
    if (!std::isfinite(each.run->log_loss)) {
      space.Expect(row, each.variance);
      continue;
    }
    const double value = each.run->log_loss - 0.5 * at.dot(h * at);
    const double total = space.Variance(row) + each.variance;
    const double off = value - Dot(row, space.mean());
    likelihood -= 0.5 * (off * off / total + std::log(total));
    space.Observe(row, value, each.variance);
  }
  return likelihood;
}

// A cell's level is known to no one: it starts at the mean of what its runs observe, so that its prior says
// nothing.
void Shift(const std::vector<Kept>& kept, std::vector<SweepRun>& shifted, std::vector<Kept>& out) {
  std::vector<double> sum, count;
  for (const Kept& each : kept) {
    sum.resize(std::max(sum.size(), each.cell + 1));
    count.resize(sum.size());
    if (!std::isfinite(each.run->log_loss)) continue;
    sum[each.cell] += each.run->log_loss;
    count[each.cell] += 1;
  }
  shifted.reserve(kept.size());
  for (const Kept& each : kept) {
    SweepRun run = *each.run;
    if (count[each.cell] > 0) run.log_loss -= sum[each.cell] / count[each.cell];
    shifted.push_back(run);
    out.push_back({each.cell, &shifted.back(), each.variance});
  }
}

// Rates and batches relative to the prior's optimum, so that the level is that near the optimum.
void Recentre(const BeliefData& data, const std::vector<Scale>& cells, Prior& prior, std::vector<Kept>& kept,
              std::vector<SweepRun>& runs, Eigen::Vector2d& origin) {
  origin = {data.prior.mean[0], data.prior.mean[3]};
  prior = data.prior;
  prior.mean[0] = prior.mean[3] = 0;
  Shift(Keep(data, cells), runs, kept);
  for (SweepRun& run : runs) {
    run.log_rate -= origin[0];
    run.log_batch -= origin[1];
  }
}

}  // namespace

std::size_t FindCell(const std::vector<Scale>& cells, const Scale& scale) {
  std::size_t at = 0;
  while (at < cells.size() && (std::fabs(cells[at].log_params - scale.log_params) > kSameCell ||
                               std::fabs(cells[at].log_tokens - scale.log_tokens) > kSameCell)) {
    ++at;
  }
  return at;
}

std::vector<Scale> CellsOf(std::span<const SweepRun> runs, std::span<const Scale> further) {
  std::vector<Scale> cells;
  const auto add = [&](const Scale& scale) {
    if (FindCell(cells, scale) == cells.size()) cells.push_back(scale);
  };
  for (const SweepRun& run : runs) add(run.scale);
  for (const Scale& scale : further) add(scale);
  return cells;
}

BeliefSpace Condition(const BeliefData& data, const std::vector<Scale>& cells, Curvature& curvature) {
  Prior prior;
  std::vector<Kept> kept;
  std::vector<SweepRun> runs;
  Eigen::Vector2d origin;
  Recentre(data, cells, prior, kept, runs, origin);
  double best = -std::numeric_limits<double>::infinity();
  const Curvature typical;
  const BeliefSpace empty(prior, data.centre, cells);
  BeliefSpace chosen = empty;
  for (const double amplitude : kAmplitudes) {
    for (const double correlation : kCorrelations) {
      const Curvature tried{amplitude * typical.rate, amplitude * typical.batch, correlation};
      BeliefSpace space = empty;
      const double likelihood = ConditionOn(kept, tried, space);
      if (likelihood <= best + 1e-12 && !(kept.empty() && amplitude == 1)) continue;
      best = likelihood;
      chosen = std::move(space);
      curvature = tried;
    }
  }
  return chosen;
}

OptimumBelief BelieveAt(const BeliefData& data, const Scale& target) {
  const std::vector<Scale> cells = CellsOf(data.runs, std::span(&target, 1));
  const std::size_t at = FindCell(cells, target);
  Prior prior;
  std::vector<Kept> kept;
  std::vector<SweepRun> runs;
  Eigen::Vector2d origin;
  Recentre(data, cells, prior, kept, runs, origin);
  struct Member {
    double likelihood;
    OptimumBelief belief;
  };
  std::vector<Member> members;
  const Curvature typical;
  const BeliefSpace empty(prior, data.centre, cells);
  for (const double amplitude : kAmplitudes) {
    for (const double correlation : kCorrelations) {
      Member member;
      member.belief.curvature = {amplitude * typical.rate, amplitude * typical.batch, correlation};
      BeliefSpace space = empty;
      member.likelihood = ConditionOn(kept, member.belief.curvature, space);
      member.belief.mean = space.OptimumMean(at);
      member.belief.covariance = space.OptimumCovariance(at);
      members.push_back(std::move(member));
    }
  }
  const auto top = std::max_element(members.begin(), members.end(), [](const Member& a, const Member& b) {
    return a.likelihood < b.likelihood;
  });
  OptimumBelief mixed;
  mixed.curvature = kept.empty() ? typical : top->belief.curvature;
  double sum = 0;
  for (const Member& member : members) sum += std::exp(member.likelihood - top->likelihood);
  for (const Member& member : members) {
    mixed.mean += std::exp(member.likelihood - top->likelihood) / sum * member.belief.mean;
  }
  for (const Member& member : members) {
    const double weight = std::exp(member.likelihood - top->likelihood) / sum;
    const Eigen::Vector2d off = member.belief.mean - mixed.mean;
    mixed.covariance += weight * (member.belief.covariance + off * off.transpose());
  }
  mixed.expected_excess = 0.5 * (mixed.curvature.Matrix() * mixed.covariance).trace();
  mixed.mean += origin;
  return mixed;
}

}  // namespace sextant::fitting::design
