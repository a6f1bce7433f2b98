// SPDX-License-Identifier: Apache-2.0
#include "storage/encoded_curve.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "storage/curve_codec.h"

namespace sextant::storage {
namespace {

Curve CurveOf(std::size_t points) {
  Curve curve;
  for (std::size_t i = 0; i < points; ++i) {
    curve.step.push_back(static_cast<std::int64_t>(10 * i + 1));
    curve.validation_loss.push_back(8.0F / static_cast<float>(i + 2));
  }
  return curve;
}

TEST(EncodedCurve, GivesBackCurvesOfAnyLength) {
  for (const std::size_t points : {0, 1, 1023, 1024, 1025, 3000}) {
    const Curve curve = CurveOf(points);
    const EncodedCurve encoded(curve);
    EXPECT_EQ(encoded.points(), points);
    const auto decoded = encoded.Decode();
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->step, curve.step);
    EXPECT_EQ(decoded->validation_loss, curve.validation_loss);
    EXPECT_TRUE(decoded->tokens.empty());
  }
}

TEST(EncodedCurve, HasTheChunksThatAStoreWrites) {
  const Curve curve = CurveOf(2500);
  const EncodedCurve encoded(curve);
  ASSERT_EQ(encoded.chunks(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t begin = i * kPointsPerChunk;
    const auto bytes = EncodeChunk(curve, begin, std::min(begin + kPointsPerChunk, curve.size()));
    EXPECT_TRUE(std::ranges::equal(encoded.chunk(i), bytes));
  }
  EXPECT_EQ(encoded.chunk_points(2), 2500U - 2048U);
}

}  // namespace
}  // namespace sextant::storage
