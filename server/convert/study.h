// SPDX-License-Identifier: Apache-2.0
// Study messages and records.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "server/error.h"
#include "sextant/v1/study_service.pb.h"
#include "storage/records.h"

namespace sextant::server {

/// The record as a message, without counts that the record does not hold.
void StudyToProto(const storage::Study& study, v1::Study& message);

/// A new study from a Create request: the id, everything that may be set, defaults filled in. Times are left
/// to the caller. INVALID_ARGUMENT with every violation.
absl::StatusOr<storage::Study> NewStudyFromProto(const v1::CreateStudyRequest& request);

/// Copies the fields that `request` updates from its message into `study`. INVALID_ARGUMENT for a path that
/// is unknown or that cannot change.
absl::Status ApplyStudyUpdate(const v1::UpdateStudyRequest& request, storage::Study& study);

/// Changes with every change of the study.
std::string StudyEtag(const storage::Study& study);

/// "non-embedding", …: as fits record it.
std::string ParamCountText(storage::ParamCount count);
/// "nats/token", …: as laws and fits record it.
std::string LossUnitText(storage::LossUnit unit);

}  // namespace sextant::server
