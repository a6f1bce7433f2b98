// SPDX-License-Identifier: Apache-2.0
// The checksum that each page of a database file carries in its last bytes.
#pragma once

#include <cstdint>
#include <span>

namespace sextant::storage::sqlite {

/// What SQLite leaves free at the end of each page of a file with checksums: the "reserved space" of its
/// header (byte 20; SQLite's file format, 1.3.4). Only such files have so many, and all of their pages have
/// checksums.
inline constexpr int kPageChecksumBytes = 8;

/// Writes the checksum of a page into its last 8 bytes, little-endian: XXH3, 64 bits, of what is before them,
/// seeded with the page's number (from 1), so that a page in another's place is wrong too. A page of zeros
/// alone stays so: SQLite makes such ones by lengthening the file. `page` is longer than 8 bytes.
void StampPage(std::span<std::uint8_t> page, std::uint32_t number);

/// Whether the page is as StampPage left it. True for zeros alone.
bool IsPageWhole(std::span<const std::uint8_t> page, std::uint32_t number);

/// What a file's first bytes say, 100 of them: the length of its pages, 0 when it is no database; and whether
/// they have checksums.
struct PageLayout {
  int page_bytes = 0;
  bool has_checksums = false;
};
PageLayout LayoutOf(std::span<const std::uint8_t> header);

}  // namespace sextant::storage::sqlite
