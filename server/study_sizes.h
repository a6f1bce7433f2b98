// SPDX-License-Identifier: Apache-2.0
// How big studies are, in memory, so that a prediction can say that its fit predates new runs without asking
// the disk.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "fitting/fit.h"
#include "fitting/fit_result.h"
#include "storage/snapshot.h"

namespace sextant::server {

/// Thread-safe.
class StudySizes {
 public:
  /// Reads the study's size (kept by the store, never counted). Within a transaction: of its writes so far,
  /// which hold unless the commit fails; the next change puts that right.
  void Learn(storage::Snapshot& snapshot, const std::string& study);
  void Forget(const std::string& study);
  std::optional<storage::StudySize> Find(const std::string& study) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, storage::StudySize> sizes_;  // guarded by mutex_
};

/// Notes in a fit's diagnostics how big its study was ("study.runs", "study.points") and the options that
/// provenance does not keep ("option.…", "fixed.…"), from which `sextant fits refresh` makes the same request
/// again.
void NoteOrigin(const storage::StudySize& size, const fitting::FitRequest& request,
                fitting::FitResult& result);

/// What has come into the study since the fit was made, in words; empty: nothing, or it is not known.
std::string WhatFitMissed(const fitting::FitResult& fit, const storage::StudySize& now);

}  // namespace sextant::server
