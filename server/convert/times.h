// SPDX-License-Identifier: Apache-2.0
// Microseconds since the epoch and protobuf timestamps.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>

#include "storage/records.h"

namespace sextant::server {

inline void SetTime(storage::Micros micros, google::protobuf::Timestamp& time) {
  time.set_seconds(micros / 1'000'000);
  time.set_nanos(static_cast<int>(micros % 1'000'000) * 1000);
}

inline storage::Micros Now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace sextant::server
