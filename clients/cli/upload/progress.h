// SPDX-License-Identifier: Apache-2.0
// How far an import has come, on stderr.
#pragma once

#include <chrono>
#include <cstdint>

#include "clients/cli/session.h"

namespace sextant::cli {

/// Silent for the first second and with --quiet. On a terminal one line is rewritten: rows, rate, time left;
/// else one line every ten seconds. Not thread-safe.
class Progress {
 public:
  /// `total_bytes` of all sources, 0 if not known (standard input).
  Progress(const Session& session, std::int64_t total_bytes);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void Update(std::int64_t runs, std::int64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;
  const Session& session_;
  std::int64_t total_bytes_;
  Clock::time_point start_, next_;
  bool shown_ = false;
};

}  // namespace sextant::cli
