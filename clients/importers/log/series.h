// SPDX-License-Identifier: Apache-2.0
// What a log measured, one series a quantity; a restart takes back what was logged beyond it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "clients/importers/log/metric_table.h"

namespace sextant::importers {

struct Series {
  std::vector<std::int64_t> step;  ///< rises strictly
  std::vector<double> value;
};

/// Takes values in the order of the log. A step that goes back in a series of the training (its loss or rate,
/// which a run never logs out of order) is a restart from a checkpoint: the points of every series at and
/// after it are void, those of a validation that the restarted run has not reached yet among them. In any
/// other series it drops that series' own points only: evaluators next to the training come late. Not
/// thread-safe.
class SeriesSet {
 public:
  /// A new series of that quantity, by the number that Add takes. Several names of one log may tell of one
  /// quantity; they are kept apart.
  std::size_t Open(Metric metric);
  /// A value measured when `step` updates were completed. The step of the last point again replaces it.
  void Add(std::size_t series, std::int64_t step, double value);
  /// One program writes all lines in the order of its steps: a step behind that of any value before is a
  /// restart.
  void ComeInOrder() { in_order_ = true; }
  /// Drops the points at and after `step` of every series, as an explicit mark of a restart says; only those
  /// since BeginFile.
  void RestartAt(std::int64_t step);
  /// What follows comes from another file of the same run. A file that holds nothing of the training is
  /// another writer's: what a restart of the training voids is not there.
  void BeginFile();

  Series& at(std::size_t series) { return entries_[series].points; }
  bool empty() const;
  std::int64_t last_step() const;                          ///< 0 without points
  std::int64_t superseded() const { return superseded_; }  ///< points dropped after a restart
  std::int64_t dropped() const { return dropped_; }        ///< points beyond kMaxCurvePoints

 private:
  struct Entry {
    Metric metric = Metric::kIgnored;
    Series points;
    std::int64_t arrived = 0;    // when its last point came, in values taken by the set
    std::size_t file_begin = 0;  // where the points of the current file begin
    std::size_t kept = 0;        // points of other writers, which no restart of the training voids
  };

  void DropFrom(Entry* entry, std::int64_t step);
  void VoidOthers(std::size_t series, std::int64_t step, std::int64_t before);
  void VoidFrom(Entry* entry, std::int64_t step, std::int64_t before);

  std::vector<Entry> entries_;
  bool in_order_ = false;
  bool trained_ = false;  // the current file holds something of the training
  std::int64_t arrivals_ = 0, superseded_ = 0, dropped_ = 0;
};

/// A counter of tokens (or of something that stands for `tokens_per_count` of them) at `steps`, which rise.
/// Steps without a count lie between those with one, in proportion; before the first the average batch up to
/// it holds, and after the last the batch between the last two, so that a log that grows says the same of its
/// earlier steps. NaN where nothing tells.
std::vector<double> TokensAt(const std::vector<std::int64_t>& steps, const Series& counter,
                             double tokens_per_count);

}  // namespace sextant::importers
