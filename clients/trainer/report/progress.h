// SPDX-License-Identifier: Apache-2.0
// One line on stderr that says how far a sweep is and how long it will still take.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

namespace sextant::trainer {

// Thread-safe. Weights are the packs' FLOPs; small models run at a lower rate, so the estimate leans late.
class Progress {
 public:
  Progress(std::vector<double> weights, size_t total_runs);
  void Update(size_t pack, double share);
  void Finish(size_t pack, size_t runs);

 private:
  void Print(bool line_break);

  std::mutex mutex_;
  std::vector<double> weights_;
  std::vector<double> shares_;
  double total_weight_ = 0;
  size_t total_runs_;
  size_t finished_runs_ = 0;
  bool terminal_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point printed_;
};

}  // namespace sextant::trainer
