// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/interrupt.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <mutex>
#include <thread>
#include <utility>

#include "clients/cli/exit_codes.h"

namespace sextant::cli {
namespace {

constexpr int kGraceSeconds = 10;

std::atomic<bool> interrupted{false};
std::mutex scope_mutex;
std::function<void()>* active_cancel = nullptr;  // guarded by scope_mutex

void Watch(sigset_t signals) {
  int signal = 0;
  if (sigwait(&signals, &signal) != 0) return;
  interrupted = true;
  {
    const std::lock_guard<std::mutex> lock(scope_mutex);
    if (active_cancel == nullptr) _exit(kExitInterrupted);
    (*active_cancel)();
  }
  const timespec grace{kGraceSeconds, 0};
  sigtimedwait(&signals, nullptr, &grace);
  _exit(kExitInterrupted);
}

}  // namespace

void StartInterruptWatcher() {
  sigset_t signals;
  sigemptyset(&signals);
  bool any = false;
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action;
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    sigaddset(&signals, signal);
    any = true;
  }
  if (!any) return;
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(Watch, signals).detach();
}

bool Interrupted() { return interrupted; }

InterruptScope::InterruptScope(std::function<void()> cancel) : cancel_(std::move(cancel)) {
  const std::lock_guard<std::mutex> lock(scope_mutex);
  outer_ = std::exchange(active_cancel, &cancel_);
}

InterruptScope::~InterruptScope() {
  const std::lock_guard<std::mutex> lock(scope_mutex);
  active_cancel = outer_;
}

}  // namespace sextant::cli
