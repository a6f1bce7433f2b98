// SPDX-License-Identifier: Apache-2.0
#include "storage/curve_codec.h"

#include <absl/strings/str_cat.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>

#include "storage/byte_planes.h"

namespace sextant::storage {
namespace {

// A chunk: this byte, the columns, a checksum of 4 bytes over all else, each column's head, the plain planes,
// a zstd frame of the packed planes (absent without any). A new layout takes a new first byte; old chunks
// stay readable.
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kHeaderBytes = 6;

// Byte 1: which columns follow, in this order after `step`.
enum ColumnBit : std::uint8_t {
  kTokensInteger = 1,  // as int64
  kTokensReal = 2,     // as the bits of a double
  kTrainLoss = 4,
  kValidationLoss = 8,
  kLearningRate = 16,
  kGradientNoiseScale = 32,
};
constexpr std::uint8_t kAllBits = 63;

struct FloatColumn {
  ColumnBit bit;
  std::vector<float> Curve::*values;
  std::span<const float> CurveView::*view;
};
constexpr std::array<FloatColumn, 4> kFloatColumns = {
    {{kTrainLoss, &Curve::train_loss, &CurveView::train_loss},
     {kValidationLoss, &Curve::validation_loss, &CurveView::validation_loss},
     {kLearningRate, &Curve::learning_rate, &CurveView::learning_rate},
     {kGradientNoiseScale, &Curve::gradient_noise_scale, &CurveView::gradient_noise_scale}}};

bool AllIntegers(std::span<const double> values, std::size_t begin, std::size_t end) {
  constexpr double kLimit = 9007199254740992.0;  // 2^53: doubles up to it hold integers exactly
  for (std::size_t i = begin; i < end; ++i) {
    const double value = values[i];
    if (!(std::fabs(value) <= kLimit) || value != std::trunc(value)) return false;
    if (value == 0 && std::signbit(value)) return false;
  }
  return true;
}

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* Compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context = [] {
    std::unique_ptr<ZSTD_CCtx, FreeContext> made(ZSTD_createCCtx());
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_compressionLevel, 1);
    return made;
  }();
  return context.get();
}

ZSTD_DCtx* Decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  return context.get();
}

template <typename Bits>
void Put64(std::size_t points, Bits bits, PlaneSink& sink) {
  PutColumn<std::uint64_t, kPointsPerChunk>(points, bits, sink);
}

// Of everything but itself. SQLite pages carry no checksum: without one, a flipped bit could decode to
// plausible numbers.
std::uint32_t Checksum(std::span<const std::uint8_t> bytes, std::size_t points) {
  const std::uint64_t seed = points << 16 | bytes[0] << 8 | bytes[1];
  return static_cast<std::uint32_t>(
      XXH3_64bits_withSeed(bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes, seed));
}

// The packed planes of a chunk cannot be more than all planes of all columns.
constexpr std::size_t kMaxPackedBytes = kPointsPerChunk * (8 + 8 + 4 * kFloatColumns.size());

struct Parts {
  std::span<const std::uint8_t> head, plain, frame;
  std::size_t packed_bytes = 0;
};

// Counts the planes of the next column; false when the head is too short or names an unknown mode.
template <typename U>
bool CountPlanes(std::span<const std::uint8_t>& head, std::size_t& plain, std::size_t& packed) {
  std::array<PlaneMode, sizeof(U)> modes{};
  if (head.size() < kColumnHead<U> || !ReadModes<U>(head, modes)) return false;
  for (const PlaneMode mode : modes) {
    if (mode == PlaneMode::kPlain) ++plain;
    if (mode == PlaneMode::kPacked) ++packed;
  }
  head = head.subspan(kColumnHead<U>);
  return true;
}

// Finds the parts after the header; nullopt when the bytes are too few.
std::optional<Parts> SplitChunk(std::span<const std::uint8_t> body, std::uint8_t columns,
                                std::size_t points) {
  std::span<const std::uint8_t> rest = body;
  std::size_t plain = 0, packed = 0;
  bool ok = CountPlanes<std::uint64_t>(rest, plain, packed);
  if ((columns & (kTokensInteger | kTokensReal)) != 0)
    ok = ok && CountPlanes<std::uint64_t>(rest, plain, packed);
  for (const FloatColumn& column : kFloatColumns) {
    if ((columns & column.bit) != 0) ok = ok && CountPlanes<std::uint32_t>(rest, plain, packed);
  }
  if (!ok || rest.size() < plain * points) return std::nullopt;
  return Parts{body.first(body.size() - rest.size()), rest.first(plain * points),
               rest.subspan(plain * points), packed * points};
}

}  // namespace

absl::Status CheckCurve(const CurveView& curve) {
  const auto fits = [&](std::size_t size) { return size == 0 || size == curve.size(); };
  bool ok = fits(curve.tokens.size());
  for (const FloatColumn& column : kFloatColumns) ok = ok && fits((curve.*column.view).size());
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a curve's columns must be empty or have one value a step (", curve.size(), " steps)"));
}

