// SPDX-License-Identifier: Apache-2.0
#include "server/low_priority.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace sextant::server {
namespace {

constexpr int kNicest = 19;

}  // namespace

void LowerPriority(int niceness) {
  // Linux has a niceness for each thread (setpriority(2)); getpid() names the first one, which stays as the
  // process was started.
  const int of_process = getpriority(PRIO_PROCESS, static_cast<id_t>(getpid()));
  const int wanted = std::min(of_process + niceness, kNicest);
  if (getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())) < wanted) {
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), wanted);
  }
}

}  // namespace sextant::server
