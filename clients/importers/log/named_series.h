// SPDX-License-Identifier: Apache-2.0
// What a log measured, by the names that it gives; of several names for one quantity the best is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/types/span.h"
#include "clients/importers/import.h"
#include "clients/importers/log/metric_table.h"
#include "clients/importers/log/series.h"

namespace sextant::importers {

/// Series of one run. Values of different names are never put into one curve: of `loss`, `train_loss_step`
/// and `train_loss_epoch` one is the training loss, in the order of the tables, means over epochs last. Not
/// thread-safe.
class NamedSeries {
 public:
  /// Both must outlive it.
  NamedSeries(const std::vector<MetricRule>& rules, absl::Span<const MetricName> format_names)
      : rules_(rules), format_names_(format_names) {}

  /// A value of that name after `step` updates; of a name that means nothing it is only counted.
  void Add(std::string_view name, std::int64_t step, double value);
  Metric MetricOf(std::string_view name) { return Find(name).known.metric; }
  SeriesSet& steps() { return series_; }
  bool empty() const { return last_step_ < 0 ? series_.empty() : !had_points_; }
  std::int64_t last_step() const { return last_step_ >= 0 ? last_step_ : series_.last_step(); }
  /// Whether a name was there at all, known or not.
  bool saw_any() const { return !names_.empty(); }

  /// Settles which name each quantity is taken from. Call once, behind the last Add.
  void Choose();
  /// The series that was chosen for the quantity; empty if there is none.
  Series& of(Metric metric) { return chosen_[static_cast<std::size_t>(metric)]; }
  /// Its name, or empty.
  const std::string& name_of(Metric metric) const { return chosen_names_[static_cast<std::size_t>(metric)]; }
  /// Names that look like losses of a validation and were not taken, at most eight of them, for a message.
  std::string LossesNotTaken() const;
  /// All names that were not taken, at most eight of them.
  std::string NamesNotTaken() const;
  /// What became of each name.
  void Report(FileReport* report) const;

 private:
  struct Named {
    KnownMetric known;
    std::size_t series = 0;  // of a known metric
    std::int64_t order = 0;  // of its first value
    std::int64_t points = 0;
    bool taken = false;
  };
  struct TextHash {  // finds text without a copy of it
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  Named& Find(std::string_view name);
  std::string List(bool losses_only) const;

  const std::vector<MetricRule>& rules_;
  absl::Span<const MetricName> format_names_;
  std::unordered_map<std::string, Named, TextHash, std::equal_to<>> names_;
  Named beyond_;  // stands for all names beyond the limit
  SeriesSet series_;
  std::int64_t last_step_ = -1;  // before the series were moved out; what had_points_ tells too
  bool had_points_ = false;
  Series chosen_[kMetrics];
  std::string chosen_names_[kMetrics];
};

}  // namespace sextant::importers
