// SPDX-License-Identifier: Apache-2.0
// Tokens that change while the server runs: in their file, or in the database by another server over it.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/core.h"

namespace sextant::server {

/// Looks every few seconds, from Begin to the destructor.
class AccessRefresh {
 public:
  /// Reads both once. `file` may be empty. Errors of ReadTokenFile and of the store.
  static absl::StatusOr<std::unique_ptr<AccessRefresh>> Begin(Core& core, const std::string& file);
  ~AccessRefresh();
  AccessRefresh(const AccessRefresh&) = delete;
  AccessRefresh& operator=(const AccessRefresh&) = delete;

  /// Looks now. With an error the tokens stay as they were.
  absl::Status Now();

 private:
  AccessRefresh(Core& core, std::string file) : core_(core), file_(std::move(file)) {}
  void Loop();
  /// What tells one state of the file from another.
  std::string FileStamp() const;
  absl::Status ReadFile();

  Core& core_;
  const std::string file_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;  // guarded by mutex_
  std::string stamp_;     // of the file as it was last read; guarded by mutex_
  std::thread thread_;
};

}  // namespace sextant::server
