// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/log_curve.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/status/status.h"

namespace sextant::fitting {
namespace {

constexpr size_t kMostBins = 72;
constexpr double kWidestRange = 300;  // of ln y: ratios and their squares stay doubles

}  // namespace

double CurveNoise(std::span<const double> u, std::span<const double> v, std::span<const double> trust) {
  double sum = 0, total = 0;
  for (size_t i = 1; i + 1 < u.size(); ++i) {
    const double share = (u[i] - u[i - 1]) / (u[i + 1] - u[i - 1]);
    const double bend = v[i] - v[i - 1] - share * (v[i + 1] - v[i - 1]);
    const double weight = std::min({trust[i - 1], trust[i], trust[i + 1]});
    sum += weight * bend * bend / (1 + share * share + (1 - share) * (1 - share));
    total += weight;
  }
  return std::sqrt(sum / total);
}

absl::StatusOr<LogCurve> PrepareLogCurve(std::span<const double> x, std::span<const double> y, size_t& used,
                                         std::vector<std::string>& warnings) {
  std::vector<std::pair<double, double>> points;  // ln x, ln y
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] > 0 && y[i] > 0 && std::isfinite(x[i]) && std::isfinite(y[i])) {
      points.emplace_back(std::log(x[i]), std::log(y[i]));
    }
  }
  if (points.size() < x.size()) {
    warnings.push_back(std::to_string(x.size() - points.size()) + " of " + std::to_string(x.size()) +
                       " points dropped: x or y not positive and finite");
  }
  std::sort(points.begin(), points.end());
  LogCurve curve;
  used = points.size();
  const double range = points.empty() ? 0 : points.back().first - points.front().first;
  // Points that share an x, and points crowded closer than a bin, are averaged.
  const double width = points.size() > kMostBins ? range / kMostBins : 1e-9;
  for (size_t i = 0; i < points.size();) {
    double u = 0, v = 0;
    size_t j = i;
    for (; j < points.size() && points[j].first - points[i].first <= width; ++j) {
      u += points[j].first;
      v += points[j].second;
    }
    const auto count = static_cast<double>(j - i);
    curve.u.push_back(u / count);
    curve.v.push_back(v / count);
    // A bin of many points is surer, but all of one run's points share its luck: the gain is bounded.
    curve.weight.push_back(std::min(count, 4.0));
    i = j;
  }
  const size_t n = curve.u.size();
  if (n < 3) {
    return absl::FailedPreconditionError(
        "a learning curve needs at least three usable points at different x; there are " + std::to_string(n));
  }
  const auto [least, greatest] = std::minmax_element(curve.v.begin(), curve.v.end());
  if (*greatest - *least > kWidestRange) {
    return absl::FailedPreconditionError(
        "y spans more than 130 powers of ten, which no loss or error does: check the column and its units");
  }
  curve.log_x = curve.u.back();
  curve.log_y = curve.v.back();
  for (double& u : curve.u) u -= curve.log_x;
  for (double& v : curve.v) v -= curve.log_y;
  curve.noise = CurveNoise(curve.u, curve.v, std::vector<double>(n, 1.0));
  const double mean = std::accumulate(curve.weight.begin(), curve.weight.end(), 0.0) / static_cast<double>(n);
  for (double& w : curve.weight) w /= mean;
  return curve;
}

}  // namespace sextant::fitting
