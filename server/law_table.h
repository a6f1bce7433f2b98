// SPDX-License-Identifier: Apache-2.0
// The laws that the service knows: those that ship, and those that users added.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "fitting/law/law.h"
#include "fitting/predict.h"
#include "storage/records.h"

namespace sextant::server {

struct LawEntry {
  std::shared_ptr<const fitting::Law> law;
  std::string toml;
  bool built_in = true;
  storage::Micros create_time = 0;
  std::shared_ptr<const fitting::Predictor> predictor;  ///< null unless every parameter has a published value
};

/// By id. A snapshot is immutable; a change makes a new one. Thread-safe; reading takes no lock that a writer
/// holds for long.
class LawTable {
 public:
  using Snapshot = std::map<std::string, LawEntry>;

  /// The laws of a catalogue; fails if a published one cannot predict.
  static absl::StatusOr<std::unique_ptr<LawTable>> Create(
      std::shared_ptr<const fitting::Catalogue> catalogue);

  std::shared_ptr<const Snapshot> Load() const { return snapshot_.load(); }

  /// Compiles a user's law. INVALID_ARGUMENT says where its text is wrong.
  absl::StatusOr<LawEntry> Compile(const storage::UserLaw& user_law) const;
  void Put(LawEntry entry);
  void Remove(const std::string& id);

 private:
  explicit LawTable(std::shared_ptr<const fitting::Catalogue> catalogue) : catalogue_(std::move(catalogue)) {}

  const std::shared_ptr<const fitting::Catalogue> catalogue_;
  std::mutex change_;  // one change at a time
  std::atomic<std::shared_ptr<const Snapshot>> snapshot_{std::make_shared<const Snapshot>()};
};

/// NOT_FOUND for `id`, with the ids that it may have been meant for.
absl::Status MissingLaw(const LawTable::Snapshot& laws, const std::string& id);

}  // namespace sextant::server
