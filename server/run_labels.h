// SPDX-License-Identifier: Apache-2.0
// Labels that a study's own runs justify: computed over all of them, then kept on each.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fitting/optimum/quality.h"
#include "storage/transaction.h"

namespace sextant::server {

struct StudyLabels {
  int runs = 0;                              ///< of the study
  std::vector<storage::RunLabels> labelled;  ///< runs with a label by the sweep, by id
  std::vector<fitting::CellQuality> cells;
  bool curves_read = false;
  std::vector<storage::RunLabels> labelled_by_curve;  ///< runs whose curve is not "usable", by id
};

/// Fits label curves in passing only where a study holds no more points than this: about 0.2 s of reading.
inline constexpr std::int64_t kMostPointsLabelledByFits = 2'000'000;

/// What the sweep says about its runs (fitting/optimum/quality.h), and, where the study holds at most
/// `most_curve_points`, what each curve says (fitting/curve/curve.h). Reads the whole study.
absl::StatusOr<StudyLabels> FindStudyLabels(storage::Snapshot& snapshot, const std::string& study,
                                            std::int64_t most_curve_points);

/// Replaces what the sweep, and the curves where they were read, said before; inside a write.
absl::Status KeepStudyLabels(storage::Transaction& transaction, const std::string& study,
                             const StudyLabels& labels);

}  // namespace sextant::server
