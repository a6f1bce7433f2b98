// SPDX-License-Identifier: Apache-2.0
#include "server/guard/resources.h"

#include <dlfcn.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <climits>

#include "server/guard/limits.h"

namespace sextant::server {
namespace {

constexpr std::chrono::seconds kEvery{1};
constexpr std::size_t kKeptFree =
    32 << 20;  // bytes that may be free in the allocator: an upload uses them again

/// gperftools' allocator, where the program is linked with it.
struct Tcmalloc {
  void (*release)() = reinterpret_cast<void (*)()>(dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory"));
  int (*property)(const char*, std::size_t*) = reinterpret_cast<int (*)(const char*, std::size_t*)>(
      dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty"));
};

void GiveBack() {
  static const Tcmalloc tcmalloc;
  if (tcmalloc.release == nullptr || tcmalloc.property == nullptr) {
    if (mallinfo2().fordblks > kKeptFree) malloc_trim(0);
    return;
  }
  std::size_t free_bytes = 0;
  if (tcmalloc.property("tcmalloc.pageheap_free_bytes", &free_bytes) != 0 && free_bytes > kKeptFree)
    tcmalloc.release();
}

}  // namespace

int RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, INT_MAX));
}

Connections::Limits ConnectionLimits(int descriptors, int all, int per_peer) {
  const int room = descriptors > 0 ? std::max(1, descriptors / kShareOfDescriptors) : kMaxConnections;
  Connections::Limits limits;
  limits.all = std::min(all > 0 ? all : kMaxConnections, room);
  limits.per_peer =
      std::min(per_peer > 0 ? per_peer : std::max(1, limits.all / kShareOfConnections), limits.all);
  return limits;
}

MemoryReturn::MemoryReturn() : thread_([this] { Loop(); }) {}

MemoryReturn::~MemoryReturn() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void MemoryReturn::Loop() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kEvery, [this] { return stopped_; })) {
    Connections::OfProcess().counts();  // lets go of what belongs to connections that are closed
    GiveBack();
  }
}

}  // namespace sextant::server
