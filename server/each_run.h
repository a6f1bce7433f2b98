// SPDX-License-Identifier: Apache-2.0
// Runs of a study one after the other, read in pages.
#pragma once

#include <absl/status/status.h>

#include <utility>

#include "base/status_macros.h"
#include "storage/snapshot.h"

namespace sextant::server {

/// Calls `take(storage::Run&&) -> absl::Status` for every run that the query selects, `query.limit` of them
/// in memory at a time. Ends at the first status that is not OK, and returns it.
template <typename Take>
absl::Status ForEachRun(storage::Snapshot& snapshot, storage::RunQuery query, Take take) {
  do {
    ASSIGN_OR_RETURN(auto page, snapshot.ListRuns(query));
    for (storage::Run& run : page.items) RETURN_IF_ERROR(take(std::move(run)));
    query.after = std::move(page.next_key);
  } while (!query.after.empty());
  return absl::OkStatus();
}

}  // namespace sextant::server
