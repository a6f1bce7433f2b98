// SPDX-License-Identifier: Apache-2.0
// The read-only study `published`, whose fits are the published laws. It is in no store.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>

#include "server/law_table.h"
#include "sextant/v1/study_service.pb.h"
#include "storage/snapshot.h"

namespace sextant::server {

void PublishedStudyToProto(const LawTable::Snapshot& laws, v1::Study& message);

/// FAILED_PRECONDITION (STUDY_READ_ONLY) if `study` is the published one.
absl::Status RefusePublished(const std::string& study);

/// A page of studies in order of their ids, the published one (only its id is set) among them. `key` is the
/// next_key of the page before, or "".
absl::StatusOr<storage::Page<storage::Study>> ListWithPublished(storage::Snapshot& snapshot, int limit,
                                                                const std::string& key);

}  // namespace sextant::server
