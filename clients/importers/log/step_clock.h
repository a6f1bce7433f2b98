// SPDX-License-Identifier: Apache-2.0
// Which member of a history row counts optimizer steps.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "clients/importers/text.h"

namespace sextant::importers {

/// W&B's own `_step` counts calls of log, which a training loop may make once a hundred updates; a counter of
/// the loop's goes before it, and rows without that counter stand at the last step it told. One a run.
class StepClock {
 public:
  static constexpr const char* kCounters[] = {"train/global_step",
                                              "trainer/global_step",
                                              "global_step",
                                              "training_iteration",
                                              "iteration",
                                              "iter",
                                              "step"};
  static constexpr const char* kCalls = "_step";

  /// The step of a row; `find(key)` gives a member's number, if there is one. Absent without a step from 0.
  template <class Find>
  std::optional<std::int64_t> Read(Find find) {
    const auto calls = StepOf(find(kCalls));
    if (calls) CountGap(*calls);
    for (const char* key : kCounters) {
      const auto step = StepOf(find(key));
      if (!step) continue;
      counted_ = step;
      return step;
    }
    return calls && counted_ ? counted_ : calls;
  }

  /// Whether a member of that name tells of steps and time, and measures nothing.
  static bool IsClock(std::string_view key) {
    for (const char* counter : kCounters) {
      if (key == counter) return true;
    }
    return !key.empty() && key[0] == '_';
  }

  /// Whether the rows look like the random sample of 500 that W&B's `history()` gives, and not like what was
  /// logged: about so many, at irregular distances.
  bool LooksSampled() const {
    constexpr std::int64_t kLeast = 480, kMost = 500;
    if (rows_ < kLeast || rows_ > kMost) return false;
    std::int64_t most = 0;
    for (const auto& [gap, count] : gaps_) most = count > most ? count : most;
    return 2 * most < rows_;
  }

 private:
  void CountGap(std::int64_t calls) {
    if (rows_++ > 0 && gaps_.size() < 1000) ++gaps_[calls - last_calls_];
    last_calls_ = calls;
  }

  std::optional<std::int64_t> counted_;
  std::int64_t rows_ = 0, last_calls_ = 0;
  std::map<std::int64_t, std::int64_t> gaps_;
};

}  // namespace sextant::importers
