// SPDX-License-Identifier: Apache-2.0
#include "server/observe/audit_log.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/status_macros.h"

namespace sextant::server {

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const std::string& path) {
  std::unique_ptr<AuditLog> log(new AuditLog(path));
  RETURN_IF_ERROR(log->Reopen());
  return log;
}

AuditLog::~AuditLog() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status AuditLog::Reopen() {
  const int descriptor = open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("--audit-log ", path_, " cannot be written: ", std::strerror(errno)));
  }
  const std::lock_guard lock(mutex_);
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = descriptor;
  return absl::OkStatus();
}

bool AuditLog::Append(const std::string& object) {
  const std::string line = object + "\n";
  const std::lock_guard lock(mutex_);
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t written = write(descriptor_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    done += static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace sextant::server
