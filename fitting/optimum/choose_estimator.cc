// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/choose_estimator.h"

#include <cmath>

#include "absl/strings/str_format.h"
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

}  // namespace sextant::fitting::optimum
