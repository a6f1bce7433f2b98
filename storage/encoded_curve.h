// SPDX-License-Identifier: Apache-2.0
// A curve in the form that a store keeps.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "storage/records.h"

namespace sextant::storage {

/// The chunks of a whole curve, as EncodeChunk makes them: a fraction of the curve's memory. A value; made
/// where the points are at hand, so that the one thread that writes does not compress.
class EncodedCurve {
 public:
  EncodedCurve() = default;
  /// Encodes a checked curve (see CheckCurve).
  explicit EncodedCurve(const CurveView& curve);

  std::size_t points() const { return points_; }
  std::size_t chunks() const { return ends_.size(); }
  /// Bytes of chunk `i` < chunks(); every chunk but the last has kPointsPerChunk points.
  std::span<const std::uint8_t> chunk(std::size_t i) const;
  /// Points of chunk `i`.
  std::size_t chunk_points(std::size_t i) const;
  /// The curve, bit for bit.
  absl::StatusOr<Curve> Decode() const;

 private:
  std::size_t points_ = 0;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::size_t> ends_;  // of each chunk in bytes_
};

}  // namespace sextant::storage
