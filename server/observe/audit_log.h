// SPDX-License-Identifier: Apache-2.0
// Who changed what, when and with which result: a file of its own.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <mutex>
#include <string>

namespace sextant::server {

/// Appends lines to a file. Thread-safe.
class AuditLog {
 public:
  /// Makes the file if it is missing, readable by its owner alone. NOT_FOUND or PERMISSION_DENIED with the
  /// reason.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const std::string& path);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  /// One JSON object, without its line end. False where the disk did not take it.
  bool Append(const std::string& object);
  /// Opens the file again under its name, for whoever rotates it.
  absl::Status Reopen();

 private:
  explicit AuditLog(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  std::mutex mutex_;
  int descriptor_ = -1;  // guarded by mutex_
};

}  // namespace sextant::server
