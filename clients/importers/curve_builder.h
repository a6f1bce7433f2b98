// SPDX-License-Identifier: Apache-2.0
// Puts curve points together: restarts, repeated steps, values that arrive on separate rows.
#pragma once

#include <cstdint>
#include <limits>

#include "clients/importers/run_record.h"

namespace sextant::importers {

struct CurvePoint {
  static constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
  std::int64_t step = 0;  ///< completed optimizer updates
  double tokens = std::numeric_limits<double>::quiet_NaN();
  float train_loss = kMissing, validation_loss = kMissing, learning_rate = kMissing,
        gradient_noise_scale = kMissing;
};

/// Takes points in the order of the source. A step that goes back starts a new segment, whose points win over
/// the ones recorded before at and after it, as TensorBoard does. A row at the same step fills in what the
/// row before left blank, or replaces it. Not thread-safe.
class CurveBuilder {
 public:
  /// False, and the point is dropped, beyond kMaxCurvePoints.
  bool Add(const CurvePoint& point);
  /// Points that a later segment replaced.
  std::int64_t superseded() const { return superseded_; }
  std::size_t size() const { return curve_.size(); }
  /// The curve without the columns that hold nothing. With `batch_size_tokens` (or NaN), tokens that the
  /// source does not state are completed steps times batch.
  ImportedCurve Build(double batch_size_tokens);

 private:
  void Truncate(std::int64_t step);

  ImportedCurve curve_;
  std::int64_t superseded_ = 0;
};

}  // namespace sextant::importers
