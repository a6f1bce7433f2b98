// SPDX-License-Identifier: Apache-2.0
// A run as a training log tells it: settings, and one series per name that was logged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "clients/importers/emit.h"
#include "clients/importers/log/named_series.h"
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
  bool Knows(std::string_view name) { return series_.MetricOf(name) != Metric::kIgnored; }
  /// A setting, by its key in the log ("optimizer.lr"). Later values win. Settings say what was planned:
  /// steps and tokens among them are not taken for what was done.
  void SetConfig(const std::string& key, const std::string& value);
  /// The same where the setting is not known already.
  void SetConfigIfNew(const std::string& key, const std::string& value) {
    if (config_.count(key) == 0) SetConfig(key, value);
  }
  /// How many steps the run is to make.
  void PlanSteps(double steps);
  /// How many steps were done, where the log says so outright.
  void SetStepsDone(double steps) { steps_done_ = steps; }
  /// An end of the run on record: an exit code, a summary of the whole, a scheduler's message.
  void SetEnd(ImportedState state) { end_ = state; }
  /// The same by a line of a launcher's, which the steps of a resumed run take back.
  void SetKilled() { killed_ = true; }
  /// The steps are epochs, or calls of a logger: without the number of updates (--set steps=N) there is no
  /// axis to put a curve on; with it they are spread over the run evenly.
  void CountEpochs() { epochs_ = true; }
  /// See SeriesSet.
  void ComeInOrder() { series_.steps().ComeInOrder(); }
  void RestartAt(std::int64_t step) { series_.steps().RestartAt(step); }
  void BeginFile() { series_.steps().BeginFile(); }
  /// "interval-mean-loss", "lossy-export", …: said with the run.
  void AddLabel(const std::string& label) { labels_.insert(label); }
  /// The points are last values only: the run gets its final loss and tokens from them, and no curve.
  void LeaveOutCurve() { curve_left_out_ = true; }
  /// A run without a loss is one all the same.
  void AllowNoLoss() { loss_optional_ = true; }
  bool has_points() const { return !series_.empty(); }
  std::int64_t last_step() const { return series_.last_step(); }

  /// Fields that the log states outright, in their own units.
  ImportedRun& run() { return run_; }

  /// Makes the run and emits it: fields from --map keys or known setting names, the curve on the token axis,
  /// the final loss (validation before training), the peak learning rate (the largest seen if no setting
  /// tells), the state by the evidence there is. `line` is where the run stands in its source.
  absl::Status Emit(Emitter& emitter, std::int64_t line);

 private:
  std::string ApplyConfig(Emitter& emitter);
  void ApplyParams(Emitter& emitter);
  void ApplyPlan();
  void SpreadEpochs();
  void ChooseUnits(Emitter& emitter);
  void SetPeakRate();
  void SetTokens();
  void SetFinalLoss(Emitter& emitter);
  bool EndsNotFinite();
  void SetState();
  void NoteRestarts(Emitter& emitter);
  std::string WhyNoLoss() const;

  std::int64_t step_offset_;
  ImportedRun run_;
  NamedSeries series_;
  std::map<std::string, std::string> config_;
  std::set<std::string> labels_;
  std::string other_unit_;  // why losses that are there were not taken
  std::optional<double> planned_, steps_done_;
  std::optional<ImportedState> end_;
  std::int64_t summed_up_at_ = -1;  // the step of a summary of the whole run
  bool killed_ = false, epochs_ = false, curve_left_out_ = false, loss_optional_ = false;
};

}  // namespace sextant::importers
