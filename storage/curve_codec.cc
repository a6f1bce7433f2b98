#include "storage/curve_codec.h"

#include <absl/strings/str_cat.h>
#include <zstd.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

namespace sextant::storage {
namespace {

// Byte 0 of a chunk. A new layout takes a new number; old chunks stay readable.
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kHeaderBytes = 2;

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
};
constexpr std::array<FloatColumn, 4> kFloatColumns = {{{kTrainLoss, &Curve::train_loss},
                                                       {kValidationLoss, &Curve::validation_loss},
                                                       {kLearningRate, &Curve::learning_rate},
                                                       {kGradientNoiseScale, &Curve::gradient_noise_scale}}};

constexpr std::size_t kMaxPlainBytes = kPointsPerChunk * (8 + 8 + 4 * kFloatColumns.size());

// Zigzag keeps small differences of either sign small, so the upper byte planes are nearly all zero.
template <typename U>
constexpr U ZigZag(U difference) {
  return static_cast<U>((difference << 1) ^ (U{0} - (difference >> (sizeof(U) * 8 - 1))));
}
template <typename U>
constexpr U UnZigZag(U code) {
  return static_cast<U>((code >> 1) ^ (U{0} - (code & 1)));
}

// Differences of neighbours, byte plane by byte plane (least significant first).
template <typename U, typename Bits>
std::uint8_t* PutColumn(std::size_t count, Bits bits, std::uint8_t* out) {
  std::array<U, kPointsPerChunk> codes;
  U previous = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const U value = bits(i);
    codes[i] = ZigZag<U>(static_cast<U>(value - previous));
    previous = value;
  }
  for (std::size_t plane = 0; plane < sizeof(U); ++plane) {
    for (std::size_t i = 0; i < count; ++i) *out++ = static_cast<std::uint8_t>(codes[i] >> (8 * plane));
  }
  return out;
}

template <typename U, typename Take>
const std::uint8_t* TakeColumn(std::size_t count, const std::uint8_t* in, Take take) {
  U previous = 0;
  for (std::size_t i = 0; i < count; ++i) {
    U code = 0;
    for (std::size_t plane = 0; plane < sizeof(U); ++plane) {
      code |= static_cast<U>(in[plane * count + i]) << (8 * plane);
    }
    previous = static_cast<U>(previous + UnZigZag<U>(code));
    take(i, previous);
  }
  return in + count * sizeof(U);
}

bool AllIntegers(const std::vector<double>& values, std::size_t begin, std::size_t end) {
  constexpr double kLimit = 9007199254740992.0;  // 2^53: doubles up to it hold integers exactly
  for (std::size_t i = begin; i < end; ++i) {
    const double value = values[i];
    if (!(std::fabs(value) <= kLimit) || value != std::trunc(value)) return false;
    if (value == 0 && std::signbit(value)) return false;
  }
  return true;
}

std::size_t PlainBytes(std::uint8_t columns, std::size_t points) {
  std::size_t bytes = 8;
  if (columns & (kTokensInteger | kTokensReal)) bytes += 8;
  for (const FloatColumn& column : kFloatColumns) {
    if (columns & column.bit) bytes += 4;
  }
  return bytes * points;
}

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* Compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context = [] {
    std::unique_ptr<ZSTD_CCtx, FreeContext> made(ZSTD_createCCtx());
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_compressionLevel, 1);
    // SQLite pages carry no checksum: without one, a flipped bit could decode to plausible numbers.
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_checksumFlag, 1);
    return made;
  }();
  return context.get();
}

ZSTD_DCtx* Decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  return context.get();
}

// `values` as long as the points so far, filled with NaN where it was absent.
template <typename T>
void PadTo(std::size_t size, std::vector<T>& values) {
  values.resize(size, std::numeric_limits<T>::quiet_NaN());
}

}  // namespace

absl::Status CheckCurve(const Curve& curve) {
  const auto fits = [&](std::size_t size) { return size == 0 || size == curve.size(); };
  bool ok = fits(curve.tokens.size());
  for (const FloatColumn& column : kFloatColumns) ok = ok && fits((curve.*column.values).size());
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a curve's columns must be empty or have one value a step (", curve.size(), " steps)"));
}