std::vector<std::uint8_t> EncodeChunk(const CurveView& curve, std::size_t begin, std::size_t end) {
  const std::size_t points = end - begin;
  thread_local PlaneSink sink;
  sink.Clear();
  std::uint8_t columns = 0;
  Put64(
      points, [&](std::size_t i) { return static_cast<std::uint64_t>(curve.step[begin + i]); }, sink);
  if (!curve.tokens.empty()) {
    const double* tokens = curve.tokens.data() + begin;
    if (AllIntegers(curve.tokens, begin, end)) {
      columns |= kTokensInteger;
      Put64(
          points,
          [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<std::int64_t>(tokens[i])); },
          sink);
    } else {
      columns |= kTokensReal;
      Put64(
          points, [&](std::size_t i) { return std::bit_cast<std::uint64_t>(tokens[i]); }, sink);
    }
  }
  for (const FloatColumn& column : kFloatColumns) {
    const std::span<const float> values = curve.*column.view;
    if (values.empty()) continue;
    columns |= column.bit;
    PutColumn<std::uint32_t, kPointsPerChunk>(
        points, [&](std::size_t i) { return std::bit_cast<std::uint32_t>(values[begin + i]); }, sink);
  }

  const std::size_t plain_end = kHeaderBytes + sink.head.size() + sink.plain.size();
  std::vector<std::uint8_t> bytes(plain_end +
                                  (sink.packed.empty() ? 0 : ZSTD_compressBound(sink.packed.size())));
  bytes[0] = kFormat;
  bytes[1] = columns;
  std::copy(sink.head.begin(), sink.head.end(), bytes.begin() + kHeaderBytes);
  std::copy(sink.plain.begin(), sink.plain.end(),
            bytes.begin() + static_cast<std::ptrdiff_t>(kHeaderBytes + sink.head.size()));
  if (!sink.packed.empty()) {
    // Cannot fail: the destination holds the bound, and the context's parameters are constants.
    bytes.resize(plain_end + ZSTD_compress2(Compressor(), bytes.data() + plain_end, bytes.size() - plain_end,
                                            sink.packed.data(), sink.packed.size()));
  }
  const std::uint32_t checksum = Checksum(bytes, points);
  std::memcpy(bytes.data() + 2, &checksum, sizeof(checksum));
  return bytes;
}

absl::Status DecodeChunk(std::span<const std::uint8_t> bytes, std::size_t points, Curve& curve) {
  if (points == 0 || points > kPointsPerChunk || bytes.size() < kHeaderBytes) {
    return absl::DataLossError("a curve chunk has an impossible size");
  }
  const std::uint8_t columns = bytes[1];
  if (bytes[0] != kFormat || (columns & ~kAllBits) != 0 || (columns & 3) == 3) {
    return absl::DataLossError("a curve chunk has an unknown format");
  }
  std::uint32_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + 2, sizeof(checksum));
  if (checksum != Checksum(bytes, points)) return absl::DataLossError("a curve chunk fails its checksum");
  // The checksum is no defence against a chunk made to harm: every length below is checked as well.
  const std::optional<Parts> parts = SplitChunk(bytes.subspan(kHeaderBytes), columns, points);
  if (!parts.has_value()) return absl::DataLossError("a curve chunk is cut short");
  thread_local std::array<std::uint8_t, kMaxPackedBytes> packed;
  if (parts->packed_bytes > 0) {
    const std::size_t got = ZSTD_decompressDCtx(Decompressor(), packed.data(), parts->packed_bytes,
                                                parts->frame.data(), parts->frame.size());
    if (ZSTD_isError(got) || got != parts->packed_bytes) {
      return absl::DataLossError("a curve chunk does not decompress");
    }
  }
  PlaneSource source = {parts->head, parts->plain, {packed.data(), parts->packed_bytes}};

  const std::size_t before = curve.size();
  const std::size_t after = before + points;
  curve.step.resize(after);
  TakeColumn<std::uint64_t, kPointsPerChunk>(points, source, [&](std::size_t i, std::uint64_t bits) {
    curve.step[before + i] = static_cast<std::int64_t>(bits);
  });
  if ((columns & (kTokensInteger | kTokensReal)) != 0) {
    curve.tokens.resize(before, std::numeric_limits<double>::quiet_NaN());
    curve.tokens.resize(after);
    double* tokens = curve.tokens.data() + before;
    const bool integer = (columns & kTokensInteger) != 0;
    TakeColumn<std::uint64_t, kPointsPerChunk>(points, source, [&](std::size_t i, std::uint64_t bits) {
      tokens[i] =
          integer ? static_cast<double>(static_cast<std::int64_t>(bits)) : std::bit_cast<double>(bits);
    });
  } else if (!curve.tokens.empty()) {
    curve.tokens.resize(after, std::numeric_limits<double>::quiet_NaN());
  }
  for (const FloatColumn& column : kFloatColumns) {
    std::vector<float>& values = curve.*column.values;
    if ((columns & column.bit) != 0) {
      values.resize(before, std::numeric_limits<float>::quiet_NaN());
      values.resize(after);
      float* out = values.data() + before;
      TakeColumn<std::uint32_t, kPointsPerChunk>(
          points, source, [&](std::size_t i, std::uint32_t bits) { out[i] = std::bit_cast<float>(bits); });
    } else if (!values.empty()) {
      values.resize(after, std::numeric_limits<float>::quiet_NaN());
    }
  }
  return absl::OkStatus();
}

}  // namespace sextant::storage
