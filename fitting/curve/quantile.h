// Order statistics used across the curve code.
#ifndef SEXTANT_FITTING_CURVE_QUANTILE_H_
#define SEXTANT_FITTING_CURVE_QUANTILE_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace sextant::fitting {

// The q-quantile with linear interpolation between order statistics (type 7); NaN of nothing.
inline double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto index = static_cast<std::ptrdiff_t>(position);
  std::nth_element(values.begin(), values.begin() + index, values.end());
  const double below = values[index];
  const double fraction = position - static_cast<double>(index);
  if (fraction == 0) return below;
  return below + fraction * (*std::min_element(values.begin() + index + 1, values.end()) - below);
}

}  // namespace sextant::fitting

#endif  // SEXTANT_FITTING_CURVE_QUANTILE_H_
