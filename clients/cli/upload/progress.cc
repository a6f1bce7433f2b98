// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/upload/progress.h"

#include <fmt/format.h>

#include <cstdio>

namespace sextant::cli {

Progress::Progress(const Session& session, std::int64_t total_bytes)
    : session_(session),
      total_bytes_(total_bytes),
      start_(Clock::now()),
      next_(start_ + std::chrono::seconds(1)) {}

Progress::~Progress() {
  if (shown_ && session_.progress_wanted()) std::fputs("\r\033[K", stderr);
}

void Progress::Update(std::int64_t runs, std::int64_t bytes) {
  if (session_.globals().quiet) return;
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  const bool terminal = session_.progress_wanted();
  next_ = now + (terminal ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10'000));
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string line = fmt::format("{} runs, {:.0f} runs/s", runs, static_cast<double>(runs) / seconds);
  if (total_bytes_ > 0 && bytes > 0 && bytes <= total_bytes_) {
    const double left = seconds * (static_cast<double>(total_bytes_) / static_cast<double>(bytes) - 1);
    line += fmt::format(", {:.0f} %, {:.0f} s left",
                        100.0 * static_cast<double>(bytes) / static_cast<double>(total_bytes_), left);
  }
  std::fputs(terminal ? ("\r\033[K" + line).c_str() : (line + "\n").c_str(), stderr);
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace sextant::cli
