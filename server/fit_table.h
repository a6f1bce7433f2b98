// SPDX-License-Identifier: Apache-2.0
// The fits that predictions are served from, in memory: a Predict reads a snapshot and nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "fitting/predict.h"
#include "storage/records.h"

namespace sextant::server {

/// A fit as predictions see it.
struct ServedFit {
  std::string quantity;  ///< "learning_rate", …
  storage::FitState state = storage::FitState::kUnspecified;
  std::string error;       ///< why it failed
  bool set_aside = false;  ///< it succeeded, but what is stored of it cannot be computed with
  storage::Micros end_time = 0;
  std::int64_t bytes = 0;                               ///< what the predictor holds, about
  std::shared_ptr<const fitting::Predictor> predictor;  ///< only when it succeeded
  bool left_out = false;  ///< it succeeded, but there was no memory for its predictor
};

/// What a predictor of a result holds, about: its replicates, as they are and by columns.
std::int64_t BytesServed(const fitting::FitResult& result);

struct ServedStudy {
  std::map<std::string, ServedFit> fits;  ///< by fit id
  std::string damage;                     ///< why not all of its fits could be read; empty when they were
  std::string left_out;  ///< id of a newest fit for which there was no memory; empty for none
  /// The successful fits of each quantity, the newest that can answering; in order of the quantity's name.
  /// Of the loss the average of the newest fit of each law to the same losses comes first, where there are
  /// several.
  std::vector<std::shared_ptr<const fitting::Predictor>> current;
};

/// Every study and its fits. Snapshots are immutable and stay valid for as long as they are held; a change
/// makes a new one. Thread-safe; changes are serialised.
class FitTable {
 public:
  using Snapshot = std::map<std::string, std::shared_ptr<const ServedStudy>>;

  std::shared_ptr<const Snapshot> Load() const { return snapshot_.load(); }

  /// What all fits together may hold, bytes. Before the first Put.
  void SetBudget(std::int64_t bytes) { budget_ = bytes; }
  std::int64_t budget() const { return budget_; }
  std::int64_t bytes() const { return bytes_.load(); }

  void AddStudy(const std::string& study);
  void RemoveStudy(const std::string& study);
  /// Does nothing if the study is gone. A fit beyond the budget is kept without its predictor, and false
  /// returned.
  bool Put(const std::string& study, const std::string& fit, ServedFit served);
  void Remove(const std::string& study, const std::string& fit);
  /// While it lives, what answers for its studies is not chosen anew at every change: its end does that, once
  /// a study. Choosing composes averages, so that a study of n fits would pay for n of them.
  class Loading {
   public:
    Loading(FitTable& table, std::vector<std::string> studies);
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;
    ~Loading();

   private:
    FitTable& table_;
    const std::vector<std::string> studies_;
  };
  /// Says that fits of the study may be missing here.
  void MarkDamaged(const std::string& study, const std::string& damage);

 private:
  template <typename Change>
  void ChangeStudy(const std::string& study, Change change);

  std::set<std::string> loading_;  // guarded by change_
  std::int64_t budget_ = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> bytes_{0};  // of the snapshot's predictors; changed under change_
  std::mutex change_;
  std::atomic<std::shared_ptr<const Snapshot>> snapshot_{std::make_shared<const Snapshot>()};
};

/// What the table keeps of a stored fit. A stored fit that cannot be read back is served as failed.
ServedFit ServeFit(const storage::Fit& fit);

}  // namespace sextant::server
