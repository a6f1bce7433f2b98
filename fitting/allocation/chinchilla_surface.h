// SPDX-License-Identifier: Apache-2.0
// E + A/N^alpha + B/D^beta fitted to runs, and the compute-optimal lines that follow.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fitting/allocation/allocation.h"

namespace sextant::fitting::solve {

/// ln C = at + params ln N + tokens ln D: the cost of training, 6 N D by default.
struct LogCost {
  double at = 1.791759469228055, params = 1, tokens = 1;
  double largest_residual = 0;  ///< of ln C over the runs it was fitted to
};

/// The cost of these runs: exactly k N D where their ratio is one number, else fitted.
LogCost CostOf(const std::vector<IsoFlopRun>& runs);

class ChinchillaSurface {
 public:
  /// `values` holds E, A, B, alpha, beta, then replicates of the same, row by row.
  explicit ChinchillaSurface(std::vector<double> values, LogCost cost = {})
      : values_(std::move(values)), cost_(cost) {}

  double Loss(double params, double tokens) const;
  double alpha() const { return values_[3]; }
  double beta() const { return values_[4]; }
  /// 0 is the estimate, 1 the first replicate.
  OptimalPowerLaws Lines(std::size_t row) const;
  std::size_t replicate_count() const { return values_.size() / 5 - 1; }

 private:
  std::vector<double> values_;
  LogCost cost_;
};

/// Fits it by `objective` (empty: huber:1e-3 on log losses). Errors as FitLaw.
absl::StatusOr<ChinchillaSurface> FitChinchilla(const std::vector<IsoFlopRun>& runs,
                                                const AllocationBootstrap& bootstrap,
                                                const std::string& objective);

}  // namespace sextant::fitting::solve
