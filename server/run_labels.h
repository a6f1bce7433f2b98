// Labels that a study's own runs justify: computed over all of them, then kept on each.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "fitting/optimum/quality.h"
#include "storage/store.h"

namespace sextant::server {

struct StudyLabels {
  int runs = 0;                              ///< of the study
  std::vector<storage::RunLabels> labelled;  ///< runs with a label, by id
  std::vector<fitting::CellQuality> cells;
};

/// What the sweep says about its runs (fitting/optimum/quality.h). Reads the whole study.
absl::StatusOr<StudyLabels> FindStudyLabels(storage::Store& store, const std::string& study);

/// Replaces what the sweep said before; inside a write.
absl::Status KeepStudyLabels(storage::Store& store, const std::string& study, const StudyLabels& labels);

}  // namespace sextant::server
