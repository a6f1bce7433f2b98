// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/resample.h"

#include <cmath>
#include <map>
#include <string>

#include "base/random.h"

namespace sextant::fitting::solve {

std::vector<std::vector<std::size_t>> CellRows(const LawData& data) {
  std::vector<std::vector<std::size_t>> cells;
  if (data.cell_ids.empty()) {
    for (std::size_t row = 0; row < data.size(); ++row) cells.push_back({row});
    return cells;
  }
  std::map<std::string, std::size_t> index;
  for (std::size_t row = 0; row < data.size(); ++row) {
    const auto [place, added] = index.emplace(data.cell_ids[row], cells.size());
    if (added) cells.emplace_back();
    cells[place->second].push_back(row);
  }
  return cells;
}

Resampler::Resampler(const LawData& data, BootstrapKind kind, std::uint64_t seed,
                     std::span<const double> fitted, std::span<const double> observed, double noise_sd)
    : kind_(kind),
      seed_(seed),
      weights_(data.weights),
      fitted_(fitted.begin(), fitted.end()),
      observed_(observed.begin(), observed.end()),
      noise_sd_(noise_sd),
      cells_(CellRows(data)) {
  if (weights_.empty()) weights_.assign(data.size(), 1.0);
  // A row of weight w has 1 / w of the variance: residuals are drawn standardised.
  double squares = 0, mean = 0;
  std::size_t used = 0;
  for (std::size_t row = 0; row < observed_.size(); ++row) {
    if (weights_[row] == 0) continue;
    const double residual = (observed_[row] - fitted_[row]) * std::sqrt(weights_[row]);
    residual_.push_back(residual);
    squares += residual * residual;
    mean += residual;
    ++used;
  }
  // A robust fit leaves residuals whose mean is not 0: drawn as they are they would shift every resample.
  mean /= static_cast<double>(used == 0 ? 1 : used);
  for (double& residual : residual_) residual -= mean;
  if (noise_sd_ == 0 && used > 1) {
    noise_sd_ =
        std::sqrt((squares - static_cast<double>(used) * mean * mean) / static_cast<double>(used - 1));
  }
}

void Resampler::Draw(std::uint64_t replicate, Resample& out) const {
  RandomStream random(seed_, replicate);
  const std::size_t n = weights_.size();
  switch (kind_) {
    case BootstrapKind::kCase:
      out.weights.assign(n, 0.0);
      for (std::size_t draw = 0; draw < n; ++draw) out.weights[random.Index(n)] += 1;
      break;
    case BootstrapKind::kHierarchical:
      out.weights.assign(n, 0.0);
      for (std::size_t draw = 0; draw < cells_.size(); ++draw) {
        const std::vector<std::size_t>& rows = cells_[random.Index(cells_.size())];
        if (rows.size() == 1) {
          out.weights[rows.front()] += 1;
          continue;
        }
        for (std::size_t within = 0; within < rows.size(); ++within)
          out.weights[rows[random.Index(rows.size())]] += 1;
      }
      break;
    case BootstrapKind::kResidual:
    case BootstrapKind::kParametricNoise:
      out.weights = weights_;
      out.observed.resize(n);
      for (std::size_t row = 0; row < n; ++row) {
        if (weights_[row] == 0) {
          out.observed[row] = observed_[row];
          continue;
        }
        const double root = std::sqrt(weights_[row]);
        out.observed[row] = kind_ == BootstrapKind::kResidual
                                ? fitted_[row] + residual_[random.Index(residual_.size())] / root
                                : observed_[row] + noise_sd_ * random.Normal() / root;
      }
      return;
  }
  for (std::size_t row = 0; row < n; ++row) out.weights[row] *= weights_[row];
}

}  // namespace sextant::fitting::solve
