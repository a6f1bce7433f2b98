// SPDX-License-Identifier: Apache-2.0
#include "fitting/replicate_schedule.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <string>

#include "fitting/curve/rate_changes.h"
#include "fitting/curve/schedule.h"

namespace sextant::fitting {
namespace {

/// Parameters of one row by their name in the law.
class ReplicateRow {
 public:
  ReplicateRow(const Law& law, std::span<const double> values) : law_(law), values_(values) {}
  double operator[](const char* name) const { return values_[*law_.ParameterIndex(name)]; }

 private:
  const Law& law_;
  std::span<const double> values_;
};

double MultiPowerOfMerged(const ReplicateRow& p, const std::vector<MergedChange>& changes, double s1) {
  const double c = p["C"], beta = p["beta"], gamma = p["gamma"];
  double gained = 0;
  for (const MergedChange& change : changes) {
    const double q = c * std::exp(-gamma * change.log_rate) * change.since;
    gained += change.drop * (1 - std::exp(-beta * std::log1p(q)));
  }
  return p["L0"] + p["A"] * std::pow(s1, -p["alpha"]) - p["B"] * gained;
}

}  // namespace

std::vector<double> ReplicatesOnSchedule(const Law& law, std::span<const double> learning_rates,
                                         std::span<const double> replicates) {
  const std::size_t width = law.spec().parameters.size();
  if (!law.needs_schedule() || width == 0 || learning_rates.empty()) return {};
  const std::size_t last = learning_rates.size() - 1;
  const bool multi_power = law.spec().evaluator == "multi-power";
  const RateChanges changes(learning_rates);
  const std::vector<MergedChange> merged = multi_power ? changes.Before(last) : std::vector<MergedChange>();
  std::map<double, double> s2_by_lambda;  // of Tissue's law: one lambda in all rows of a fit
  std::vector<double> losses;
  for (std::size_t row = 0; row + width <= replicates.size(); row += width) {
    const ReplicateRow p(law, replicates.subspan(row, width));
    const double s1 = changes.Sum(last);
    if (multi_power) {
      losses.push_back(MultiPowerOfMerged(p, merged, s1));
      continue;
    }
    const double lambda = p["lambda"];
    auto s2 = s2_by_lambda.find(lambda);
    if (s2 == s2_by_lambda.end())
      s2 = s2_by_lambda.emplace(lambda, ComputeTissueSums(learning_rates, lambda).s2.back()).first;
    losses.push_back(p["L0"] + p["A"] * std::pow(s1, -p["alpha"]) - p["C"] * s2->second);
  }
  return losses;
}

}  // namespace sextant::fitting
