// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM: cancel what runs, then leave with 130.
#pragma once

#include <functional>

namespace sextant::cli {

/// Blocks SIGINT and SIGTERM in this thread and those it starts, and waits for them in a thread of its own.
/// Call once, first thing in main. A signal that was ignored when the program started stays ignored.
void StartInterruptWatcher();

/// Whether a signal has come.
bool Interrupted();

/// While it lives, a signal calls `cancel` (from the watcher's thread, once) instead of ending the process.
/// A second signal, or ten seconds without an end, ends the process at once. Of nested scopes the inner one
/// counts.
class InterruptScope {
 public:
  explicit InterruptScope(std::function<void()> cancel);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  std::function<void()> cancel_;
  std::function<void()>* outer_;
};

}  // namespace sextant::cli
