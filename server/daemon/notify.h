// SPDX-License-Identifier: Apache-2.0
// What systemd asks of a service of Type=notify, without its library: see sd_notify(3).
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace sextant::server {

/// Sends "READY=1", "STOPPING=1", "STATUS=…" to $NOTIFY_SOCKET. False where there is none or it takes
/// nothing.
bool NotifyManager(const std::string& state);

/// How often $WATCHDOG_USEC wants to hear of this process; zero: never.
std::chrono::microseconds WatchdogInterval();

/// Tells the manager three times in each interval that the process is alive, as long as `is_alive` says so.
/// Does nothing without an interval.
class ManagerWatchdog {
 public:
  ManagerWatchdog(std::chrono::microseconds interval, std::function<bool()> is_alive);
  ~ManagerWatchdog();
  ManagerWatchdog(const ManagerWatchdog&) = delete;
  ManagerWatchdog& operator=(const ManagerWatchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sextant::server
