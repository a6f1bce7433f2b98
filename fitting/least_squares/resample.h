// SPDX-License-Identifier: Apache-2.0
// Draws bootstrap resamples. Resample r is a pure function of (data, seed, r).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fitting/least_squares/fit_law.h"

namespace sextant::fitting::solve {

/// What a resample changes: the weights (case, hierarchical) or what was observed (residual, noise).
struct Resample {
  std::vector<double> weights;   ///< one a row; counts times the data's own weights
  std::vector<double> observed;  ///< on the residual's scale; empty: unchanged
};

class Resampler {
 public:
  /// `fitted` and `observed` are on the residual's scale. `noise_sd` 0 takes the residuals' standard
  /// deviation.
  Resampler(const LawData& data, BootstrapKind kind, std::uint64_t seed, std::span<const double> fitted,
            std::span<const double> observed, double noise_sd);

  void Draw(std::uint64_t replicate, Resample& out) const;
  std::size_t cells() const { return cells_.size(); }

 private:
  BootstrapKind kind_;
  std::uint64_t seed_;
  std::vector<double> weights_, fitted_, observed_, residual_;
  double noise_sd_ = 0;
  std::vector<std::vector<std::size_t>> cells_;  // rows of each cell
};

/// Rows of each cell in order of first appearance.
std::vector<std::vector<std::size_t>> CellRows(const LawData& data);

}  // namespace sextant::fitting::solve
