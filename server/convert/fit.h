// SPDX-License-Identifier: Apache-2.0
// Fit messages, requests and records.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fitting/fit.h"
#include "sextant/v1/fit_service.pb.h"
#include "storage/records.h"
#include "storage/store.h"

namespace sextant::server {

void FitToProto(const storage::Fit& fit, v1::Fit& message);

/// What a CreateFit request asks for, checked.
struct FitOrder {
  fitting::FitRequest request;
  std::vector<storage::Condition> where, holdout;         ///< holdout: empty when none is kept back
  std::vector<std::shared_ptr<const fitting::Law>> laws;  ///< that an average is of; the caller's to fill
  std::int64_t study_uid = 0;  ///< of the study that is meant, whatever has its id later
  std::shared_ptr<const fitting::DataColumns> table = nullptr;  ///< in the place of runs
};

/// "all", "cell-best" or "", which is neither; nothing for other words.
std::optional<fitting::LossRuns> ParseLossRuns(const std::string& text);
inline constexpr char kLossRunsRule[] = "must be all or cell-best";

/// INVALID_ARGUMENT with every violation: options that the law does not take, filters that do not parse,
/// numbers out of range.
absl::StatusOr<FitOrder> FitOrderFromProto(const v1::CreateFitRequest& request, const storage::Study& study,
                                           const fitting::LawSpec& law);

/// The record of a fit that has been accepted and has not ended: its provenance is filled in.
storage::Fit RunningFit(const FitOrder& order, const fitting::Law& law, const std::string& fit_id);

/// Turns `fit` into one that ended with `status`: kCancelled for a cancelled one, else kFailed.
void MarkEnded(const absl::Status& status, storage::Fit& fit);

}  // namespace sextant::server
