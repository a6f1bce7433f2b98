// SPDX-License-Identifier: Apache-2.0
#include "server/run_labels.h"

#include <cmath>
#include <utility>

#include "base/status_macros.h"
#include "server/each_run.h"
#include "server/run_curves.h"

namespace sextant::server {
namespace {

constexpr int kLabelPage = 1000;

/// The label of one run's curve; empty for "usable" and without a curve. Validation losses stand in where no
/// training loss was recorded.
absl::StatusOr<std::string> CurveLabelOf(storage::Snapshot& snapshot, const storage::Run& run) {
  if (run.curve_points == 0) return std::string();
  ASSIGN_OR_RETURN(auto curve, snapshot.GetCurve(run.study_id, run.id));
  fitting::CleanOptions options;
  if (curve.train_loss.empty()) options.loss = fitting::LossColumn::kValidation;
  if (std::isfinite(run.warmup_steps)) options.warmup_steps = run.warmup_steps;
  const fitting::CurveLabel label = fitting::Clean(ToLossCurve(std::move(curve)), options).quality.label;
  return label == fitting::CurveLabel::kUsable ? std::string() : fitting::CurveLabelName(label);
}

absl::Status LabelCurves(storage::Snapshot& snapshot, const std::string& study, StudyLabels& labels) {
  storage::RunQuery query;
  query.study_id = study;
  query.limit = kLabelPage;
  RETURN_IF_ERROR(ForEachRun(snapshot, std::move(query), [&](const storage::Run& run) -> absl::Status {
    ASSIGN_OR_RETURN(auto label, CurveLabelOf(snapshot, run));
    if (!label.empty()) labels.labelled_by_curve.push_back({run.id, {std::move(label)}});
    return absl::OkStatus();
  }));
  labels.curves_read = true;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StudyLabels> FindStudyLabels(storage::Snapshot& snapshot, const std::string& study,
                                            std::int64_t most_curve_points) {
  ASSIGN_OR_RETURN(auto runs, snapshot.LoadRunTable(study, {}));
  ASSIGN_OR_RETURN(auto quality, fitting::LabelQuality(runs));
  StudyLabels labels;
  labels.runs = static_cast<int>(runs.size());
  labels.cells = std::move(quality.cells);
  for (std::size_t row = 0; row < runs.size(); ++row) {
    if (quality.run_labels[row].empty()) continue;
    labels.labelled.push_back({std::move(runs.id[row]), std::move(quality.run_labels[row])});
  }
  ASSIGN_OR_RETURN(auto size, snapshot.GetStudySize(study));
  if (size.points <= most_curve_points) {
    RETURN_IF_ERROR(LabelCurves(snapshot, study, labels));
  }
  return labels;
}

absl::Status KeepStudyLabels(storage::Transaction& transaction, const std::string& study,
                             const StudyLabels& labels) {
  if (labels.curves_read) {
    RETURN_IF_ERROR(transaction.SetRunLabels(study, storage::kCurveLabels, labels.labelled_by_curve,
                                             storage::LabelScope::kWholeStudy));
  }
  return transaction.SetRunLabels(study, storage::kSweepLabels, labels.labelled,
                                  storage::LabelScope::kWholeStudy);
}

}  // namespace sextant::server
