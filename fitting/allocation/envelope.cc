// SPDX-License-Identifier: Apache-2.0
// Approach 1: the lower envelope of training curves.
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"
#include "base/status_macros.h"
#include "fitting/allocation/allocation.h"
#include "fitting/allocation/allocation_lines.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

constexpr int kMaxBudgets = 1'000'000;

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

// A curve on the axis of the budgets: loss as a function of ln C = ln(6 N D), linear between its points.
struct BudgetCurve {
  double params = 0;
  std::vector<double> log_flops;
  const std::vector<double>* loss = nullptr;

  bool Reaches(double at) const { return at >= log_flops.front() && at <= log_flops.back(); }
  double LossAt(double at) const {
    const auto above = std::upper_bound(log_flops.begin() + 1, log_flops.end() - 1, at);
    const auto i = static_cast<std::size_t>(above - log_flops.begin());
    const double share = (at - log_flops[i - 1]) / (log_flops[i] - log_flops[i - 1]);
    return (*loss)[i - 1] + share * ((*loss)[i] - (*loss)[i - 1]);
  }
};

// The envelope over `curves` (sorted by size); budgets whose best size has no larger and smaller rival are
// left out.
std::vector<AllocationFit::Point> Envelope(const std::vector<const BudgetCurve*>& curves, double low,
                                           double high, int budgets) {
  std::vector<AllocationFit::Point> optima;
  for (int b = 0; b < budgets; ++b) {
    const double at = low + (high - low) * b / (budgets - 1);
    const BudgetCurve* best = nullptr;
    double lowest = std::numeric_limits<double>::infinity();
    double smallest = lowest, largest = 0;
    for (const BudgetCurve* curve : curves) {
      if (!curve->Reaches(at)) continue;
      smallest = std::min(smallest, curve->params);
      largest = std::max(largest, curve->params);
      const double loss = curve->LossAt(at);
      if (loss < lowest) {
        lowest = loss;
        best = curve;
      }
    }
    if (best == nullptr || best->params == smallest || best->params == largest) continue;
    const double flops = std::exp(at);
    optima.push_back({flops, best->params, flops / (6 * best->params)});
  }
  return optima;
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
    budget.loss = &curve.loss;
    for (const double tokens : curve.tokens) budget.log_flops.push_back(std::log(6 * curve.params * tokens));
    low = std::min(low, budget.log_flops.front());
    high = std::max(high, budget.log_flops.back());
    prepared.push_back(std::move(budget));
  }
  std::vector<const BudgetCurve*> all;
  for (const BudgetCurve& curve : prepared) all.push_back(&curve);
  AllocationFit fit;
  const std::vector<AllocationFit::Point> optima = Envelope(all, low, high, budgets);
  RETURN_IF_ERROR(solve::FitLines(optima, fit));
  const auto sizes = std::minmax_element(optima.begin(), optima.end(),
                                         [](const auto& a, const auto& b) { return a.params < b.params; });
  if (sizes.first->params == sizes.second->params) {
    return NotIdentifiable("one model size is best at every budget between sizes; train more sizes");
  }
  if (2 * optima.size() < static_cast<std::size_t>(budgets)) {
    fit.warnings.push_back(
        absl::StrCat("at ", budgets - static_cast<int>(optima.size()), " of ", budgets,
                     " budgets the best model is the smallest or largest one; they were left out"));
  }
  for (int r = 0; r < bootstrap.replicates; ++r) {
    RandomStream random(bootstrap.seed, static_cast<std::uint64_t>(r));
    std::vector<const BudgetCurve*> drawn;
    for (std::size_t i = 0; i < all.size(); ++i) drawn.push_back(all[random.Index(all.size())]);
    AllocationFit replicate;
    // A draw of too few sizes has no envelope between sizes: it says nothing.
    if (!solve::FitLines(Envelope(drawn, low, high, std::min(budgets, 300)), replicate).ok()) continue;
    fit.replicates.insert(fit.replicates.end(),
                          {replicate.params.log_coefficient, replicate.params.exponent,
                           replicate.tokens.log_coefficient, replicate.tokens.exponent});
  }
  solve::FillExponentIntervals(bootstrap.interval_level, fit);
  return fit;
}

}  // namespace sextant::fitting
