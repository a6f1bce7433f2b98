// SPDX-License-Identifier: Apache-2.0
// Backups that the server makes by itself, and their rotation.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sextant::server {

/// Copies the store to a new file.
using CopyStore = std::function<absl::Status(const std::string& path)>;

/// The backups in a folder, oldest first: files that are named as this server names them
/// (sextant-20260131T120000Z.db). Others are not looked at, and never removed.
std::vector<std::string> BackupsIn(const std::string& folder);

/// Makes one backup now, under a name that is there only when the copy is whole and on the disk, then removes
/// the oldest beyond `keep`. Nothing is removed where the copy failed.
absl::Status MakeBackup(const std::string& folder, int keep, const CopyStore& copy);

/// Makes one whenever the newest in the folder is older than `every`: a restart neither skips nor doubles
/// one. Failures are lines of the log, and are tried again after a minute.
class BackupSchedule {
 public:
  BackupSchedule(std::string folder, std::chrono::seconds every, int keep, CopyStore copy);
  ~BackupSchedule();
  BackupSchedule(const BackupSchedule&) = delete;
  BackupSchedule& operator=(const BackupSchedule&) = delete;

 private:
  void Loop();

  const std::string folder_;
  const std::chrono::seconds every_;
  const int keep_;
  const CopyStore copy_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sextant::server
