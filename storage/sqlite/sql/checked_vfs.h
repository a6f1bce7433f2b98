// SPDX-License-Identifier: Apache-2.0
// Where SQLite reads and writes a file whose pages carry checksums: a VFS in front of the process's default
// one.
//
// The idea is that of SQLite's cksumvfs: pages are stamped as they are written into the database file, and
// checked as they are read from it. What is in a write-ahead log or a journal is left alone: those have
// checksums of their own, and their pages are stamped when they come into the file.
#pragma once

#include <cstdint>

struct sqlite3;

namespace sextant::storage::sqlite {

/// The name under which sqlite3_open_v2 finds it; registers it at the first call. Thread-safe. A file without
/// checksums passes through it unchanged. It maps no memory.
const char* CheckedVfs();

/// Leaves room for checksums in the pages of a new, empty database: they will carry them.
void BeginPageChecksums(sqlite3* db);
/// Whether the open database's pages carry checksums.
bool HasPageChecksums(sqlite3* db);
/// Makes `to`, an empty file into which pages of `from` are about to be copied, stamp them if `from` does:
/// the first page to be written may not be the one that would tell.
void StampAs(sqlite3* from, sqlite3* to);
/// From now on pages are read whatever their checksums.
void IgnorePageChecksums(sqlite3* db);

/// A read of a page that does not match its checksum ends with SQLITE_IOERR_DATA: the number of the last such
/// page that this thread read, from 1; 0 before.
std::uint32_t LastDamagedPage();

}  // namespace sextant::storage::sqlite
