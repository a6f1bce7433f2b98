// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/compare.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/status_macros.h"
#include "fitting/least_squares/compose_laws.h"
#include "fitting/refusal.h"

namespace sextant::fitting {
namespace {

absl::Status FitBoth(LawComparison& comparison, const LawData& data, const SolveOptions& options,
                     double fraction) {
  const std::shared_ptr<const Law>& law = comparison.law;
  ASSIGN_OR_RETURN(FitResult all, FitLaw(law, data, options));
  ASSIGN_OR_RETURN(const ScaleSplit split, SplitLargestScales(*law, data, fraction));
  SolveOptions part_options = options;
  part_options.replicates = 0;
  part_options.diagnostics = false;
  const absl::StatusOr<FitResult> part = FitLaw(law, SelectRows(data, split.train), part_options);
  if (!part.ok()) {
    return WithMessage(part.status(), absl::StrCat("without the largest scales: ", part.status().message()));
  }
  std::vector<double> parameters;
  for (const ParameterEstimate& parameter : part->parameters) parameters.push_back(parameter.estimate);
  ASSIGN_OR_RETURN(const HoldoutScore score, ScoreHeldOut(law, parameters, SelectRows(data, split.held_out)));
  comparison.fit = std::move(all);
  comparison.held_out = score;
  comparison.fit.holdout = score;
  comparison.aic = comparison.fit.diagnostics.at("aic");
  comparison.bic = comparison.fit.diagnostics.at("bic");
  return absl::OkStatus();
}

// Ranks those that were fitted, 1 for the smallest.
template <typename Score, typename Rank>
void AssignRanks(std::vector<LawComparison>& laws, Score score, Rank rank) {
  std::vector<LawComparison*> order;
  for (LawComparison& law : laws) {
    if (law.status.ok()) order.push_back(&law);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](const LawComparison* a, const LawComparison* b) { return score(*a) < score(*b); });
  for (std::size_t i = 0; i < order.size(); ++i) rank(*order[i]) = static_cast<int>(i) + 1;
}

}  // namespace

std::vector<LawComparison> CompareLaws(const std::vector<std::shared_ptr<const Law>>& laws,
                                       const LawData& data, const SolveOptions& options,
                                       double held_out_fraction) {
  SolveOptions common = options;
  if (!common.objective) common.objective = Objective();
  std::vector<LawComparison> comparisons(laws.size());
  for (std::size_t i = 0; i < laws.size(); ++i) {
    comparisons[i].law = laws[i];
    comparisons[i].status = SameVariables(laws[i]->spec(), laws.front()->spec())
                                ? FitBoth(comparisons[i], data, common, held_out_fraction)
                                : absl::InvalidArgumentError(absl::StrCat(
                                      "law '", laws[i]->spec().id, "' has other variables than law '",
                                      laws.front()->spec().id, "': their fits cannot be compared"));
  }
  AssignRanks(
      comparisons, [](const LawComparison& law) { return law.held_out.mean_relative_error; },
      [](LawComparison& law) -> int& { return law.rank_by_held_out; });
  AssignRanks(
      comparisons, [](const LawComparison& law) { return law.aic; },
      [](LawComparison& law) -> int& { return law.rank_by_aic; });
  AssignRanks(
      comparisons, [](const LawComparison& law) { return law.bic; },
      [](LawComparison& law) -> int& { return law.rank_by_bic; });
  std::stable_sort(comparisons.begin(), comparisons.end(),
                   [](const LawComparison& a, const LawComparison& b) {
                     const auto place = [](const LawComparison& law) {
                       return law.status.ok() ? law.rank_by_held_out : std::numeric_limits<int>::max();
                     };
                     return place(a) < place(b);
                   });
  return comparisons;
}

}  // namespace sextant::fitting
