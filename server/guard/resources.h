// SPDX-License-Identifier: Apache-2.0
// Descriptors and memory of the process.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/guard/connections.h"

namespace sextant::server {

/// Raises the soft limit of descriptors to the hard one; returns how many the process may have.
int RaiseDescriptorLimit();

/// How many connections a process takes that may have `descriptors`. `all` and `per_peer` as asked for, 0: by
/// default.
Connections::Limits ConnectionLimits(int descriptors, int all, int per_peer);

/// Gives memory that is free back to the system once a second, where the allocator would keep it: a flood
/// that is over leaves nothing behind. Runs until it is destroyed.
class MemoryReturn {
 public:
  MemoryReturn();
  ~MemoryReturn();
  MemoryReturn(const MemoryReturn&) = delete;
  MemoryReturn& operator=(const MemoryReturn&) = delete;

 private:
  void Loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sextant::server
