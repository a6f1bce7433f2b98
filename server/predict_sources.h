// SPDX-License-Identifier: Apache-2.0
// Who answers a prediction or a plan: studies, fits and published laws by name, from the tables that are
// served.
#pragma once

#include <absl/status/statusor.h>
#include <google/protobuf/repeated_field.h>

#include <memory>
#include <string>
#include <vector>

#include "fitting/predict.h"
#include "server/fit_table.h"
#include "server/law_table.h"

namespace sextant::server {

/// Predictors that answer together, as one entry.
using PredictorGroup = std::vector<std::shared_ptr<const fitting::Predictor>>;
using Names = google::protobuf::RepeatedPtrField<std::string>;

/// Adds a study's current fits as one group; for the study `published` every published law, a group each.
/// NOT_FOUND, FAILED_PRECONDITION (FIT_NOT_READY), INVALID_ARGUMENT for a name of another form, DATA_LOSS
/// where fits of the study cannot be read. Thread-safe: snapshots do not change.
absl::Status AddStudyGroup(const FitTable::Snapshot& fits, const LawTable::Snapshot& laws,
                           const std::string& name, std::vector<PredictorGroup>& groups);
/// The same for one fit, or a published law by its name as a fit of `published`.
absl::Status AddFitGroup(const FitTable::Snapshot& fits, const LawTable::Snapshot& laws,
                         const std::string& name, std::vector<PredictorGroup>& groups);

/// The groups of a request's studies, fits and laws; every published law where it names none.
/// INVALID_ARGUMENT for more than kMaxPredictSources.
absl::StatusOr<std::vector<PredictorGroup>> ChooseSources(const Names& studies, const Names& fits_named,
                                                          const Names& laws_named,
                                                          const FitTable::Snapshot& fits,
                                                          const LawTable::Snapshot& laws);

}  // namespace sextant::server
