// SPDX-License-Identifier: Apache-2.0
// One process writes a database at a time: an advisory lock held for as long as the store is open.
#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <string>
#include <utility>

namespace sextant::storage::sqlite {

/// Holds FILE.lock, a sidecar, and then a byte of FILE itself, far behind those that SQLite locks: whoever
/// removes the sidecar lets nobody in. The kernel releases both when the process ends, however it ends; the
/// sidecar stays behind and is harmless. It holds the process id and, while there is a write-ahead log that
/// must not get lost, the word "log".
class FileLock {
 public:
  /// FailedPrecondition when another store holds it (with its process id and the remedy), PermissionDenied or
  /// NotFound when the sidecar cannot be made. `database_path` must be canonical.
  static absl::StatusOr<FileLock> Acquire(const std::string& database_path);
  FileLock(FileLock&& other) noexcept;

  /// Holds the database file too, if it is there; with `create` it is made where it is missing, its owner's
  /// alone. FailedPrecondition when another store has it. Before anything of this process opens it; this
  /// outlives SQLite's connections to it.
  absl::Status HoldFile(const std::string& database_path, bool create);

  /// Lets the database file go, not the sidecar: for one that is about to be replaced. HoldFile takes the new
  /// one.
  void LetFileGo();

  /// The holder before left the mark: it did not close the database in order.
  bool log_was_left() const { return log_was_left_; }
  /// Says that from now on there is a log, or no longer. As far as the disk lets it.
  void MarkLog(bool is_there);

  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
  int file_ = -1;
  std::pair<dev_t, ino_t> held_{};
  bool log_was_left_ = false;
};

}  // namespace sextant::storage::sqlite
