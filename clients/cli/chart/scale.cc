// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/chart/scale.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "clients/cli/output/quantity.h"

namespace sextant::cli::chart {
namespace {

// Space beyond the outermost data, as a share of their spread.
constexpr double kMargin = 0.04;
// Ticks nearer to an end than this are at it.
constexpr double kRounding = 1e-9;

double Project(bool log, double value) { return log ? std::log10(value) : value; }

void AddTick(const Scale& scale, double value, const std::string& label, std::vector<Tick>* ticks) {
  const double at = scale.At(value);
  if (at >= -kRounding && at <= 1 + kRounding) ticks->push_back({std::clamp(at, 0.0, 1.0), label});
}

// The smallest of 1, 2 and 5 times a power of ten that is at least `step`.
double RoundStep(double step) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (factor * power >= step * (1 - kRounding)) return factor * power;
  }
  return 10 * power;
}

std::vector<Tick> LinearTicks(const Axis& axis, const Scale& scale, int most) {
  std::vector<Tick> ticks;
  const double step = RoundStep((scale.high - scale.low) / std::max(1, most));
  const double first = std::ceil(scale.low / step - kRounding);
  for (int i = 0; i <= 2 * most; ++i) {
    // Whole multiples, so that a tick at nought is nought.
    const double value = (first + i) * step;
    if (value > scale.high + kRounding * step) break;
    AddTick(scale, value, TickLabel(axis, value), &ticks);
  }
  return ticks;
}

std::vector<Tick> LogTicks(const Axis& axis, const Scale& scale, int most) {
  std::vector<Tick> ticks;
  const double decades = std::log10(scale.high / scale.low);
  const int first = static_cast<int>(std::floor(std::log10(scale.low)));
  const int last = static_cast<int>(std::ceil(std::log10(scale.high)));
  const int stride = std::max(1, static_cast<int>(std::ceil(decades / std::max(1, most))));
  for (int exponent = first; exponent <= last; ++exponent) {
    const bool labelled = (exponent % stride + stride) % stride == 0;
    for (int digit = 1; digit <= 9; ++digit) {
      const double value = digit * std::pow(10.0, exponent);
      const bool one = digit == 1 && labelled;
      const bool some = (digit == 2 || digit == 5) && 3 * decades <= most;
      const bool two_and_five = some || (digit == 3 && decades <= 2 && 2 * decades <= most && !some);
      if (one || two_and_five || stride == 1) {
        AddTick(scale, value, one || two_and_five ? TickLabel(axis, value) : "", &ticks);
      }
    }
  }
  const auto labelled =
      std::count_if(ticks.begin(), ticks.end(), [](const Tick& t) { return !t.label.empty(); });
  // Less than half a decade may hold none: then round values as on a linear axis, at their place on this one.
  return labelled >= 2 ? ticks : LinearTicks(axis, scale, most);
}

}  // namespace

double Scale::At(double value) const {
  if (!std::isfinite(value) || (log && value <= 0)) return std::numeric_limits<double>::quiet_NaN();
  const double from = Project(log, low), to = Project(log, high);
  return (Project(log, value) - from) / (to - from);
}

double Scale::ValueAt(double share) const {
  return log ? std::pow(10.0, std::log10(low) + share * std::log10(high / low)) : low + share * (high - low);
}

Scale ScaleOf(const Axis& axis, const std::vector<double>& values) {
  Scale scale;
  scale.log = axis.log;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : values) {
    if (!std::isfinite(value) || (axis.log && value <= 0)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (!(low <= high)) low = axis.log ? 1 : 0, high = axis.log ? 10 : 1;
  if (low == high) {
    // One value: a factor of 2, or a tenth of it, on both sides.
    const double spread = low == 0 ? 1 : 0.1 * std::fabs(low);
    high = axis.log ? 2 * low : low + spread;
    low = axis.log ? low / 2 : low - spread;
  }
  if (axis.log) {
    const double factor = std::pow(high / low, kMargin);
    scale.low = axis.low.value_or(low / factor);
    scale.high = axis.high.value_or(high * factor);
  } else {
    const double margin = kMargin * (high - low);
    scale.low = axis.low.value_or(low - margin);
    scale.high = axis.high.value_or(high + margin);
  }
  if (!(scale.low < scale.high) || (scale.log && !(scale.low > 0))) scale.low = low, scale.high = high;
  return scale;
}

std::string TickLabel(const Axis& axis, double value) {
  if (axis.count) return FormatCount(value, 3);
  return FormatNumber(value, 4);
}

std::vector<Tick> TicksOf(const Axis& axis, const Scale& scale, int most) {
  return scale.log ? LogTicks(axis, scale, most) : LinearTicks(axis, scale, most);
}

}  // namespace sextant::cli::chart
