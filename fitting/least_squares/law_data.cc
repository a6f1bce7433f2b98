// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/law_data.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/status_macros.h"
#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/resample.h"

namespace sextant::fitting {
namespace {

std::string Shown(double value) { return absl::StrCat(value); }

}  // namespace

std::string LawData::RowName(std::size_t row) const {
  return row < run_ids.size() ? run_ids[row] : absl::StrCat("row ", row + 1);
}

absl::Status ValidateLawData(const Law& law, const LawData& data, bool log_residuals) {
  const std::vector<VariableSpec>& variables = law.spec().variables;
  const std::size_t n = data.size();
  if (n == 0) return absl::InvalidArgumentError("there are no runs to fit");
  if (n > kMaxFitRows) {
    return absl::InvalidArgumentError(absl::StrCat("a fit takes at most ", kMaxFitRows, " rows, not ", n));
  }
  if (data.columns.size() != variables.size()) {
    return absl::InvalidArgumentError(absl::StrCat("law '", law.spec().id, "' has ", variables.size(),
                                                   " variables, the data ", data.columns.size(), " columns"));
  }
  const auto check_length = [&](std::size_t length, const std::string& what) {
    if (length == n) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has ", length, " entries for ", n, " observed values"));
  };
  for (std::size_t v = 0; v < variables.size(); ++v) {
    const std::string what = absl::StrCat("column '", variables[v].name, "'");
    RETURN_IF_ERROR(check_length(data.columns[v].size(), what));
    for (std::size_t row = 0; row < n; ++row) {
      if (std::isfinite(data.columns[v][row])) continue;
      return absl::InvalidArgumentError(absl::StrCat(what, " at ", data.RowName(row), " is ",
                                                     Shown(data.columns[v][row]),
                                                     "; remove the run or give a number"));
    }
  }
  for (const auto& [length, what] :
       {std::pair(data.weights.size(), "the weights"), std::pair(data.run_ids.size(), "the list of run ids"),
        std::pair(data.cell_ids.size(), "the list of cell ids")}) {
    if (length == 0) continue;
    RETURN_IF_ERROR(check_length(length, what));
  }
  double total = 0;
  for (std::size_t row = 0; row < n; ++row) {
    const double observed = data.observed[row];
    const double weight = data.weights.empty() ? 1.0 : data.weights[row];
    if (!std::isfinite(weight) || weight < 0) {
      return absl::InvalidArgumentError(absl::StrCat("the weight of ", data.RowName(row), " is ",
                                                     Shown(weight), "; weights are finite and not negative"));
    }
    total += weight;
    if (!std::isfinite(observed)) {
      return absl::InvalidArgumentError(absl::StrCat("the observed value of ", data.RowName(row), " is ",
                                                     Shown(observed),
                                                     "; leave out runs that did not finish"));
    }
    if (log_residuals && !(observed > 0)) {
      return absl::InvalidArgumentError(absl::StrCat("the observed value of ", data.RowName(row), " is ",
                                                     Shown(observed),
                                                     ", which has no logarithm; use level residuals ",
                                                     "(objective level-huber:DELTA, …) or remove the run"));
    }
  }
  if (!(total > 0)) return absl::InvalidArgumentError("every weight is 0");
  return absl::OkStatus();
}

LawData SelectRows(const LawData& data, std::span<const std::size_t> rows) {
  LawData selected;
  const auto take = [&](const auto& from, auto& to) {
    if (from.empty()) return;
    to.reserve(rows.size());
    for (const std::size_t row : rows) to.push_back(from[row]);
  };
  selected.columns.resize(data.columns.size());
  for (std::size_t v = 0; v < data.columns.size(); ++v) take(data.columns[v], selected.columns[v]);
  take(data.observed, selected.observed);
  take(data.weights, selected.weights);
  take(data.cell_ids, selected.cell_ids);
  // Rows keep their names even where they were only numbered.
  for (const std::size_t row : rows) selected.run_ids.push_back(data.RowName(row));
  return selected;
}

absl::StatusOr<std::vector<double>> WeightsFromStandardDeviations(
    std::span<const double> standard_deviations) {
  std::vector<double> weights;
  double total = 0;
  for (std::size_t row = 0; row < standard_deviations.size(); ++row) {
    const double sd = standard_deviations[row];
    if (!std::isfinite(sd) || !(sd > 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("standard deviation ", row + 1, " is ", Shown(sd), "; it must be a positive number"));
    }
    weights.push_back(1 / (sd * sd));
    total += weights.back();
  }
  for (double& weight : weights) weight *= static_cast<double>(weights.size()) / total;
  return weights;
}

absl::StatusOr<ScaleSplit> SplitLargestScales(const Law& law, const LawData& data, double fraction) {
  if (!(fraction > 0) || !(fraction < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the held-out fraction must lie between 0 and 1, not ", fraction));
  }
  std::vector<std::size_t> scales;
  for (std::size_t v = 0; v < law.spec().variables.size(); ++v) {
    const std::string& name = law.spec().variables[v].name;
    if (name == "N" || name == "D" || name == "C") scales.push_back(v);
  }
  if (scales.empty()) scales.push_back(0);
  const std::vector<std::vector<std::size_t>> cells = solve::CellRows(data);
  std::vector<double> scale(cells.size(), 0.0);
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    // A cell is one point up to rounding; its largest row stands for it.
    scale[cell] = -std::numeric_limits<double>::infinity();
    for (const std::size_t row : cells[cell]) {
      double log_scale = 0;
      for (const std::size_t v : scales) log_scale += std::log(data.columns[v][row]);
      scale[cell] = std::max(scale[cell], log_scale);
    }
  }
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scale[a] > scale[b]; });
  const double wanted = fraction * static_cast<double>(data.size());
  ScaleSplit split;
  for (const std::size_t cell : order) {
    std::vector<std::size_t>& side =
        static_cast<double>(split.held_out.size()) < wanted ? split.held_out : split.train;
    side.insert(side.end(), cells[cell].begin(), cells[cell].end());
  }
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.held_out.begin(), split.held_out.end());
  if (split.train.empty() || split.held_out.empty()) {
    return absl::InvalidArgumentError("too few cells to hold the largest scales out");
  }
  return split;
}

}  // namespace sextant::fitting
