// SPDX-License-Identifier: Apache-2.0
// Labels on runs and cells: what a reader should know before trusting them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fitting/optimum/optimum_fit.h"

namespace sextant::fitting {

/// Labels of runs: "duplicate" (another run of the cell has the same snapped rate,
/// batch, weight decay and beta2), "diverged" (no
/// finite positive loss, or its state says so), "unfinished" (running or crashed), "incomplete" (N or D not
/// recorded), "edge-of-grid" (its cell's best, on the lowest or highest rate or batch tried). Labels of
/// cells: "edge-of-grid", "too-few-points" (not enough near the best for a quadratic), "weak-curvature" (no
/// minimum, or tenfold changes cost under 0.5 %), "off-centre" (the minimum lies outside the runs within 2 %
/// of the best).
struct CellQuality {
  double params;
  double tokens;
  int runs;
  int runs_diverged;
  std::vector<std::string> labels;
};

struct QualityReport {
  std::vector<std::vector<std::string>> run_labels;  ///< one entry a row of the table
  std::vector<CellQuality> cells;                    ///< ordered by N, then D; cells with a finished run
};

/// Labels every run and cell; changes nothing. InvalidArgument for ragged columns. Thread-safe.
absl::StatusOr<QualityReport> LabelQuality(const RunTable& runs, double grouping_tolerance = 0.003);

}  // namespace sextant::fitting
