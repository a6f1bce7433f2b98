// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/choose_estimator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_format.h"
#include "fitting/optimum/law_basis.h"
#include "fitting/optimum/own_runs.h"
#include "fitting/optimum/predict.h"

namespace sextant::fitting::optimum {

double DecadesInMiddle(const std::vector<Cell>& cells, const OptimumFit& fit) {
  if (fit.replicate_count == 0) return 0;
  double n = 0, d = 0;
  for (const Cell& cell : cells) {
    n += cell.log_params / static_cast<double>(cells.size());
    d += cell.log_tokens / static_cast<double>(cells.size());
  }
  const OptimumPrediction p = PredictOptimum(fit, std::exp(n), std::exp(d));
  return std::log10(p.high / p.low);
}

bool MayNeedBand(const std::vector<Cell>& cells, Axes axes, const OptimumFit& average) {
  return DecadesInMiddle(cells, average) > kMostDecades || MayContradict(cells, axes, average);
}

std::string WhyBand(const std::vector<Cell>& cells, Axes axes, const OptimumFit& average,
                    const OptimumFit& band) {
  if (std::string why = Contradiction(cells, axes, average, band); !why.empty()) return why;
  const double decades = DecadesInMiddle(cells, average), simpler = DecadesInMiddle(cells, band);
  if (decades > kMostDecades && simpler <= kMostDecades) {
    return absl::StrFormat(
        "the 90 %% interval of the average of surfaces spans %.1f decades in the middle of the sweep, that "
        "of "
        "the band %.1f",
        decades, simpler);
  }
  return "";
}

std::string AtEndOfOwnBand(const std::vector<Cell>& cells, const OptimumFit& fit) {
  constexpr double kEnd = 0.05;
  constexpr double kPastEnd = 1;
  std::vector<std::pair<double, double>> places;
  double n_high = -1e300, d_high = -1e300;
  for (const Cell& cell : cells) {
    places.emplace_back(cell.log_params, cell.log_tokens);
    n_high = std::max(n_high, cell.log_params), d_high = std::max(d_high, cell.log_tokens);
  }
  places.insert(
      places.end(),
      {{n_high + kPastEnd, d_high}, {n_high, d_high + kPastEnd}, {n_high + kPastEnd, d_high + kPastEnd}});
  int low = 0, high = 0;
  for (const auto& [n, d] : places) {
    const absl::StatusOr<NearOptimalBand> band =
        PredictNearOptimalBand(fit, std::exp(n), std::exp(d), fit.near_optimal_tolerance);
    if (!band.ok()) return "";
    const double at = EvaluateLogLaw(fit.variables, fit.estimates.data(), n, d);
    const double share = (at - std::log(band->low)) / std::log(band->high / band->low);
    low += share<kEnd, high += share> 1 - kEnd;
  }
  const int most = std::max(low, high);
  if (2 * most <= static_cast<int>(places.size())) return "";
  return absl::StrFormat(
      "what is recommended lies at the %s end of its own near-optimal band, or beyond it, at %d of %d places "
      "in and beside the sweep: the runs leave the optimum open; more runs near it would tell",
      low >= high ? "low" : "high", most, static_cast<int>(places.size()));
}

}  // namespace sextant::fitting::optimum
