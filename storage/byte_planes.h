// SPDX-License-Identifier: Apache-2.0
// One column of a chunk as byte planes: the coding under curve_codec.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace sextant::storage {

/// How a plane is kept; two bits in the chunk.
enum class PlaneMode : std::uint8_t { kZero = 0, kPacked = 1, kPlain = 2 };

/// Zigzag keeps small differences of either sign small, so the upper planes are nearly all zero.
template <typename U>
constexpr U ZigZag(U difference) {
  return static_cast<U>((difference << 1) ^ (U{0} - (difference >> (sizeof(U) * 8 - 1))));
}
template <typename U>
constexpr U UnZigZag(U code) {
  return static_cast<U>((code >> 1) ^ (U{0} - (code & 1)));
}

/// True when a plane's bytes are so evenly spread that entropy coding would gain under a tenth: the low bytes
/// of noise. Decided by the number of equal pairs, which for even bytes is count^2 / 256.
inline bool LooksRandom(std::span<const std::uint8_t> plane) {
  std::array<std::uint16_t, 256> counts{};
  for (const std::uint8_t byte : plane) ++counts[byte];
  std::uint64_t pairs = 0;
  for (const std::uint64_t count : counts) pairs += count * (count - 1);
  const std::uint64_t even = plane.size() * (plane.size() - 1) / 256;
  return plane.size() >= 64 && 2 * pairs <= 3 * even;
}

/// Where a chunk's parts collect while it is encoded.
struct PlaneSink {
  std::vector<std::uint8_t> head;    ///< per column: two bits a plane, then the first value
  std::vector<std::uint8_t> plain;   ///< kPlain planes
  std::vector<std::uint8_t> packed;  ///< kPacked planes, still to be compressed
  void Clear() {
    head.clear();
    plain.clear();
    packed.clear();
  }
};

/// Adds the column of `count` >= 1 values bits(0), bits(1), …; U is std::uint32_t or std::uint64_t.
template <typename U, std::size_t kMaxCount, typename Bits>
void PutColumn(std::size_t count, Bits bits, PlaneSink& sink) {
  std::array<U, kMaxCount> codes;
  const U first = bits(0);
  U previous = first, any = 0;
  codes[0] = 0;
  for (std::size_t i = 1; i < count; ++i) {
    const U value = bits(i);
    codes[i] = ZigZag<U>(static_cast<U>(value - previous));
    any |= codes[i];
    previous = value;
  }
  std::uint16_t modes = 0;
  for (std::size_t plane = 0; plane < sizeof(U); ++plane) {
    if (((any >> (8 * plane)) & 0xFF) == 0) continue;
    std::array<std::uint8_t, kMaxCount> bytes;
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(codes[i] >> (8 * plane));
    const bool plain = LooksRandom({bytes.data(), count});
    std::vector<std::uint8_t>& target = plain ? sink.plain : sink.packed;
    target.insert(target.end(), bytes.data(), bytes.data() + count);
    modes |= static_cast<std::uint16_t>((plain ? 2U : 1U) << (2 * plane));
  }
  for (std::size_t i = 0; i < sizeof(U) / 4; ++i)
    sink.head.push_back(static_cast<std::uint8_t>(modes >> (8 * i)));
  for (std::size_t i = 0; i < sizeof(U); ++i)
    sink.head.push_back(static_cast<std::uint8_t>(first >> (8 * i)));
}

/// What is left of a chunk's parts while it is decoded.
struct PlaneSource {
  std::span<const std::uint8_t> head, plain, packed;
};

/// Bytes of `head` that a column of U takes.
template <typename U>
constexpr std::size_t kColumnHead = sizeof(U) / 4 + sizeof(U);

/// The modes of the next column in `head`; false when a mode is unknown.
template <typename U>
bool ReadModes(std::span<const std::uint8_t> head, std::array<PlaneMode, sizeof(U)>& modes) {
  for (std::size_t plane = 0; plane < sizeof(U); ++plane) {
    const int mode = (head[plane / 4] >> (2 * (plane % 4))) & 3;
    if (mode == 3) return false;
    modes[plane] = static_cast<PlaneMode>(mode);
  }
  return true;
}

/// Takes the column off the source, which holds all of it (checked before), and calls take(i, bits) for each
/// value.
template <typename U, std::size_t kMaxCount, typename Take>
void TakeColumn(std::size_t count, PlaneSource& source, Take take) {
  std::array<PlaneMode, sizeof(U)> modes{};
  ReadModes<U>(source.head, modes);
  U value = 0;
  for (std::size_t i = 0; i < sizeof(U); ++i) {
    value = static_cast<U>(value | static_cast<U>(source.head[sizeof(U) / 4 + i]) << (8 * i));
  }
  source.head = source.head.subspan(kColumnHead<U>);
  std::array<U, kMaxCount> codes;
  std::memset(codes.data(), 0, count * sizeof(U));
  for (std::size_t plane = 0; plane < sizeof(U); ++plane) {
    if (modes[plane] == PlaneMode::kZero) continue;
    std::span<const std::uint8_t>& bytes = modes[plane] == PlaneMode::kPlain ? source.plain : source.packed;
    for (std::size_t i = 0; i < count; ++i)
      codes[i] |= static_cast<U>(static_cast<U>(bytes[i]) << (8 * plane));
    bytes = bytes.subspan(count);
  }
  take(0, value);
  for (std::size_t i = 1; i < count; ++i) {
    value = static_cast<U>(value + UnZigZag<U>(codes[i]));
    take(i, value);
  }
}

}  // namespace sextant::storage
