// SPDX-License-Identifier: Apache-2.0
// A small HTTP server for whoever watches: /metrics, /healthz, /readyz.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>

namespace sextant::server {

/// What it answers from. Called on its threads.
struct MonitorSources {
  std::function<std::string()> metrics;
  std::function<bool()> alive;  ///< the process does its work
  std::function<bool()> ready;  ///< calls are taken
};

/// Answers GET alone, two requests at a time, from Start to the destructor.
class Monitor {
 public:
  /// UNAVAILABLE where the address cannot be bound. Port 0: any free one.
  static absl::StatusOr<std::unique_ptr<Monitor>> Start(const std::string& address, MonitorSources sources);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  const std::string& address() const;

 private:
  struct Impl;
  explicit Monitor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sextant::server
