// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/curve.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "base/quantile.h"
#include "fitting/curve/curve_rows.h"
#include "fitting/curve/local_regression.h"
#include "fitting/curve/regime.h"

namespace sextant::fitting {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double At(const std::vector<double>& column, size_t i) { return column.empty() ? kNaN : column[i]; }

bool LengthsAgree(const LossCurve& curve) {
  const size_t n = curve.size();
  for (const auto* column : {&curve.step, &curve.tokens, &curve.train_loss, &curve.validation_loss,
                             &curve.learning_rate, &curve.gradient_noise_scale_tokens}) {
    if (!column->empty() && column->size() != n) return false;
  }
  return true;
}

size_t CountGaps(const std::vector<double>& x, double factor) {
  size_t gaps = 0;
  for (size_t i = 1; i + 1 < x.size(); ++i) {
    const double before = i >= 2 ? x[i - 1] - x[i - 2] : x[i + 1] - x[i];
    if (x[i] - x[i - 1] > factor * std::max(before, x[i + 1] - x[i])) ++gaps;
  }
  return gaps;
}

// Neighbouring points averaged into bins narrow against any window, so that the work per curve stays bounded.
struct Bins {
  std::vector<double> u, v, weight;
};
Bins MakeBins(const std::vector<double>& u, const std::vector<double>& v) {
  constexpr double kWidth = 5e-4;  // in ln x
  Bins bins;
  for (size_t i = 0; i < u.size();) {
    double sum_u = 0, sum_v = 0;
    size_t j = i;
    for (; j < u.size() && u[j] - u[i] < kWidth; ++j) {
      sum_u += u[j];
      sum_v += v[j];
    }
    const auto count = static_cast<double>(j - i);
    bins.u.push_back(sum_u / count);
    bins.v.push_back(sum_v / count);
    bins.weight.push_back(count);
    i = j;
  }
  return bins;
}

// Local lines of ln loss in ln x over a window proportional to x, at least five bins wide, at every bin;
// straight between.
std::vector<double> Smooth(const Bins& bins, const LocalRegression& lines, const std::vector<double>& u,
                           double half_width) {
  const size_t n = bins.u.size();
  std::vector<double> at_bin(n), smoothed(u.size());
  size_t first = 0, last = 0;
  for (size_t i = 0; i < n; ++i) {
    while (bins.u[first] < bins.u[i] - half_width) ++first;
    while (last < n && bins.u[last] <= bins.u[i] + half_width) ++last;
    at_bin[i] =
        lines.Through(std::min(first, i >= 2 ? i - 2 : 0), std::max(last, std::min(n, i + 3)), bins.u[i])
            .value;
  }
  size_t bin = 0;
  for (size_t i = 0; i < u.size(); ++i) {
    while (bin + 2 < n && bins.u[bin + 1] <= u[i]) ++bin;
    double value = at_bin[bin];
    if (bin + 1 < n) {
      value += (at_bin[bin + 1] - value) * (u[i] - bins.u[bin]) / (bins.u[bin + 1] - bins.u[bin]);
    }
    smoothed[i] = std::exp(value);
  }
  return smoothed;
}

// Robust sd of ln loss from second differences: blind to the trend.
double Noise(const std::vector<double>& u, const std::vector<double>& v) {
  if (v.size() < 4) return 0;
  std::vector<double> deviations;
  const size_t stride = std::max<size_t>(1, v.size() / 4096);
  for (size_t i = 1; i + 1 < v.size(); i += stride) {
    const double share = (u[i] - u[i - 1]) / (u[i + 1] - u[i - 1]);
    const double expected = v[i - 1] + share * (v[i + 1] - v[i - 1]);
    deviations.push_back(std::fabs(v[i] - expected) /
                         std::sqrt(1 + share * share + (1 - share) * (1 - share)));
  }
  return 1.4826 * Quantile(std::move(deviations), 0.5);
}

}  // namespace

size_t LossCurve::size() const {
  return std::max({step.size(), tokens.size(), train_loss.size(), validation_loss.size(),
                   learning_rate.size(), gradient_noise_scale_tokens.size()});
}

