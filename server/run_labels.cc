#include "server/run_labels.h"

#include <utility>

namespace sextant::server {

absl::StatusOr<StudyLabels> FindStudyLabels(storage::Store& store, const std::string& study) {
  auto runs = store.LoadRunTable(study, {});
  if (!runs.ok()) return runs.status();
  auto quality = fitting::LabelQuality(*runs);
  if (!quality.ok()) return quality.status();
  StudyLabels labels;
  labels.runs = static_cast<int>(runs->size());
  labels.cells = std::move(quality->cells);
  for (std::size_t row = 0; row < runs->size(); ++row) {
    if (quality->run_labels[row].empty()) continue;
    labels.labelled.push_back({std::move(runs->id[row]), std::move(quality->run_labels[row])});
  }
  return labels;
}

absl::Status KeepStudyLabels(storage::Store& store, const std::string& study, const StudyLabels& labels) {
  return store.SetRunLabels(study, storage::kSweepLabels, labels.labelled, storage::LabelScope::kWholeStudy);
}

}  // namespace sextant::server
