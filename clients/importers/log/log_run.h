// A run as a training log tells it: settings, and one series a quantity.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "clients/importers/emit.h"
#include "clients/importers/log/metric_table.h"
#include "clients/importers/log/series.h"
#include "clients/importers/run_record.h"

namespace sextant::importers {

/// Collects what a reader finds of one run, then makes the run of it. Steps that go back follow SeriesSet's
/// rule. Not thread-safe.
class LogRun {
 public:
  explicit LogRun(const Emitter& emitter);

  /// A value of the series `name`, measured when `step` updates were completed.
  void AddPoint(std::string_view name, std::int64_t step, double value);
  /// Whether values of that name are kept.
  bool Knows(std::string_view name) { return MetricOf(name) != Metric::kIgnored; }
  /// A setting, by its key in the log ("optimizer.lr"). Later values win.
  void SetConfig(const std::string& key, const std::string& value);
  /// See SeriesSet.
  void ComeInOrder() { series_.ComeInOrder(); }
  void RestartAt(std::int64_t step) { series_.RestartAt(step); }
  void BeginFile() { series_.BeginFile(); }
  /// "interval-mean-loss", "lossy-export", …: said with the run.
  void AddLabel(const std::string& label) { labels_.insert(label); }
  /// The points are last values only: the run gets its final loss and tokens from them, and no curve.
  void LeaveOutCurve() { curve_left_out_ = true; }
  bool has_points() const { return !series_.empty(); }

  /// Fields that the log states outright, in their own units.
  ImportedRun& run() { return run_; }

  /// Makes the run and emits it: fields from --map keys or known setting names, the curve on the token axis,
  /// the final loss (validation before training), the peak learning rate (the largest seen if no setting
  /// tells). `line` is where the run stands in its source.
  absl::Status Emit(Emitter& emitter, std::int64_t line);

 private:
  Series& series(Metric metric) { return series_.of(metric); }
  Metric MetricOf(std::string_view name);
  std::string ApplyConfig(const Emitter& emitter);
  void ChooseUnits(Emitter& emitter);
  void Summarize(Emitter& emitter);
  ImportedCurve BuildCurve();

  const std::vector<MetricRule>& rules_;
  absl::Span<const MetricName> format_names_;
  std::int64_t step_offset_;
  ImportedRun run_;
  std::unordered_map<std::string, Metric> names_;
  SeriesSet series_;
  std::map<std::string, std::string> config_;
  std::set<std::string> labels_;
  std::set<std::string> losses_not_taken_;
  bool curve_left_out_ = false;
};

}  // namespace sextant::importers
