// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sql/page_checksum.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace sextant::storage::sqlite {
namespace {

// SQLite's file format, 1.3: what the header begins with, and where it says what.
constexpr char kMagic[] = "SQLite format 3";  // with its final zero
constexpr std::size_t kPageSizeAt = 16, kReservedAt = 20, kHeaderBytes = 100;
constexpr int kLargestPage = 65536;  // written as 1

bool IsZero(std::span<const std::uint8_t> page) {
  return std::all_of(page.begin(), page.end(), [](std::uint8_t byte) { return byte == 0; });
}

void ChecksumOf(std::span<const std::uint8_t> page, std::uint32_t number, std::uint8_t* out) {
  const XXH64_hash_t hash = XXH3_64bits_withSeed(page.data(), page.size() - kPageChecksumBytes, number);
  for (int i = 0; i < kPageChecksumBytes; ++i) out[i] = static_cast<std::uint8_t>(hash >> (8 * i));
}

}  // namespace

void StampPage(std::span<std::uint8_t> page, std::uint32_t number) {
  if (!IsZero(page)) ChecksumOf(page, number, &*(page.end() - kPageChecksumBytes));
}

bool IsPageWhole(std::span<const std::uint8_t> page, std::uint32_t number) {
  std::uint8_t expected[kPageChecksumBytes];
  ChecksumOf(page, number, expected);
  return std::memcmp(expected, &*(page.end() - kPageChecksumBytes), kPageChecksumBytes) == 0 || IsZero(page);
}

PageLayout LayoutOf(std::span<const std::uint8_t> header) {
  if (header.size() < kHeaderBytes || std::memcmp(header.data(), kMagic, sizeof(kMagic)) != 0) return {};
  const int bytes = header[kPageSizeAt] << 8 | header[kPageSizeAt + 1];
  return {bytes == 1 ? kLargestPage : bytes, header[kReservedAt] == kPageChecksumBytes};
}

}  // namespace sextant::storage::sqlite
