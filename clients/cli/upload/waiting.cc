// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/upload/waiting.h"

#include <chrono>
#include <cstdio>
#include <utility>

namespace sextant::cli {

Waiting::Waiting(const Session& session, std::string what) : what_(Safe(what)) {
  if (session.progress_wanted()) thread_ = std::thread([this] { Loop(); });
}

Waiting::~Waiting() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Waiting::Loop() {
  std::unique_lock lock(mutex_);
  bool shown = false;
  for (int seconds = 1; !wake_.wait_for(lock, std::chrono::seconds(1), [this] { return done_; }); ++seconds) {
    std::fprintf(stderr, "\r\033[K%s, %d s", what_.c_str(), seconds);
    std::fflush(stderr);
    shown = true;
  }
  if (shown) std::fputs("\r\033[K", stderr);
}

}  // namespace sextant::cli
