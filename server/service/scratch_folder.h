// SPDX-License-Identifier: Apache-2.0
// Where files are put together that a client gets, or has sent.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>

#include "server/core.h"

namespace sextant::server {

/// A folder of its own beside the database (DATABASE.scratch-XXXXXX), removed with all it holds: that disk
/// has been chosen for a database of this size, where the system's temporary folder may be small, or memory.
/// That one serves where the database is only read, or its disk has less room than is wanted: a copy may be
/// meant to save a database from a full disk.
class ScratchFolder {
 public:
  /// RESOURCE_EXHAUSTED (STORE_FULL) or INTERNAL when it cannot be made.
  absl::Status Create(const Core& core, std::int64_t wanted_bytes);
  ~ScratchFolder();
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Removes what a process that was killed has left. Only for the process that holds the database.
void RemoveScratchFolders(const std::string& database);

/// RESOURCE_EXHAUSTED (STORE_FULL) when a scratch file `path` of `bytes` would leave less of the disk than is
/// kept for uploads (limits.h), so that nobody else's writes fail for it.
absl::Status CheckRoom(const Core& core, const std::string& path, std::int64_t bytes,
                       const std::string& what);

/// The same error, for a write that has failed.
absl::Status NoRoom(const std::string& path, const std::string& what);

}  // namespace sextant::server
