// SPDX-License-Identifier: Apache-2.0
// Approach 2: the lowest loss among runs of equal budget, by local cubics.
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/status_macros.h"
#include "fitting/allocation/allocation.h"
#include "fitting/allocation/allocation_lines.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/scalar_minimise.h"

namespace sextant::fitting {
namespace {

using Group = std::vector<IsoFlopRun>;

constexpr double kLeastBias = 0.5;   // per cent of D* that is worth a warning
constexpr std::size_t kLocal = 5;    // sizes about the lowest loss that its place is read from
const double kNear = std::log(2.5);  // and all sizes within this factor of it

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

// x of the minimum of a cubic (with three points a parabola) through the sizes next to the lowest loss;
// nullopt where the lowest loss lies at an end, or the cubic has no minimum next to it. Over the full width
// the curve is no parabola: one biases the exponent by up to 0.08 where a local search is within 0.02
// (docs/fitting.md).
std::optional<double> Vertex(const Group& group, double IsoFlopRun::*column) {
  const std::vector<std::pair<double, double>> points = LossAt(group, column);
  const std::size_t n = points.size();
  if (n < 3) return std::nullopt;
  const auto lowest = std::min_element(points.begin(), points.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto at = static_cast<std::size_t>(lowest - points.begin());
  if (at == 0 || at + 1 == n) return std::nullopt;
  std::size_t first = at - std::min(at, kLocal / 2), last = std::min(n, at + kLocal / 2 + 1);
  while (first > 0 && points[first - 1].first > lowest->first - kNear) --first;
  while (last < n && points[last].first < lowest->first + kNear) ++last;
  const std::size_t count = last - first;
  const Eigen::Index columns = count > 3 ? 4 : 3;
  const double scale = points[last - 1].first - points[first].first;
  Eigen::MatrixXd powers(static_cast<Eigen::Index>(count), columns);
  Eigen::VectorXd loss(powers.rows());
  for (Eigen::Index i = 0; i < powers.rows(); ++i) {
    const auto& [x, y] = points[first + static_cast<std::size_t>(i)];
    for (Eigen::Index k = 0; k < columns; ++k)
      powers(i, k) = std::pow((x - lowest->first) / scale, static_cast<double>(k));
    loss[i] = y - lowest->second;
  }
  const Eigen::VectorXd fit = powers.colPivHouseholderQr().solve(loss);
  const double low = (points[at - 1].first - lowest->first) / scale,
               high = (points[at + 1].first - lowest->first) / scale;
  const double vertex = solve::GoldenSection(
      [&](double x) { return fit[1] * x + fit[2] * x * x + (columns > 3 ? fit[3] * x * x * x : 0); }, low,
      high, 1e-10);
  if (vertex < low + 1e-6 || vertex > high - 1e-6) return std::nullopt;
  return lowest->first + vertex * scale;
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

// Fits the loss surface to the same runs, replaces their losses by the surface's and reads the minima
// again: what they then miss of the surface's own optimum is the bias of reading minima on this design.
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
  std::string size = "; how far could not be estimated from these runs";
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
      if (std::abs(miss) < kLeastBias) return;
      size = absl::StrFormat(
          ": on the surface E + A/N^alpha + B/D^beta fitted to these runs (alpha %.3f, beta %.3f) they put "
          "D* %+.1f %% "
          "off at %.3g FLOPs",
          parameters[3], parameters[4], miss, flops);
    }
  }
  fit.warnings.push_back(
      absl::StrFormat("minima read off single budgets, sampled over sizes %.3g times around the optimum, are "
                      "biased%s; prefer the "
                      "parametric fit",
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
