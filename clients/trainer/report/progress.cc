// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/report/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace sextant::trainer {

Progress::Progress(std::vector<double> weights, size_t total_runs)
    : weights_(std::move(weights)),
      shares_(weights_.size(), 0.0),
      total_runs_(total_runs),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(std::chrono::steady_clock::now()) {
  for (const double weight : weights_) total_weight_ += weight;
}

void Progress::Update(size_t pack, double share) {
  const std::lock_guard lock(mutex_);
  shares_[pack] = share;
  const auto now = std::chrono::steady_clock::now();
  // A log file gets a line every ten seconds, a terminal one that is redrawn.
  if (now - printed_ < (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10000)))
    return;
  printed_ = now;
  Print(!terminal_);
}

void Progress::Finish(size_t pack, size_t runs) {
  const std::lock_guard lock(mutex_);
  shares_[pack] = 1;
  finished_runs_ += runs;
  const bool last = finished_runs_ == total_runs_;
  if (terminal_ || last) Print(last || !terminal_);
}

void Progress::Print(bool line_break) {
  double done = 0;
  for (size_t i = 0; i < weights_.size(); ++i) done += weights_[i] * shares_[i];
  const double share = total_weight_ > 0 ? done / total_weight_ : 1;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double left = share > 0 ? seconds * (1 - share) / share : 0;
  std::fprintf(stderr, "%s%zu of %zu runs, %.1f %% of the work, %.0f s gone, about %.0f s left   %s",
               terminal_ ? "\r" : "", finished_runs_, total_runs_, 100 * share, seconds, left,
               line_break ? "\n" : "");
  std::fflush(stderr);
}

}  // namespace sextant::trainer
