// SPDX-License-Identifier: Apache-2.0
#include "fitting/allocation/allocation_lines.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>

#include "fitting/least_squares/summary.h"
#include "fitting/refusal.h"

namespace sextant::fitting {

double ComputePowerLaw::At(double flops) const {
  return std::exp(log_coefficient + exponent * std::log(flops));
}

Allocation AllocationFit::At(double flops, double interval_level) const {
  Allocation allocation;
  allocation.flops = flops;
  std::vector<double> sizes, lengths, ratios;
  for (std::size_t at = 0; at + 4 <= replicates.size(); at += 4) {
    sizes.push_back(ComputePowerLaw{replicates[at], replicates[at + 1]}.At(flops));
    lengths.push_back(ComputePowerLaw{replicates[at + 2], replicates[at + 3]}.At(flops));
    ratios.push_back(lengths.back() / sizes.back());
  }
  const double size = params.At(flops), length = tokens.At(flops);
  allocation.params = solve::WithInterval(size, std::move(sizes), interval_level);
  allocation.tokens = solve::WithInterval(length, std::move(lengths), interval_level);
  allocation.tokens_per_param = solve::WithInterval(length / size, std::move(ratios), interval_level);
  allocation.loss.value = std::numeric_limits<double>::quiet_NaN();
  return allocation;
}

namespace solve {

std::optional<ComputePowerLaw> FitLine(std::span<const double> log_flops,
                                       std::span<const double> log_values) {
  const double n = static_cast<double>(log_flops.size());
  double mean_x = 0, mean_y = 0;
  for (std::size_t i = 0; i < log_flops.size(); ++i) {
    mean_x += log_flops[i] / n;
    mean_y += log_values[i] / n;
  }
  double xx = 0, xy = 0;
  for (std::size_t i = 0; i < log_flops.size(); ++i) {
    xx += (log_flops[i] - mean_x) * (log_flops[i] - mean_x);
    xy += (log_flops[i] - mean_x) * (log_values[i] - mean_y);
  }
  if (!(xx > 1e-12 * n)) return std::nullopt;
  const double exponent = xy / xx;
  return ComputePowerLaw{mean_y - exponent * mean_x, exponent};
}

absl::Status FitLines(const std::vector<AllocationFit::Point>& optima, AllocationFit& fit) {
  std::vector<double> flops, params, tokens;
  for (const AllocationFit::Point& point : optima) {
    flops.push_back(std::log(point.flops));
    params.push_back(std::log(point.params));
    tokens.push_back(std::log(point.tokens));
  }
  const std::optional<ComputePowerLaw> sizes = FitLine(flops, params), lengths = FitLine(flops, tokens);
  if (!sizes || !lengths) {
    return NotIdentifiable(
        absl::StrCat("an allocation needs optima at two budgets or more, these data have ", optima.size()));
  }
  fit.params = *sizes;
  fit.tokens = *lengths;
  fit.optima = optima;
  return absl::OkStatus();
}

double Deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (n - 1));
}

double ScatterBeyondNoise(const AllocationFit& fit, const ComputePowerLaw& line,
                          double AllocationFit::Point::*column) {
  const std::size_t n = fit.optima.size();
  if (n < 3 || fit.optimum_errors.size() != n) return 1;
  double chi_squared = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double residual = std::log(fit.optima[i].*column / line.At(fit.optima[i].flops));
    if (!(fit.optimum_errors[i] > 0)) return 1;
    chi_squared += residual * residual / (fit.optimum_errors[i] * fit.optimum_errors[i]);
  }
  return std::sqrt(std::max(1.0, chi_squared / static_cast<double>(n - 2)));
}

void AddReplicate(const AllocationFit& drawn, const AllocationFit& about, double params_wider,
                  double tokens_wider, AllocationFit& fit) {
  const auto add = [&fit](const ComputePowerLaw& own, const ComputePowerLaw& moved,
                          const ComputePowerLaw& from, double wider) {
    fit.replicates.push_back(own.log_coefficient - wider * (moved.log_coefficient - from.log_coefficient));
    fit.replicates.push_back(own.exponent - wider * (moved.exponent - from.exponent));
  };
  add(fit.params, drawn.params, about.params, params_wider);
  add(fit.tokens, drawn.tokens, about.tokens, tokens_wider);
}

IntervalEstimate WithInterval(double value, std::vector<double> draws, double level) {
  IntervalEstimate estimate;
  estimate.value = value;
  if (draws.empty()) return estimate;
  std::sort(draws.begin(), draws.end());
  estimate.low = SortedQuantile(draws, 0.5 * (1 - level));
  estimate.high = SortedQuantile(draws, 0.5 * (1 + level));
  return estimate;
}

void FillExponentIntervals(double level, AllocationFit& fit) {
  std::vector<double> params, tokens;
  for (std::size_t at = 0; at + 4 <= fit.replicates.size(); at += 4) {
    params.push_back(fit.replicates[at + 1]);
    tokens.push_back(fit.replicates[at + 3]);
  }
  fit.params_exponent = WithInterval(fit.params.exponent, std::move(params), level);
  fit.tokens_exponent = WithInterval(fit.tokens.exponent, std::move(tokens), level);
}

}  // namespace solve
}  // namespace sextant::fitting
