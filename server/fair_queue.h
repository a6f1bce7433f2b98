// SPDX-License-Identifier: Apache-2.0
// Work of several callers, taken in turns: who brings much waits behind himself, not before the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

namespace sextant::server {

/// A queue for each caller. The next item is that of the caller who has the fewest under way, then of the one
/// who was served the longest ago. Not thread-safe.
template <typename Item>
class FairQueue {
 public:
  void Push(const std::string& caller, Item item) {
    callers_[caller].waiting.push_back(std::move(item));
    ++waiting_;
  }
  bool empty() const { return waiting_ == 0; }
  std::size_t waiting() const { return waiting_; }
  /// Of one caller: what waits and what is under way.
  std::size_t held_by(const std::string& caller) const {
    const auto found = callers_.find(caller);
    return found == callers_.end() ? 0 : found->second.waiting.size() + found->second.running;
  }

  /// The next item, with its caller; the queue is not empty. Follow with Done.
  std::pair<std::string, Item> Pop() {
    auto best = callers_.end();
    for (auto at = callers_.begin(); at != callers_.end(); ++at) {
      if (at->second.waiting.empty()) continue;
      if (best == callers_.end() || std::pair(at->second.running, at->second.served) <
                                        std::pair(best->second.running, best->second.served)) {
        best = at;
      }
    }
    Caller& caller = best->second;
    std::pair<std::string, Item> next(best->first, std::move(caller.waiting.front()));
    caller.waiting.pop_front();
    ++caller.running;
    caller.served = ++turns_;
    --waiting_;
    return next;
  }

  /// An item of the caller has ended.
  void Done(const std::string& caller) {
    const auto found = callers_.find(caller);
    if (--found->second.running == 0 && found->second.waiting.empty()) callers_.erase(found);
  }

 private:
  struct Caller {
    std::deque<Item> waiting;
    std::size_t running = 0;
    std::uint64_t served = 0;  ///< the turn of its last item
  };
  std::map<std::string, Caller> callers_;
  std::size_t waiting_ = 0;
  std::uint64_t turns_ = 0;
};

}  // namespace sextant::server
