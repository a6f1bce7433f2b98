// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/upload/waiting.h"

#include <chrono>
#include <cstdio>
#include <utility>

namespace sextant::cli {
namespace {

constexpr int kSecondsBetweenLines = 10;  // as of uploads (progress.cc)

}  // namespace

Waiting::Waiting(const Session& session, std::string what)
    : is_terminal_(session.progress_wanted()), what_(Safe(what)) {
  if (!session.globals().quiet) thread_ = std::thread([this] { Loop(); });
}

void Waiting::Say(const std::string& what) {
  const std::lock_guard lock(mutex_);
  what_ = Safe(what);
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
    if (!is_terminal_ && seconds % kSecondsBetweenLines != 0) continue;
    std::fprintf(stderr, is_terminal_ ? "\r\033[K%s, %d s" : "%s, %d s\n", what_.c_str(), seconds);
    std::fflush(stderr);
    shown = is_terminal_;
  }
  if (shown) std::fputs("\r\033[K", stderr);
}

}  // namespace sextant::cli
