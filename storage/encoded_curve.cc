// SPDX-License-Identifier: Apache-2.0
#include "storage/encoded_curve.h"

#include <algorithm>

#include "base/status_macros.h"
#include "storage/curve_codec.h"

namespace sextant::storage {

EncodedCurve::EncodedCurve(const CurveView& curve) : points_(curve.size()) {
  ends_.reserve((points_ + kPointsPerChunk - 1) / kPointsPerChunk);
  for (std::size_t begin = 0; begin < points_; begin += kPointsPerChunk) {
    const std::vector<std::uint8_t> bytes =
        EncodeChunk(curve, begin, std::min(begin + kPointsPerChunk, points_));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    ends_.push_back(bytes_.size());
  }
}

std::span<const std::uint8_t> EncodedCurve::chunk(std::size_t i) const {
  const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
  return {bytes_.data() + begin, ends_[i] - begin};
}

std::size_t EncodedCurve::chunk_points(std::size_t i) const {
  return std::min(points_ - i * kPointsPerChunk, kPointsPerChunk);
}

absl::StatusOr<Curve> EncodedCurve::Decode() const {
  Curve curve;
  for (std::size_t i = 0; i < chunks(); ++i) {
    RETURN_IF_ERROR(DecodeChunk(chunk(i), chunk_points(i), curve));
  }
  return curve;
}

}  // namespace sextant::storage
