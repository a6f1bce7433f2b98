// SPDX-License-Identifier: Apache-2.0
// Approach 2: the lowest loss among runs of equal budget, by local cubics.
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "fitting/allocation/allocation.h"
#include "fitting/allocation/allocation_lines.h"
#include "fitting/allocation/chinchilla_surface.h"
#include "fitting/allocation/local_optimum.h"

namespace sextant::fitting {
namespace {

using Group = std::vector<IsoFlopRun>;

constexpr double kLeastBias = 0.5;  // per cent of D* that is worth a warning
constexpr int kLeastFree = 3;       // degrees of freedom that noise is read from; with fewer a surface tells

// Distinct x with the mean loss at each, ascending.
std::vector<std::pair<double, double>> LossAt(const Group& group, double IsoFlopRun::*column) {
  std::map<double, std::pair<double, double>> sums;
  for (const IsoFlopRun& run : group) {
    auto& [sum, count] = sums[std::log(run.*column)];
    sum += run.loss;
    count += 1;
  }
  std::vector<std::pair<double, double>> points;
  for (const auto& [x, sum] : sums) points.emplace_back(x, sum.first / sum.second);
  return points;
}

// One budget's optimum, and what its runs say of their noise.
struct BudgetOptimum {
  AllocationFit::Point point;
  double squares = 0;
  int free = 0;
};

std::optional<BudgetOptimum> Optimum(const Group& group) {
  const auto params = solve::FindLocalOptimum(LossAt(group, &IsoFlopRun::params));
  const auto tokens = solve::FindLocalOptimum(LossAt(group, &IsoFlopRun::tokens));
  if (!params || !tokens) return std::nullopt;
  double log_flops = 0;
  for (const IsoFlopRun& run : group) log_flops += std::log(run.flops) / static_cast<double>(group.size());
  BudgetOptimum optimum;
  optimum.point = {std::exp(log_flops), std::exp(params->place), std::exp(tokens->place)};
  optimum.squares = params->squares;
  optimum.free = params->free;
  return optimum;
}

std::vector<AllocationFit::Point> Optima(const std::vector<Group>& groups) {
  std::vector<AllocationFit::Point> optima;
  for (const Group& group : groups) {
    if (const auto optimum = Optimum(group)) optima.push_back(optimum->point);
  }
  return optima;
}

absl::StatusOr<std::vector<Group>> GroupByBudget(std::vector<IsoFlopRun> runs, double tolerance) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const IsoFlopRun& run = runs[i];
    for (const double value : {run.flops, run.params, run.tokens}) {
      if (!(value > 0) || !std::isfinite(value)) {
        return absl::InvalidArgumentError(
            absl::StrCat("run ", i + 1, ": FLOPs, parameters and tokens must be positive numbers"));
      }
    }
    if (!std::isfinite(run.loss))
      return absl::InvalidArgumentError(absl::StrCat("run ", i + 1, ": no finite loss"));
  }
  std::stable_sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.flops < b.flops; });
  std::vector<Group> groups;
  for (const IsoFlopRun& run : runs) {
    if (groups.empty() || run.flops > groups.back().front().flops * (1 + tolerance)) groups.emplace_back();
    groups.back().push_back(run);
  }
  return groups;
}

// The surface E + A/N^alpha + B/D^beta of the same runs.
absl::StatusOr<solve::ChinchillaSurface> SurfaceOf(const std::vector<Group>& groups) {
  std::vector<IsoFlopRun> runs;
  for (const Group& group : groups) runs.insert(runs.end(), group.begin(), group.end());
  return solve::FitChinchilla(runs, {}, "");
}

// Replaces the losses by the surface's and reads the minima again: what they then miss of the surface's own
// optimum is the bias of reading minima on this design.
void WarnOfBias(const std::vector<Group>& groups, const absl::StatusOr<solve::ChinchillaSurface>& surface,
                AllocationFit& fit) {
  double width = 0;
  for (const Group& group : groups) {
    const auto [low, high] =
        std::minmax_element(group.begin(), group.end(), [](auto& a, auto& b) { return a.params < b.params; });
    width = std::max(width, std::sqrt(high->params / low->params));
  }
  std::string size = "; how far could not be estimated from these runs";
  if (surface.ok()) {
    std::vector<Group> exact = groups;
    for (Group& group : exact) {
      for (IsoFlopRun& run : group) run.loss = surface->Loss(run.params, run.tokens);
    }
    AllocationFit read;
    const double flops = fit.optima.back().flops;
    if (solve::FitLines(Optima(exact), read).ok()) {
      const double miss = 100 * (read.tokens.At(flops) / surface->Lines(0).tokens.At(flops) - 1);
      if (std::abs(miss) < kLeastBias) return;
      size = absl::StrFormat(
          ": on the surface E + A/N^alpha + B/D^beta fitted to these runs (alpha %.3f, beta %.3f) they put "
          "D* %+.1f %% off at %.3g FLOPs",
          surface->alpha(), surface->beta(), miss, flops);
    }
  }
  fit.warnings.push_back(
      absl::StrFormat("minima read off single budgets, sampled over sizes %.3g times around the optimum, are "
                      "biased%s; prefer the parametric fit",
                      width, size));
}

