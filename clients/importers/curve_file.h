// SPDX-License-Identifier: Apache-2.0
// A CSV of curves of many runs, attached to runs that another file describes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/importers/csv.h"
#include "clients/importers/curve_builder.h"
#include "clients/importers/run_record.h"

namespace sextant::importers {

/// Columns run_id, step, and any of tokens, train_loss, validation_loss, learning_rate, gradient_noise_scale
/// (or train_loss_nats, val_loss_nats, lr, …). Opening reads the file once and keeps where each run's rows
/// stand, not the rows: memory grows with the number of stretches of one run, not of points. Not thread-safe.
class CurveFile {
 public:
  /// INVALID_ARGUMENT for a missing column, FAILED_PRECONDITION for a pipe, RESOURCE_EXHAUSTED when the rows
  /// of the runs are mixed too finely to index.
  static absl::StatusOr<std::unique_ptr<CurveFile>> Open(const std::string& path);

  /// Reads the rows of `run->run_id` into its curve, if there are any. Rows that cannot be read become
  /// rejects. `named`: the source gives the run its id, which is not one of its values.
  absl::Status Attach(ImportedRun* run, bool named, RunSink& sink);
  /// Rejects the rows of every run that nothing attached, and says how runs get the ids that curves name.
  /// `mapped`: the columns of the runs were mapped.
  void RejectUnclaimed(bool mapped, RunSink& sink) const;

 private:
  struct Segment {
    std::int64_t offset, line, rows;
  };
  struct RunRows {
    std::vector<Segment> segments;
    bool claimed = false;
  };
  struct Columns {
    std::size_t run_id, step;
    std::size_t tokens, train_loss, validation_loss, learning_rate, gradient_noise_scale;
  };

  CurveFile() = default;
  absl::Status BindHeader(const CsvRow& header);
  absl::Status BuildIndex();
  std::string ReadPoint(const CsvRow& row, CurvePoint* point) const;

  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<LineReader> lines_;
  std::unique_ptr<CsvReader> csv_;
  Columns columns_{};
  std::vector<Reject> bad_rows_;
  std::string without_curve_;        // the first run that had no rows here
  bool without_curve_named_ = true;  // and whether its source names it
  std::unordered_map<std::string, RunRows> runs_;
};

}  // namespace sextant::importers
