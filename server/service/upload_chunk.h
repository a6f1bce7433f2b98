// SPDX-License-Identifier: Apache-2.0
// One chunk of an upload: checked, committed, counted.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "sextant/v1/run_service.pb.h"
#include "storage/records.h"
#include "storage/transaction.h"

namespace sextant::server {

/// The record that the store keeps of an upload; its id there is unique across studies, also those that are
/// gone: an upload into an earlier study of the same name says nothing about this one. NotFound when nothing
/// was committed under it.
absl::StatusOr<storage::Upload> FindUpload(storage::Snapshot& snapshot, const storage::Study& study,
                                           const std::string& upload_id);
std::string StoredUploadId(const storage::Study& study, const std::string& upload_id);

/// A chunk on its way into the store.
struct PreparedChunk {
  std::int64_t index = 0;
  bool last = false;
  std::vector<storage::EncodedRun> runs;  ///< those that passed the checks
  std::int64_t rejected = 0;
  std::vector<v1::Reject> rejects;  ///< at most kMaxRejectsPerChunk
};

/// Checks a chunk and its runs. A run that is wrong is a reject, the others go on. INVALID_ARGUMENT for a
/// chunk that cannot be read as a whole: wrong digest, no content, too many runs. Leaves the chunk's curves
/// changed (RunFromProto).
absl::StatusOr<PreparedChunk> PrepareChunk(v1::UploadChunk& chunk, const storage::Study& study);

/// Ids of runs whose curve comes in several messages, one of which was refused: those that follow are too.
using RefusedRuns = std::set<std::string>;

/// Puts the chunk's runs and `upload`'s new position into the store, in the transaction of the writer.
/// Updates `upload`, `refused` and `chunk.rejects`. When another stream of the same upload has committed this
/// chunk already, only takes over its position. `resumable`: the position is stored. NOT_FOUND when `study`
/// is no longer there, whatever has its id.
absl::Status CommitChunk(storage::Transaction& transaction, const storage::Study& study, bool resumable,
                         PreparedChunk& chunk, storage::Upload& upload, RefusedRuns& refused);

}  // namespace sextant::server
