// SPDX-License-Identifier: Apache-2.0
// The sextantd binary as a child process.
#pragma once

#include <grpcpp/channel.h>
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace sextant::server {

class Daemon {
 public:
  /// Starts build/bin/sextantd on a free loopback port over `database` and waits until it is ready.
  Daemon(const std::string& folder, const std::string& database, const std::vector<std::string>& flags = {});
  /// Kills it if it still runs.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  bool ready() const { return port_ > 0; }
  int port() const { return port_; }
  pid_t pid() const { return pid_; }
  std::shared_ptr<grpc::Channel> Channel() const;
  void Signal(int signal) const;
  /// Waits for the end: the exit code, or minus the signal that ended it; -1000 if it does not end in time.
  int Wait(std::chrono::milliseconds patience);

 private:
  pid_t pid_ = -1;
  int port_ = 0;
};

/// Runs sextantd to its end; returns the exit code and what it wrote to stderr.
struct Ended {
  int code = 0;
  std::string errors;
};
Ended RunDaemon(const std::string& folder, const std::vector<std::string>& arguments);

}  // namespace sextant::server
