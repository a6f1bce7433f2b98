// SPDX-License-Identifier: Apache-2.0
#include "server/low_priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace sextant::server {
namespace {

constexpr int kNicest = 19;
constexpr std::uint64_t kShortestSliceNs = 100'000;  // Linux 6.12 takes no less (kernel/sched/syscalls.c)

// sched_setattr(2): the C library of Debian 12 has neither the call nor the structure, of which this is the
// first version.
struct SchedulingAttributes {
  std::uint32_t size = 48;
  std::uint32_t policy = 0;  // SCHED_OTHER
  std::uint64_t flags = 0;
  std::int32_t niceness = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // of SCHED_OTHER: the slice; older systems take no notice
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

}  // namespace

void LowerPriority(int niceness) {
  // Each thread has a niceness of its own (setpriority(2)); getpid() names the first one, which stays as the
  // process was started.
  const int of_process = getpriority(PRIO_PROCESS, static_cast<id_t>(getpid()));
  const int wanted = std::min(of_process + niceness, kNicest);
  if (getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())) >= wanted) return;
  SchedulingAttributes attributes;
  attributes.niceness = wanted;
  attributes.runtime = kShortestSliceNs;
  if (syscall(SYS_sched_setattr, 0, &attributes, 0) != 0) {
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), wanted);
  }
}

}  // namespace sextant::server
