// SPDX-License-Identifier: Apache-2.0
// Approach 1: the lower envelope of training curves.
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/progress.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "fitting/allocation/allocation.h"
#include "fitting/allocation/allocation_lines.h"
#include "fitting/allocation/chinchilla_surface.h"
#include "fitting/allocation/local_optimum.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

constexpr int kMaxBudgets = 1'000'000;
constexpr int kReplicateBudgets = 200;      // a line through more of one curve's points is no steadier
constexpr std::size_t kSurfacePoints = 20;  // of a curve, that the surface is fitted to
constexpr int kSurfaceShare = 3;            // curves' worth of freedom that the surface takes: E, A and alpha

absl::Status ValidateCurves(const std::vector<TrainingCurve>& curves) {
  for (std::size_t c = 0; c < curves.size(); ++c) {
    const TrainingCurve& curve = curves[c];
    const auto refuse = [&](const char* what) {
      return absl::InvalidArgumentError(absl::StrCat("training curve ", c + 1, ": ", what));
    };
    if (!(curve.params > 0) || !std::isfinite(curve.params))
      return refuse("the parameter count is not positive");
    if (curve.tokens.size() != curve.loss.size()) return refuse("tokens and loss differ in length");
    if (curve.tokens.size() < 2) return refuse("a curve has two points or more");
    for (std::size_t i = 0; i < curve.tokens.size(); ++i) {
      if (!(curve.tokens[i] > 0) || !std::isfinite(curve.tokens[i])) return refuse("tokens must be positive");
      if (i > 0 && !(curve.tokens[i] > curve.tokens[i - 1])) return refuse("tokens must increase");
      if (!std::isfinite(curve.loss[i])) return refuse("a loss is not finite");
    }
  }
  return absl::OkStatus();
}

// A curve on the axis of the budgets: loss as a function of ln C, linear between its points.
struct BudgetCurve {
  double params = 0, flops_per_token = 0;
  std::vector<double> log_flops, loss;

  bool Reaches(double at) const { return at >= log_flops.front() && at <= log_flops.back(); }
  double LossAt(double at) const {
    const auto above = std::upper_bound(log_flops.begin() + 1, log_flops.end() - 1, at);
    const auto i = static_cast<std::size_t>(above - log_flops.begin());
    const double share = (at - log_flops[i - 1]) / (log_flops[i] - log_flops[i - 1]);
    return loss[i - 1] + share * (loss[i] - loss[i - 1]);
  }
};

// FLOPs per token at a size between those of the curves, by ln N.
double CostBetween(const std::vector<BudgetCurve>& curves, double log_params) {
  std::size_t i = 1;
  while (i + 1 < curves.size() && std::log(curves[i].params) < log_params) ++i;
  const double low = std::log(curves[i - 1].params), high = std::log(curves[i].params);
  const double share = high > low ? (log_params - low) / (high - low) : 0;
  return std::exp(std::log(curves[i - 1].flops_per_token) +
                  share * std::log(curves[i].flops_per_token / curves[i - 1].flops_per_token));
}

// The envelope over `curves` (sorted by size); budgets whose best size has no larger and smaller rival are
// left out.
std::vector<AllocationFit::Point> Envelope(const std::vector<BudgetCurve>& curves, double low, double high,
                                           int budgets) {
  std::vector<AllocationFit::Point> optima;
  std::vector<std::pair<double, double>> points;
  for (int b = 0; b < budgets; ++b) {
    const double at = low + (high - low) * b / (budgets - 1);
    points.clear();
    for (const BudgetCurve& curve : curves) {
      if (!curve.Reaches(at)) continue;
      const double x = std::log(curve.params), loss = curve.LossAt(at);
      if (!points.empty() && points.back().first == x) {
        points.back().second = std::min(points.back().second, loss);
      } else {
        points.emplace_back(x, loss);
      }
    }
    const auto optimum = solve::FindLocalOptimum(points);
    if (!optimum) continue;
    const double flops = std::exp(at);
    optima.push_back({flops, std::exp(optimum->place), flops / CostBetween(curves, optimum->place)});
  }
  return optima;
}

double TokensOf(const BudgetCurve& curve, std::size_t point) {
  return std::exp(curve.log_flops[point]) / curve.flops_per_token;
}

absl::StatusOr<solve::ChinchillaSurface> SurfaceOfCurves(const std::vector<BudgetCurve>& curves) {
  std::vector<IsoFlopRun> points;
  for (const BudgetCurve& curve : curves) {
    const std::size_t step = (curve.loss.size() + kSurfacePoints - 1) / kSurfacePoints;
    for (std::size_t i = 0; i < curve.loss.size(); i += step) {
      points.push_back({std::exp(curve.log_flops[i]), curve.params, TokensOf(curve, i), curve.loss[i]});
    }
  }
  return solve::FitChinchilla(points, {}, "squared");
}

