// SPDX-License-Identifier: Apache-2.0
#include "storage/curve_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "tests/storage/sample_records.h"

namespace sextant::storage {
namespace {

// Bits, not values: NaN payloads and the sign of zero count.
template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

bool SameBits(const Curve& a, const Curve& b) {
  return SameBits(a.step, b.step) && SameBits(a.tokens, b.tokens) && SameBits(a.train_loss, b.train_loss) &&
         SameBits(a.validation_loss, b.validation_loss) && SameBits(a.learning_rate, b.learning_rate) &&
         SameBits(a.gradient_noise_scale, b.gradient_noise_scale);
}

void ExpectRoundTrip(const Curve& curve) {
  const auto bytes = EncodeChunk(curve, 0, curve.size());
  Curve decoded;
  const absl::Status status = DecodeChunk(bytes, curve.size(), decoded);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(SameBits(curve, decoded)) << Differences(curve, decoded);
}

}  // namespace

TEST(CurveCodec, KeepsEveryBit) {
  std::mt19937_64 random(1);
  for (const std::size_t points : {1, 2, 3, 63, 64, 65, 426, 1023, 1024}) {
    ExpectRoundTrip(SampleCurve(points, points));
    Curve noise;
    for (std::size_t i = 0; i < points; ++i) {
      noise.step.push_back(static_cast<std::int64_t>(random()));
      noise.tokens.push_back(std::bit_cast<double>(random()));
      noise.train_loss.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
      noise.gradient_noise_scale.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
    }
    ExpectRoundTrip(noise);
    noise.tokens.clear();
    ExpectRoundTrip(noise);
  }
}

TEST(CurveCodec, KeepsUnusualTokens) {
  for (const double value : {0.0, -0.0, 0.5, -7.0, 9007199254740992.0, 9007199254740994.0, 1e300,
                             std::numeric_limits<double>::infinity(), std::nan("")}) {
    Curve curve;
    curve.step = {std::numeric_limits<std::int64_t>::min(), 0, std::numeric_limits<std::int64_t>::max()};
    curve.tokens = {1, value, 3};
    ExpectRoundTrip(curve);
  }
}

TEST(CurveCodec, FillsColumnsThatSomeChunksLack) {
  Curve with = SampleCurve(3, 1), without = SampleCurve(2, 2);
  without.validation_loss.clear();
  without.tokens.clear();
  for (const auto& [first, second] : {std::pair{with, without}, std::pair{without, with}}) {
    Curve decoded;
    ASSERT_TRUE(DecodeChunk(EncodeChunk(first, 0, first.size()), first.size(), decoded).ok());
    ASSERT_TRUE(DecodeChunk(EncodeChunk(second, 0, second.size()), second.size(), decoded).ok());
    ASSERT_EQ(decoded.size(), 5U);
    ASSERT_EQ(decoded.tokens.size(), 5U);
    ASSERT_EQ(decoded.validation_loss.size(), 5U);
    EXPECT_EQ(std::isnan(decoded.tokens[0]), first.tokens.empty());
    EXPECT_EQ(std::isnan(decoded.tokens[4]), second.tokens.empty());
  }
}

TEST(CurveCodec, TakesUnderThreeBytesAPointOnNoisyLosses) {
  Curve curve = SampleCurve(1024, 5);
  curve.validation_loss.clear();
  curve.learning_rate.clear();
  curve.gradient_noise_scale.clear();
  // The noise alone (sd 0.01 in float32) has about 2.2 bytes of entropy a point.
  EXPECT_LT(EncodeChunk(curve, 0, 1024).size(), 3U * 1024U);
}

TEST(CurveCodec, FindsEveryFlippedBitAndCut) {
  const Curve curve = SampleCurve(200, 3);
  const auto bytes = EncodeChunk(curve, 0, 200);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      auto damaged = bytes;
      damaged[i] ^= static_cast<std::uint8_t>(1 << bit);
      Curve decoded;
      EXPECT_EQ(DecodeChunk(damaged, 200, decoded).code(), absl::StatusCode::kDataLoss) << i;
      EXPECT_EQ(decoded.size(), 0U);
    }
    Curve decoded;
    EXPECT_EQ(DecodeChunk(std::span(bytes).first(i), 200, decoded).code(), absl::StatusCode::kDataLoss) << i;
  }
  Curve decoded;
  for (const std::size_t points : {0UL, 199UL, 201UL, 1025UL, 1UL << 40}) {
    EXPECT_EQ(DecodeChunk(bytes, points, decoded).code(), absl::StatusCode::kDataLoss) << points;
  }
}

TEST(CurveCodec, RefusesColumnsOfDifferentLengths) {
  Curve curve = SampleCurve(3, 1);
  EXPECT_TRUE(CheckCurve(curve).ok());
  curve.train_loss.pop_back();
  EXPECT_EQ(CheckCurve(curve).code(), absl::StatusCode::kInvalidArgument);
  Curve no_steps;
  no_steps.tokens = {1};
  EXPECT_EQ(CheckCurve(no_steps).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace sextant::storage
