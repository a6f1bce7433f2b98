// SPDX-License-Identifier: Apache-2.0
#include "server/daemon/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "server/log.h"

namespace sextant::server {
namespace {

std::int64_t NumberFrom(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtoll(text, nullptr, 10);
}

}  // namespace

bool NotifyManager(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  const ssize_t sent = sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&address), size);
  close(descriptor);
  return sent == static_cast<ssize_t>(state.size());
}

std::chrono::microseconds WatchdogInterval() {
  const std::int64_t pid = NumberFrom("WATCHDOG_PID");
  if (pid != 0 && pid != getpid()) return std::chrono::microseconds(0);
  const std::int64_t interval = NumberFrom("WATCHDOG_USEC");
  return std::chrono::microseconds(interval > 0 ? interval : 0);
}

ManagerWatchdog::ManagerWatchdog(std::chrono::microseconds interval, std::function<bool()> is_alive) {
  if (interval.count() == 0) return;
  thread_ = std::thread([this, interval, is_alive = std::move(is_alive)] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval / 3, [this] { return stopped_; })) {
      lock.unlock();
      if (is_alive()) {
        NotifyManager("WATCHDOG=1");
      } else {
        Log().error("a call of the server to itself got no answer in time: the watchdog is not told");
      }
      lock.lock();
    }
  });
}

ManagerWatchdog::~ManagerWatchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sextant::server
