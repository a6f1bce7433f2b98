// SPDX-License-Identifier: Apache-2.0
// Hands the packs of a plan to threads, branches once the state they leave from is kept.
#pragma once

#include <absl/status/status.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace sextant::trainer {

// Thread-safe.
class Board {
 public:
  // One pack: what it waits for, and whether there is anything to do.
  struct Entry {
    bool wanted = true;
    int trunk = -1;  // entry whose state at `step` it needs; none when negative
    int64_t step = 0;
    bool ready = true;  // that state is kept already, or none is needed
  };
  explicit Board(std::vector<Entry> entries);

  // The first entry that is wanted and ready; waits while none is and others that are under way may make one
  // ready. Nothing once all are taken, or after Fail.
  std::optional<size_t> Next();
  // An entry from Next has ended.
  void Done();
  // State of `trunk` at `step` is kept.
  void Kept(int trunk, int64_t step);
  // No more is handed out. The first error stays.
  void Fail(const absl::Status& status);
  absl::Status status() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry> entries_;
  size_t under_way_ = 0;
  absl::Status status_;
};

}  // namespace sextant::trainer
