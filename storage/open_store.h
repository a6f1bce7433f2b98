// SPDX-License-Identifier: Apache-2.0
// Opening a record store by its URL: the one place that knows which engines there are.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>

#include "storage/store.h"

namespace sextant::storage {

/// What survives what. Either way an acknowledged write survives the death of the process.
enum class Durability {
  kFull,    ///< also survives loss of power: a flush of the disk a commit (group commits, see Writer)
  kNormal,  ///< the last commits may be lost with the power; the file stays consistent
};

/// What every engine takes.
struct StoreOptions {
  bool create = true;      ///< make the store if it is missing, never its folder; false: NotFound
  bool read_only = false;  ///< takes no lock, writes nothing; Store::Write answers FailedPrecondition
  std::string why_read_only = "it was asked for";  ///< for that answer
  bool half_moved = false;  ///< also one that MoveStore has not filled to its end (storage/move_store.h)
  Durability durability = Durability::kFull;
  /// A new store notices what changes on the disk behind its back. Files that travel leave it out.
  bool page_checksums = true;
  /// First makes the store that is there notice so too, by a copy that takes its place; one that says it was
  /// changed is taken as it stands, if it can be read. Needs room for a second one.
  bool renew_checksums = false;
  /// May use a thread of its own to read what listings need before they come: for processes that stay.
  bool reads_ahead = false;
  std::function<Micros()> clock;  ///< for request ids; empty: the system's
};

/// A store's place as others may know it.
struct PlaceName {
  std::string shown;    ///< for messages and logs: no password
  bool is_file = true;  ///< a path of this machine
};

/// A store's URL in its two parts.
struct StoreUrl {
  std::string engine;  ///< "sqlite", "postgres"
  std::string place;   ///< what the engine finds the store by: for SQLite the path of a file
  PlaceName name;
};

/// "ENGINE:PLACE" (of which "postgresql://…" is one), or a path on its own, which is a SQLite file. A path
/// that begins with the name of an engine and a colon is written "./sqlite:…". InvalidArgument for "NAME://…"
/// with a NAME that is no engine, and for a place that the engine cannot read.
absl::StatusOr<StoreUrl> ParseStoreUrl(const std::string& url);

/// Opens the store at `url`, bringing an older one to the current schema. A store that is open for writing is
/// open once: a second OpenStore on it, in this or another process, gets FailedPrecondition that names
/// --server. Other errors: those of ParseStoreUrl, NotFound, PermissionDenied, FailedPrecondition (a
/// directory, not a database, another program's database, a newer schema, read-only), ResourceExhausted (disk
/// full), DataLoss (damaged). Each names the place.
absl::StatusOr<std::shared_ptr<Store>> OpenStore(const std::string& url, const StoreOptions& options = {});

}  // namespace sextant::storage
