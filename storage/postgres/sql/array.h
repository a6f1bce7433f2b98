// SPDX-License-Identifier: Apache-2.0
// Values as PostgreSQL's binary format has them: big-endian, arrays with a header.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::storage::postgres {

// Object ids of types (src/include/catalog/pg_type.dat), which no version changes.
inline constexpr unsigned kByteaType = 17, kInt8Type = 20, kTextType = 25, kFloat8Type = 701,
                          kTextArrayType = 1009, kFloat8ArrayType = 1022;

/// Appends the big-endian bytes of a 16, 32 or 64 bit number.
template <typename Number>
void AppendBigEndian(Number value, std::string& out) {
  static_assert(std::endian::native == std::endian::little);
  const std::uint64_t bits =
      __builtin_bswap64(static_cast<std::uint64_t>(value) << (64 - 8 * static_cast<int>(sizeof(Number))));
  out.append(reinterpret_cast<const char*>(&bits), sizeof(Number));
}

/// The big-endian signed number in all of `bytes`, 1 to 8 of them.
std::int64_t ReadBigEndian(std::string_view bytes);
double ReadFloat8(std::string_view bytes);
std::uint64_t Float8Bits(double value);  ///< -0 as 0

/// A one-dimensional float8[], NaN as NULL.
std::string EncodeFloat8Array(std::span<const double> values);
/// Empty for what is no such array.
void DecodeFloat8Array(std::string_view bytes, std::vector<double>& values);
/// A one-dimensional text[].
std::string EncodeTextArray(std::span<const std::string_view> texts);

}  // namespace sextant::storage::postgres
