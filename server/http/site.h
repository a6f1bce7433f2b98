// SPDX-License-Identifier: Apache-2.0
// What an HttpServer answers, apart from how it reads and writes.
#pragma once

#include <chrono>
#include <utility>

namespace httplib {
class Server;
}

namespace sextant::server::http {

/// Thread-safe; outlives the server that it is installed in.
class Site {
 public:
  Site() = default;
  virtual ~Site() = default;
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  virtual void Install(httplib::Server& server) = 0;
  /// Refuses new work, waits until what goes on has ended or `patience` is over, and cancels the rest.
  virtual void Stop(std::chrono::milliseconds patience) = 0;

  /// Whether the request that this thread has just answered has left bytes behind, which would be taken for
  /// the next one's. Asking forgets it.
  static bool LeftBytes() { return std::exchange(LeftBytesFlag(), false); }

 protected:
  static bool& LeftBytesFlag() {
    static thread_local bool left = false;
    return left;
  }
};

}  // namespace sextant::server::http
