// SPDX-License-Identifier: Apache-2.0
// Which fits' stored forecasts failed, in memory: a Predict looks it up and nothing else.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/records.h"

namespace sextant::server {

/// Thread-safe; snapshots are immutable.
class TrackRecords {
 public:
  /// What is to be said of a fit, by its full name. Only fits that failed are in it.
  using Snapshot = std::map<std::string, std::string>;

  std::shared_ptr<const Snapshot> Load() const { return snapshot_.load(); }
  /// Replaces all. A fit counts by the forecasts of its own study: what happens in others is not everybody's
  /// to know.
  void Set(const std::vector<storage::TrackRecord>& records);

 private:
  std::atomic<std::shared_ptr<const Snapshot>> snapshot_{std::make_shared<const Snapshot>()};
};

}  // namespace sextant::server
