// SPDX-License-Identifier: Apache-2.0
#include "fitting/provenance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "fitting/digest.h"
#include "fitting/version.h"

namespace sextant::fitting {
namespace {

/// Runs that recorded the quantity named like a variable of laws, for the fitted ranges.
std::optional<Range> ColumnRange(const RunTable& runs, const std::vector<double>& column) {
  Range range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (std::size_t i = 0; i < column.size(); ++i) {
    const bool usable = runs.state[i] == RunState::kFinished || runs.state[i] == RunState::kUnspecified;
    if (!usable || !std::isfinite(column[i])) continue;
    range.low = std::min(range.low, column[i]);
    range.high = std::max(range.high, column[i]);
  }
  if (range.low > range.high) return std::nullopt;
  return range;
}

void FillRanges(const RunTable& runs, std::map<std::string, Range>& ranges) {
  const std::pair<const char*, const std::vector<double>*> columns[] = {
      {"N", &runs.params}, {"D", &runs.tokens}, {"B", &runs.batch_size_tokens}};
  for (const auto& [name, column] : columns) {
    if (ranges.contains(name)) continue;
    if (std::optional<Range> range = ColumnRange(runs, *column)) ranges[name] = *range;
  }
}

}  // namespace

void SetProvenance(const LawSpec& law, const RunTable& runs, const FitRequest& request, FitResult& result) {
  result.law_id = law.id;
  if (result.law_toml.empty()) result.law_toml = LawSpecToToml(law);  // else the fit has said more in it
  result.target = law.target;
  result.study_id = request.study_id;
  result.param_count = request.param_count;
  result.loss_unit = request.loss_unit;
  result.filter = request.filter;
  result.holdout_filter = request.holdout_filter;
  result.seed = request.seed;
  result.bootstrap_replicates = request.bootstrap_replicates;
  result.version = kVersion;
  result.data_digest = DataDigest(runs);
  FillRanges(runs, result.fitted_range);
}

}  // namespace sextant::fitting
