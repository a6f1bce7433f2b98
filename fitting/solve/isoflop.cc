// Approach 2: parabolas through runs of equal budget.
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "base/random.h"
#include "base/status_macros.h"
#include "fitting/fit.h"
#include "fitting/solve/allocation.h"
#include "fitting/solve/allocation_lines.h"
#include "fitting/solve/fit_law.h"

namespace sextant::fitting {
namespace {

using Group = std::vector<IsoFlopRun>;

// x of the minimum of the least-squares parabola; nullopt unless it is convex and inside the sampled x.
std::optional<double> Vertex(const Group& group, double IsoFlopRun::*column) {
  double mean = 0, low = std::numeric_limits<double>::infinity(), high = -low;
  std::set<double> distinct;
  for (const IsoFlopRun& run : group) {
    const double x = std::log(run.*column);
    mean += x / static_cast<double>(group.size());
    low = std::min(low, x);
    high = std::max(high, x);
    distinct.insert(x);
  }
  if (distinct.size() < 3) return std::nullopt;
  const double scale = high - low;
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (const IsoFlopRun& run : group) {
    const double x = (std::log(run.*column) - mean) / scale;
    const Eigen::Vector3d row(1, x, x * x);
    normal += row * row.transpose();
    right += row * run.loss;
  }
  const Eigen::Vector3d fit = normal.ldlt().solve(right);
  if (!(fit[2] > 0)) return std::nullopt;
  const double vertex = mean - 0.5 * fit[1] / fit[2] * scale;
  if (vertex < low || vertex > high) return std::nullopt;
  return vertex;
}

std::optional<AllocationFit::Point> Optimum(const Group& group) {
  const std::optional<double> params = Vertex(group, &IsoFlopRun::params);
  const std::optional<double> tokens = Vertex(group, &IsoFlopRun::tokens);
  if (!params || !tokens) return std::nullopt;
  double log_flops = 0;
  for (const IsoFlopRun& run : group) log_flops += std::log(run.flops) / static_cast<double>(group.size());
  return AllocationFit::Point{std::exp(log_flops), std::exp(*params), std::exp(*tokens)};
}

std::vector<AllocationFit::Point> Optima(const std::vector<Group>& groups) {
  std::vector<AllocationFit::Point> optima;
  for (const Group& group : groups) {
    if (const auto optimum = Optimum(group)) optima.push_back(*optimum);
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

// Fits the loss surface to the same runs, replaces their losses by the surface's and reads the parabolas
// again: what they then miss of the surface's own optimum is the bias of reading parabolas on this design.
void WarnOfBias(const std::vector<Group>& groups, AllocationFit& fit) {
  double width = 0;
  LawData data;
  data.columns.resize(2);
  for (const Group& group : groups) {
    const auto [low, high] =
        std::minmax_element(group.begin(), group.end(), [](auto& a, auto& b) { return a.params < b.params; });
    width = std::max(width, std::sqrt(high->params / low->params));
    for (const IsoFlopRun& run : group) {
      data.columns[0].push_back(run.params);
      data.columns[1].push_back(run.tokens);
      data.observed.push_back(run.loss);
    }
  }
  std::string size = "; its size could not be estimated from these runs";
  LawSpec spec;
  spec.id = "surface";
  spec.target = Target::kLoss;
  spec.expression = "E + A / N^alpha + B / D^beta";
  spec.variables.resize(2);
  spec.variables[0].name = "N";
  spec.variables[1].name = "D";
  for (const char* name : {"E", "A", "B", "alpha", "beta"}) {
    ParameterSpec parameter;
    parameter.name = name;
    parameter.bounds.low = 0;
    if (parameter.name == "A" || parameter.name == "B") parameter.transform = "log";
    spec.parameters.push_back(parameter);
  }
  SolveOptions options;
  options.diagnostics = false;
  const auto law = Law::Compile(spec);
  const auto surface = law.ok() ? FitLaw(*law, data, options) : law.status();
  if (surface.ok()) {
    std::vector<double> parameters;
    for (const ParameterEstimate& parameter : surface->parameters) parameters.push_back(parameter.estimate);
    std::vector<Group> exact = groups;
    for (Group& group : exact) {
      for (IsoFlopRun& run : group)
        run.loss = (*law)->Evaluate(std::vector<double>{run.params, run.tokens}, parameters);
    }
    AllocationFit read;
    const auto truth = ClosedFormAllocation(**law, parameters);
    if (truth && solve::FitLines(Optima(exact), read).ok()) {
      const double flops = fit.optima.back().flops;
      const double miss = 100 * (read.tokens.At(flops) / truth->tokens.At(flops) - 1);
      size = absl::StrFormat(
          ": on the surface E + A/N^alpha + B/D^beta fitted to these runs (alpha %.3f, beta %.3f) they put "
          "D* %+.1f %% "
          "off at %.3g FLOPs",
          parameters[3], parameters[4], miss, flops);
    }
  }
  fit.warnings.push_back(
      absl::StrFormat("parabolas over sizes %.3g times around the optimum are biased unless both "
                      "exponents are equal%s; prefer the parametric fit",
                      width, size));
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
  WarnOfBias(usable, fit);
  for (int r = 0; r < bootstrap.replicates; ++r) {
    RandomStream random(bootstrap.seed, static_cast<std::uint64_t>(r));
    std::vector<Group> drawn = usable;
    for (std::size_t g = 0; g < usable.size(); ++g) {
      for (IsoFlopRun& run : drawn[g]) run = usable[g][random.Index(usable[g].size())];
    }
    AllocationFit replicate;
    if (!solve::FitLines(Optima(drawn), replicate).ok()) continue;
    fit.replicates.insert(fit.replicates.end(),
                          {replicate.params.log_coefficient, replicate.params.exponent,
                           replicate.tokens.log_coefficient, replicate.tokens.exponent});
  }
  solve::FillExponentIntervals(bootstrap.interval_level, fit);
  return fit;
}

}  // namespace sextant::fitting
