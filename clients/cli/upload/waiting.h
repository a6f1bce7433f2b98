// SPDX-License-Identifier: Apache-2.0
// A line on stderr while one answer is waited for.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "clients/cli/session.h"

namespace sextant::cli {

/// "WHAT, 12 s" from the second second on, rewritten in place; cleared when it is destroyed. On a terminal
/// alone, and not with --quiet. Elsewhere nothing is rewritten: a line every ten seconds.
class Waiting {
 public:
  Waiting(const Session& session, std::string what);
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  /// Changes what is waited for.
  void Say(const std::string& what);

 private:
  void Loop();

  const bool is_terminal_;
  std::mutex mutex_;
  std::string what_;  // guarded by mutex_
  std::condition_variable wake_;
  bool done_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sextant::cli