const char* CurveLabelName(CurveLabel label) {
  switch (label) {
    case CurveLabel::kUsable:
      return "usable";
    case CurveLabel::kNotYetPowerLaw:
      return "not-yet-power-law";
    case CurveLabel::kAbruptDrop:
      return "abrupt-drop";
    case CurveLabel::kDropInProgress:
      return "drop-in-progress";
    case CurveLabel::kDiverged:
      return "diverged";
    case CurveLabel::kTooShort:
      return "too-short";
    case CurveLabel::kMalformed:
      return "malformed";
  }
  return "unknown";
}

CleanCurve Clean(const LossCurve& curve, const CleanOptions& options) {
  CleanCurve out;
  CurveQuality& quality = out.quality;
  quality.points_given = curve.size();
  const std::vector<double>& x = curve.step.empty() ? curve.tokens : curve.step;
  const std::vector<double>& loss =
      options.loss == LossColumn::kTrain ? curve.train_loss : curve.validation_loss;
  out.x_is_step = !curve.step.empty();
  if (curve.size() == 0 || x.empty() || loss.empty() || !LengthsAgree(curve)) {
    quality.reason = !LengthsAgree(curve) ? "the columns have different lengths"
                     : x.empty()          ? "neither steps nor tokens are recorded"
                                          : "no loss is recorded";
    return out;
  }
  std::vector<size_t> rows = KeepRows(x, loss, quality);
  // A run that ends in non-finite losses has diverged, however smooth it was before.
  bool ends_non_finite = false;
  for (size_t i = x.size(); i-- > 0;) {
    if (!Positive(x[i])) continue;
    // NaN alone may mean "not recorded here"; a loss that is infinite, or missing over the last tenth, does
    // not.
    ends_non_finite =
        std::isinf(loss[i]) || (!rows.empty() && i > rows.back() && (i - rows.back()) * 10 > x.size());
    break;
  }
  const auto is_warmup = [&](size_t row) { return x[row] <= options.warmup_steps; };
  quality.warmup_dropped = static_cast<size_t>(std::count_if(rows.begin(), rows.end(), is_warmup));
  rows.erase(std::remove_if(rows.begin(), rows.end(), is_warmup), rows.end());
  quality.points_used = rows.size();
  out.x.reserve(rows.size());
  out.loss.reserve(rows.size());
  for (size_t row : rows) {
    out.x.push_back(x[row]);
    out.loss.push_back(loss[row]);
    if (!curve.tokens.empty()) out.tokens.push_back(At(curve.tokens, row));
    if (!curve.learning_rate.empty()) out.learning_rate.push_back(At(curve.learning_rate, row));
    if (!curve.gradient_noise_scale_tokens.empty()) {
      out.gradient_noise_scale_tokens.push_back(At(curve.gradient_noise_scale_tokens, row));
    }
  }
  quality.gaps = CountGaps(out.x, options.gap_factor);
  std::vector<double> u(out.x.size()), v(out.x.size());
  for (size_t i = 0; i < u.size(); ++i) {
    u[i] = std::log(out.x[i]);
    v[i] = std::log(out.loss[i]);
  }
  const Bins bins = MakeBins(u, v);
  const LocalRegression lines(bins.u, bins.v, bins.weight);
  out.smoothed_loss = Smooth(bins, lines, u, std::clamp(options.smoothing, 0.0, 0.9));
  quality.noise = Noise(u, v);
  if (out.x.size() < options.min_points) {
    quality.label = CurveLabel::kTooShort;
    quality.reason = std::to_string(out.x.size()) + " usable points; at least " +
                     std::to_string(options.min_points) + " are needed";
    return out;
  }
  if (ends_non_finite) {
    quality.label = CurveLabel::kDiverged;
    quality.reason = "the loss is not finite at the end";
    return out;
  }
  double annealed_from = u.back();  // where the rate is last above half its peak
  if (!out.learning_rate.empty()) {
    double peak = 0;
    for (double rate : out.learning_rate) peak = std::isfinite(rate) ? std::max(peak, rate) : peak;
    size_t i = out.learning_rate.size() - 1;
    while (i > 0 && !(out.learning_rate[i] >= 0.5 * peak)) --i;
    annealed_from = u[i];
  }
  LabelRegime(bins.u, lines, annealed_from, quality);
  return out;
}

}  // namespace sextant::fitting