// Draws the curves anew; see the header.
void AddCurveReplicates(const std::vector<BudgetCurve>& curves, double low, double high, int budgets,
                        const AllocationBootstrap& bootstrap, AllocationFit& fit) {
  const auto surface = SurfaceOfCurves(curves);
  std::vector<BudgetCurve> smooth = curves, residuals = curves;
  AllocationFit about;
  budgets = std::min(budgets, kReplicateBudgets);
  if (surface.ok()) {
    for (std::size_t c = 0; c < curves.size(); ++c) {
      for (std::size_t i = 0; i < curves[c].loss.size(); ++i) {
        smooth[c].loss[i] = surface->Loss(curves[c].params, TokensOf(curves[c], i));
        residuals[c].loss[i] = curves[c].loss[i] - smooth[c].loss[i];
      }
    }
  }
  if (!surface.ok() || !solve::FitLines(Envelope(smooth, low, high, budgets), about).ok()) {
    fit.warnings.push_back("no intervals: no loss surface fits these curves, so their errors are unknown");
    return;
  }
  const int free = std::max(1, static_cast<int>(curves.size()) - kSurfaceShare);
  const ProgressPhase phase("replicates", bootstrap.replicates);
  for (int r = 0; r < bootstrap.replicates; ++r) {
    phase.Add();
    RandomStream random(bootstrap.seed, static_cast<std::uint64_t>(r));
    const double scale =
        std::sqrt(static_cast<double>(curves.size()) / free) * std::sqrt(free / random.ChiSquared(free));
    std::vector<BudgetCurve> drawn = smooth;
    for (BudgetCurve& curve : drawn) {
      // Errors of another curve, place by place along the curve, one sign for all of them.
      const BudgetCurve& donor = residuals[random.Index(residuals.size())];
      const double sign = random.Uniform() < 0.5 ? -scale : scale;
      const double own = curve.log_flops.back() - curve.log_flops.front();
      const double others = donor.log_flops.back() - donor.log_flops.front();
      for (std::size_t i = 0; i < curve.loss.size(); ++i) {
        const double share = (curve.log_flops[i] - curve.log_flops.front()) / own;
        curve.loss[i] += sign * donor.LossAt(donor.log_flops.front() + share * others);
      }
    }
    AllocationFit replicate;
    if (!solve::FitLines(Envelope(drawn, low, high, budgets), replicate).ok()) continue;
    solve::AddReplicate(replicate, about, 1, 1, fit);
  }
}

}  // namespace

absl::StatusOr<AllocationFit> FitEnvelope(const std::vector<TrainingCurve>& curves, int budgets,
                                          const AllocationBootstrap& bootstrap) {
  RETURN_IF_ERROR(ValidateCurves(curves));
  if (budgets < 2 || budgets > kMaxBudgets) {
    return absl::InvalidArgumentError(absl::StrCat("budgets must lie between 2 and ", kMaxBudgets));
  }
  std::vector<BudgetCurve> prepared;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const TrainingCurve& curve : curves) {
    BudgetCurve budget;
    budget.params = curve.params;
    budget.flops_per_token = curve.flops_per_token > 0 ? curve.flops_per_token : 6 * curve.params;
    budget.loss = curve.loss;
    for (const double tokens : curve.tokens) {
      budget.log_flops.push_back(std::log(budget.flops_per_token * tokens));
    }
    low = std::min(low, budget.log_flops.front());
    high = std::max(high, budget.log_flops.back());
    prepared.push_back(std::move(budget));
  }
  std::stable_sort(prepared.begin(), prepared.end(),
                   [](const auto& a, const auto& b) { return a.params < b.params; });
  if (prepared.size() < 3) {
    return NotIdentifiable(
        absl::StrCat("an envelope needs curves of three sizes or more, these data have ", prepared.size()));
  }
  AllocationFit fit;
  const std::vector<AllocationFit::Point> optima = Envelope(prepared, low, high, budgets);
  RETURN_IF_ERROR(solve::FitLines(optima, fit));
  if (2 * optima.size() < static_cast<std::size_t>(budgets)) {
    fit.warnings.push_back(
        absl::StrCat("at ", budgets - static_cast<int>(optima.size()), " of ", budgets,
                     " budgets the best model is the smallest or largest one; they were left out"));
  }
  if (bootstrap.replicates > 0) AddCurveReplicates(prepared, low, high, budgets, bootstrap, fit);
  solve::FillExponentIntervals(bootstrap.interval_level, fit);
  return fit;
}

}  // namespace sextant::fitting
