// SPDX-License-Identifier: Apache-2.0
#include "server/daemon/backups.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <regex>
#include <utility>

#include "base/whole_file.h"
#include "server/log.h"

namespace sextant::server {
namespace {

constexpr std::chrono::seconds kBackupRetry{60};
constexpr char kBackupTime[] = "sextant-%Y%m%dT%H%M%SZ.db";

std::string BackupName(std::time_t now) {
  std::tm utc{};
  gmtime_r(&now, &utc);
  char name[64] = "";
  std::strftime(name, sizeof(name), kBackupTime, &utc);
  return name;
}

// When a backup was begun; 0 for a name that is none.
std::time_t TimeOfBackup(const std::string& name) {
  static const std::regex form("sextant-[0-9]{8}T[0-9]{6}Z\\.db");
  std::tm utc{};
  if (!std::regex_match(name, form) || strptime(name.c_str(), kBackupTime, &utc) == nullptr) return 0;
  return timegm(&utc);
}

absl::Status BringToDisk(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  return synced ? absl::OkStatus()
                : absl::UnavailableError(absl::StrCat(path, " cannot be synced: ", std::strerror(error)));
}

}  // namespace

std::vector<std::string> BackupsIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (TimeOfBackup(name) != 0) names.push_back(name);
  }
  std::sort(names.begin(), names.end());  // the name is the time
  return names;
}

absl::Status MakeBackup(const std::string& folder, int keep, const CopyStore& copy) {
  const std::string path = absl::StrCat(folder, "/", BackupName(std::time(nullptr)));
  const std::string partial = PartialName(path);
  std::error_code ignored;
  std::filesystem::remove(partial, ignored);
  absl::Status status = copy(partial);
  if (status.ok()) status = BringToDisk(partial);
  if (status.ok()) {
    const int error = PublishFile(partial, path, Existing::kKeep);
    if (error != 0)
      status = absl::UnavailableError(absl::StrCat(path, " cannot be made: ", std::strerror(error)));
  }
  if (status.ok()) status = BringToDisk(folder);
  if (!status.ok()) {
    std::filesystem::remove(partial, ignored);
    return status;
  }
  const std::vector<std::string> all = BackupsIn(folder);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < all.size(); ++i) {
    std::filesystem::remove(folder + "/" + all[i], ignored);
  }
  return absl::OkStatus();
}

BackupSchedule::BackupSchedule(std::string folder, std::chrono::seconds every, int keep, CopyStore copy)
    : folder_(std::move(folder)), every_(every), keep_(keep), copy_(std::move(copy)) {
  thread_ = std::thread([this] { Loop(); });
}

BackupSchedule::~BackupSchedule() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void BackupSchedule::Loop() {
  bool failed = false;
  for (;;) {
    const std::vector<std::string> all = BackupsIn(folder_);
    std::chrono::seconds wait(0);
    if (!all.empty()) {
      // A clock that was set back does not put the next one off for long.
      wait = std::chrono::seconds(TimeOfBackup(all.back()) - std::time(nullptr)) + every_;
      wait = std::clamp(wait, std::chrono::seconds(0), every_);
    }
    if (failed) wait = std::max(wait, std::min(kBackupRetry, every_));
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, wait, [this] { return stopped_; })) return;
    }
    const absl::Status status = MakeBackup(folder_, keep_, copy_);
    failed = !status.ok();
    if (failed) {
      Log().error("no backup was made in {}: {}", folder_, std::string(status.message()));
    } else {
      Log().info("backup made in {}", folder_);
    }
  }
}

}  // namespace sextant::server