std::vector<std::uint8_t> EncodeChunk(const Curve& curve, std::size_t begin, std::size_t end) {
  const std::size_t points = end - begin;
  thread_local std::array<std::uint8_t, kMaxPlainBytes> plain;
  std::uint8_t columns = 0;
  std::uint8_t* out = PutColumn<std::uint64_t>(
      points, [&](std::size_t i) { return static_cast<std::uint64_t>(curve.step[begin + i]); }, plain.data());
  if (!curve.tokens.empty()) {
    const double* tokens = curve.tokens.data() + begin;
    if (AllIntegers(curve.tokens, begin, end)) {
      columns |= kTokensInteger;
      out = PutColumn<std::uint64_t>(
          points,
          [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<std::int64_t>(tokens[i])); },
          out);
    } else {
      columns |= kTokensReal;
      out = PutColumn<std::uint64_t>(
          points, [&](std::size_t i) { return std::bit_cast<std::uint64_t>(tokens[i]); }, out);
    }
  }
  for (const FloatColumn& column : kFloatColumns) {
    const std::vector<float>& values = curve.*column.values;
    if (values.empty()) continue;
    columns |= column.bit;
    out = PutColumn<std::uint32_t>(
        points, [&](std::size_t i) { return std::bit_cast<std::uint32_t>(values[begin + i]); }, out);
  }
  const std::size_t plain_bytes = static_cast<std::size_t>(out - plain.data());
  std::vector<std::uint8_t> bytes(kHeaderBytes + ZSTD_compressBound(plain_bytes));
  bytes[0] = kFormat;
  bytes[1] = columns;
  // Cannot fail: the destination holds the bound, and the context's parameters are constants.
  const std::size_t written = ZSTD_compress2(Compressor(), bytes.data() + kHeaderBytes,
                                             bytes.size() - kHeaderBytes, plain.data(), plain_bytes);
  bytes.resize(kHeaderBytes + written);
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
  thread_local std::array<std::uint8_t, kMaxPlainBytes> plain;
  const std::size_t expected = PlainBytes(columns, points);
  const std::size_t got = ZSTD_decompressDCtx(Decompressor(), plain.data(), expected,
                                              bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes);
  if (ZSTD_isError(got) || got != expected) {
    return absl::DataLossError(absl::StrCat("a curve chunk does not decompress: ",
                                            ZSTD_isError(got) ? ZSTD_getErrorName(got) : "wrong length"));
  }
  const std::size_t before = curve.size();
  const std::size_t after = before + points;
  curve.step.resize(after);
  const std::uint8_t* in = TakeColumn<std::uint64_t>(
      points, plain.data(),
      [&](std::size_t i, std::uint64_t bits) { curve.step[before + i] = static_cast<std::int64_t>(bits); });
  if (columns & (kTokensInteger | kTokensReal)) {
    PadTo(after, curve.tokens);
    double* tokens = curve.tokens.data() + before;
    const bool integer = (columns & kTokensInteger) != 0;
    in = TakeColumn<std::uint64_t>(points, in, [&](std::size_t i, std::uint64_t bits) {
      tokens[i] =
          integer ? static_cast<double>(static_cast<std::int64_t>(bits)) : std::bit_cast<double>(bits);
    });
  } else if (!curve.tokens.empty()) {
    PadTo(after, curve.tokens);
  }
  for (const FloatColumn& column : kFloatColumns) {
    std::vector<float>& values = curve.*column.values;
    if (columns & column.bit) {
      PadTo(after, values);
      float* out = values.data() + before;
      in = TakeColumn<std::uint32_t>(
          points, in, [&](std::size_t i, std::uint32_t bits) { out[i] = std::bit_cast<float>(bits); });
    } else if (!values.empty()) {
      PadTo(after, values);
    }
  }
  return absl::OkStatus();
}

}  // namespace sextant::storage
