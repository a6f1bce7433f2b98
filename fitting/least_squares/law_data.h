// SPDX-License-Identifier: Apache-2.0
// What a law is fitted to: its variables, the observed values and how much each observation counts.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "fitting/law/law.h"
#include "fitting/run_table.h"

namespace sextant::fitting {

/// One row a run. Plain data, not synchronised.
struct LawData {
  std::vector<std::vector<double>>
      columns;                   ///< [variable of the law][row], in the order of LawSpec::variables
  std::vector<double> observed;  ///< what the law predicts, in the law's unit
  /// Multiplies each row's loss; empty means 1 everywhere. Proportional to 1 / variance: from standard
  /// deviations make them with WeightsFromStandardDeviations, never by hand.
  std::vector<double> weights;
  std::vector<std::string> run_ids;   ///< names rows in messages and influence; empty: "row 1", "row 2", …
  std::vector<std::string> cell_ids;  ///< rows of one (N, D) cell share one; empty: every row is its own cell

  std::size_t size() const { return observed.size(); }
  std::string RowName(std::size_t row) const;
};

/// Refuses data no fit of `law` can use: column counts or lengths that differ, a value that is not finite, a
/// weight that is negative, observed values <= 0 where residuals are logarithmic. Says which row and column.
absl::Status ValidateLawData(const Law& law, const LawData& data, bool log_residuals);

/// The rows of `data` at `rows`, in that order.
LawData SelectRows(const LawData& data, std::span<const std::size_t> rows);

/// Weights 1 / sd^2, scaled to mean 1. Curve-fitting routines disagree about whether they take a deviation or
/// a weight, and handing one the other inverts the weights; this is the only conversion here.
/// InvalidArgument unless every deviation is finite and positive.
absl::StatusOr<std::vector<double>> WeightsFromStandardDeviations(
    std::span<const double> standard_deviations);

/// The finished runs of a study as data for `law`, every variable found by its name (law_columns.h). Cells
/// are equal (N, D), and equal in what the study declares where the law reads that.
absl::StatusOr<LawData> LawDataFromRuns(const Law& law, const RunTable& runs);

/// Row indices of the data split by scale: the training part and the largest scales held out.
struct ScaleSplit {
  std::vector<std::size_t> train, held_out;
};

/// Holds out the cells of largest scale, where scale is the product of the variables N, D and C that the law
/// has (its first variable when it has none of them): whole cells, until at least `fraction` of the rows are
/// out. InvalidArgument if nothing or everything would be held out.
absl::StatusOr<ScaleSplit> SplitLargestScales(const Law& law, const LawData& data, double fraction);

}  // namespace sextant::fitting
