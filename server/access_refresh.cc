// SPDX-License-Identifier: Apache-2.0
#include "server/access_refresh.h"

#include <absl/strings/str_cat.h>
#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "base/status_macros.h"
#include "server/log.h"

namespace sextant::server {
namespace {

constexpr std::chrono::seconds kLookAtTokensEvery{2};

}  // namespace

absl::StatusOr<std::unique_ptr<AccessRefresh>> AccessRefresh::Begin(Core& core, const std::string& file) {
  std::unique_ptr<AccessRefresh> refresh(new AccessRefresh(core, file));
  RETURN_IF_ERROR(refresh->Now());
  refresh->thread_ = std::thread([made = refresh.get()] { made->Loop(); });
  return refresh;
}

AccessRefresh::~AccessRefresh() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::string AccessRefresh::FileStamp() const {
  struct stat status {};
  if (file_.empty() || stat(file_.c_str(), &status) != 0) return "";
  return absl::StrCat(status.st_ino, "/", status.st_size, "/", status.st_mtim.tv_sec, ".",
                      status.st_mtim.tv_nsec, "/", status.st_mode);
}

absl::Status AccessRefresh::ReadFile() {
  if (file_.empty()) return absl::OkStatus();
  {
    const std::lock_guard lock(mutex_);
    stamp_ = FileStamp();
  }
  ASSIGN_OR_RETURN(auto digests, ReadTokenFile(file_));
  core_.access.SetFileTokens(std::move(digests));
  return absl::OkStatus();
}

absl::Status AccessRefresh::Now() {
  RETURN_IF_ERROR(ReadFile());
  return core_.ReadTokens();
}

void AccessRefresh::Loop() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLookAtTokensEvery, [this] { return stopped_; })) {
    const bool changed = FileStamp() != stamp_;
    lock.unlock();
    if (changed) {
      if (absl::Status status = ReadFile(); !status.ok()) {
        Log().error("the tokens stay as they were: {}", std::string(status.message()));
      } else {
        Log().info("the token file has changed and was read again");
      }
    }
    // A store that cannot be read keeps the tokens that are known.
    core_.ReadTokens().IgnoreError();
    lock.lock();
  }
}

}  // namespace sextant::server