// The noise of the losses (standard deviation) and how many degrees of freedom tell it.
std::pair<double, int> NoiseOf(const std::vector<Group>& groups,
                               const absl::StatusOr<solve::ChinchillaSurface>& surface) {
  double squares = 0;
  int free = 0;
  for (const Group& group : groups) {
    if (const auto optimum = Optimum(group)) {
      squares += optimum->squares;
      free += optimum->free;
    }
  }
  if (free >= kLeastFree || !surface.ok()) return {free > 0 ? std::sqrt(squares / free) : 0, free};
  squares = 0;
  int rows = 0;
  for (const Group& group : groups) {
    for (const IsoFlopRun& run : group) {
      const double residual = run.loss - surface->Loss(run.params, run.tokens);
      squares += residual * residual;
      ++rows;
    }
  }
  free = std::max(1, rows - 5);
  return {std::sqrt(squares / free), free};
}

// Draws the study anew; see the header.
void AddReplicates(const std::vector<Group>& groups, const absl::StatusOr<solve::ChinchillaSurface>& surface,
                   const std::pair<double, int>& noise, const AllocationBootstrap& bootstrap,
                   AllocationFit& fit) {
  // Noise on losses that are noisy already would count twice: it goes on the surface's where there is one.
  std::vector<Group> center = groups;
  AllocationFit about = fit;
  if (surface.ok()) {
    for (Group& group : center) {
      for (IsoFlopRun& run : group) run.loss = surface->Loss(run.params, run.tokens);
    }
    AllocationFit read;
    if (Optima(center).size() == groups.size() && solve::FitLines(Optima(center), read).ok()) {
      about = std::move(read);
    } else {
      center = groups;
    }
  }
  std::vector<std::vector<double>> places(groups.size());
  std::vector<AllocationFit> replicates;
  const ProgressPhase phase("replicates", bootstrap.replicates);
  for (int r = 0; r < bootstrap.replicates; ++r) {
    phase.Add();
    RandomStream random(bootstrap.seed, static_cast<std::uint64_t>(r));
    const double sd = noise.first * std::sqrt(noise.second / random.ChiSquared(noise.second));
    std::vector<AllocationFit::Point> optima;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      Group drawn = center[g];
      for (IsoFlopRun& run : drawn) run.loss += sd * random.Normal();
      const auto optimum = Optimum(drawn);
      if (!optimum) continue;
      optima.push_back(optimum->point);
      places[g].push_back(std::log(optimum->point.params));
    }
    AllocationFit replicate;
    if (solve::FitLines(optima, replicate).ok()) replicates.push_back(std::move(replicate));
  }
  fit.noise = noise.first;
  for (const std::vector<double>& place : places) fit.optimum_errors.push_back(solve::Deviation(place));
  const double params_wider = solve::ScatterBeyondNoise(fit, fit.params, &AllocationFit::Point::params);
  const double tokens_wider = solve::ScatterBeyondNoise(fit, fit.tokens, &AllocationFit::Point::tokens);
  for (const AllocationFit& replicate : replicates) {
    solve::AddReplicate(replicate, about, params_wider, tokens_wider, fit);
  }
}

}  // namespace

absl::StatusOr<AllocationFit> FitIsoFlopParabolas(const std::vector<IsoFlopRun>& runs,
                                                  double budget_tolerance,
                                                  const AllocationBootstrap& bootstrap) {
  if (!(budget_tolerance >= 0) || !(budget_tolerance < 1)) {
    return absl::InvalidArgumentError("the tolerance between equal budgets must lie between 0 and 1");
  }
  ASSIGN_OR_RETURN(const std::vector<Group> grouped, GroupByBudget(runs, budget_tolerance));
  AllocationFit fit;
  std::vector<Group> usable;
  for (const Group& group : grouped) {
    if (Optimum(group)) {
      usable.push_back(group);
    } else {
      fit.warnings.push_back(absl::StrFormat(
          "the %d runs at %.3g FLOPs have no minimum inside their sizes; the budget was left out",
          group.size(), group.front().flops));
    }
  }
  RETURN_IF_ERROR(solve::FitLines(Optima(usable), fit));
  const absl::StatusOr<solve::ChinchillaSurface> surface = SurfaceOf(usable);
  WarnOfBias(usable, surface, fit);
  if (bootstrap.replicates > 0) {
    const std::pair<double, int> noise = NoiseOf(usable, surface);
    if (noise.second > 0) {
      AddReplicates(usable, surface, noise, bootstrap, fit);
    } else {
      fit.warnings.push_back("no intervals: too few runs to tell their noise");
    }
  }
  solve::FillExponentIntervals(bootstrap.interval_level, fit);
  return fit;
}

}  // namespace sextant::fitting
