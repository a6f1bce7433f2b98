// SPDX-License-Identifier: Apache-2.0
// Whether an open database is still the file under its name.
#pragma once

#include <absl/status/status.h>
#include <sys/types.h>

#include <mutex>
#include <string>

namespace sextant::storage::sqlite {

/// A file that is removed, renamed or replaced stays open, and takes writes that nobody finds again; the same
/// holds for its write-ahead log. Two stat calls tell; the store makes them before and after each commit.
/// Thread-safe.
class FileWatch {
 public:
  /// `path` is the file as it is open.
  explicit FileWatch(std::string path);
  const std::string& path() const { return path_; }

  /// FailedPrecondition (kFaultReplaced) when the file has gone from its name, or has become shorter.
  absl::Status CheckFile();
  /// The same for the file and, once it has been seen, its log.
  absl::Status Check();

 private:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    off_t bytes = 0;
    bool operator==(const Identity& other) const { return device == other.device && inode == other.inode; }
  };
  static bool Look(const std::string& path, Identity& identity);

  const std::string path_;
  std::mutex mutex_;
  bool has_file_ = false, has_log_ = false;
  Identity file_, log_;
};

}  // namespace sextant::storage::sqlite
