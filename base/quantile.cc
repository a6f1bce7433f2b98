// SPDX-License-Identifier: Apache-2.0
#include "base/quantile.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace sextant {
namespace {

/// Type-7 quantile at `position` = p (n - 1) of the smallest values, of which `count` (more than position +
/// 1) stand at `values`, unordered.
double LowQuantile(double* values, std::size_t count, double position) {
  const auto below = static_cast<std::size_t>(position);
  double* nth = values + below;
  std::nth_element(values, nth, values + count);
  const double fraction = position - static_cast<double>(below);
  if (fraction == 0 || below + 1 == count) return *nth;
  const double next = *std::min_element(nth + 1, values + count);
  return *nth + fraction * (next - *nth);
}

/// Copies sign * value for the values below `cut` (after the sign) to `out`; returns how many. Branch-free.
std::size_t CopyBelow(std::span<const double> values, double sign, double cut, double* out) {
  std::size_t kept = 0;
  for (const double value : values) {
    const double signed_value = sign * value;
    out[kept] = signed_value;
    kept += signed_value < cut ? 1 : 0;
  }
  return kept;
}

double TailQuantile(std::span<const double> values, double sign, double mean, double sd, double position,
                    double* scratch) {
  // The fewer values are left the cheaper is the selection: the farthest cut whose tail should hold the order
  // statistics wanted. `share` of normal draws lie more than `reach` deviations below their mean.
  for (const auto& [reach, share] : {std::pair{1.4, 0.0808}, std::pair{1.0, 0.1587}, std::pair{0.0, 0.5}}) {
    if (position + 1 > share * static_cast<double>(values.size())) continue;
    const std::size_t kept = CopyBelow(values, sign, sign * mean - reach * sd, scratch);
    if (static_cast<double>(kept) > position + 1) return sign * LowQuantile(scratch, kept, position);
  }
  for (std::size_t i = 0; i < values.size(); ++i) scratch[i] = sign * values[i];
  return sign * LowQuantile(scratch, values.size(), position);
}

}  // namespace

double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  return LowQuantile(values.data(), values.size(), position);
}

std::pair<double, double> TailQuantiles(std::span<const double> values, double p,
                                        std::vector<double>& scratch) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (values.empty()) return {kNan, kNan};
  const double n = static_cast<double>(values.size());
  double sum = 0, sum_squares = 0;
  for (const double value : values) {
    sum += value;
    sum_squares += value * value;
  }
  if (std::isnan(sum)) return {kNan, kNan};
  const double mean = sum / n;
  const double sd = std::sqrt(std::max(0.0, sum_squares / n - mean * mean));
  if (scratch.size() < values.size() + 1) scratch.resize(values.size() + 1);
  const double position = p * (n - 1);
  return {TailQuantile(values, 1, mean, sd, position, scratch.data()),
          TailQuantile(values, -1, mean, sd, position, scratch.data())};
}

}  // namespace sextant
