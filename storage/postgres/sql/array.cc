// SPDX-License-Identifier: Apache-2.0
#include "storage/postgres/sql/array.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace sextant::storage::postgres {
namespace {

constexpr std::size_t kHeaderBytes = 20;  // dimensions, has-NULL, element type, length, lower bound

// array_send of src/backend/utils/adt/arrayfuncs.c.
std::string ArrayHeader(std::size_t count, bool has_null, unsigned type) {
  std::string bytes;
  AppendBigEndian(std::int32_t{count > 0}, bytes);
  AppendBigEndian(std::int32_t{has_null}, bytes);
  AppendBigEndian(static_cast<std::int32_t>(type), bytes);
  if (count == 0) return bytes;
  AppendBigEndian(static_cast<std::int32_t>(count), bytes);
  AppendBigEndian(std::int32_t{1}, bytes);
  return bytes;
}

}  // namespace

std::int64_t ReadBigEndian(std::string_view bytes) {
  if (bytes.size() == sizeof(std::uint64_t)) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes.data(), sizeof(bits));
    return static_cast<std::int64_t>(__builtin_bswap64(bits));
  }
  if (bytes.empty()) return 0;
  std::uint64_t value = static_cast<std::uint64_t>(static_cast<signed char>(bytes.front()));
  for (const char c : bytes.substr(1)) value = value << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

double ReadFloat8(std::string_view bytes) {
  if (bytes.size() != sizeof(double)) return std::numeric_limits<double>::quiet_NaN();
  return std::bit_cast<double>(ReadBigEndian(bytes));
}

std::uint64_t Float8Bits(double value) { return std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value); }

std::string EncodeFloat8Array(std::span<const double> values) {
  const bool has_null =
      std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
  std::string bytes = ArrayHeader(values.size(), has_null, kFloat8Type);
  for (const double value : values) {
    if (std::isnan(value)) {
      AppendBigEndian(std::int32_t{-1}, bytes);
      continue;
    }
    AppendBigEndian(static_cast<std::int32_t>(sizeof(double)), bytes);
    AppendBigEndian(std::bit_cast<std::uint64_t>(value), bytes);
  }
  return bytes;
}

void DecodeFloat8Array(std::string_view bytes, std::vector<double>& values) {
  values.clear();
  if (bytes.size() < kHeaderBytes || ReadBigEndian(bytes.substr(0, 4)) != 1) return;
  std::size_t at = kHeaderBytes;
  while (at + 4 <= bytes.size()) {
    const std::int64_t length = ReadBigEndian(bytes.substr(at, 4));
    at += 4;
    if (length < 0) {
      values.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    values.push_back(ReadFloat8(bytes.substr(at, static_cast<std::size_t>(length))));
    at += static_cast<std::size_t>(length);
  }
}

std::string EncodeTextArray(std::span<const std::string_view> texts) {
  std::string bytes = ArrayHeader(texts.size(), false, kTextType);
  for (const std::string_view text : texts) {
    AppendBigEndian(static_cast<std::int32_t>(text.size()), bytes);
    bytes += text;
  }
  return bytes;
}

}  // namespace sextant::storage::postgres
