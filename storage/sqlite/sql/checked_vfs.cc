// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sql/checked_vfs.h"

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "storage/sqlite/sql/page_checksum.h"

namespace sextant::storage::sqlite {
namespace {

constexpr char kVfsName[] = "sextant-pages";
// Of sqlite3_file_control, where numbers above 100 are nobody's. Each takes an int*: the length of the pages
// that carry checksums, 0 without them.
enum PageControl : int { kAskChecksums = 0x53580001, kExpectChecksums, kIgnoreChecksums };

thread_local std::uint32_t last_damaged_page = 0;

sqlite3_vfs* DefaultVfs() { return sqlite3_vfs_find(nullptr); }

// One file that is open; SQLite's part is in CheckedFile, which it allocates.
struct OpenFile {
  std::unique_ptr<std::max_align_t[]> room;  // of `below`, whose size only its VFS knows
  sqlite3_file* below = nullptr;
  bool is_database = false, ignores = false;
  PageLayout layout;
  std::vector<std::uint8_t> stamped;  // a page on its way down
};

struct CheckedFile {
  sqlite3_file base;
  OpenFile* open;
};

OpenFile& Of(sqlite3_file* file) { return *reinterpret_cast<CheckedFile*>(file)->open; }
sqlite3_file* Below(sqlite3_file* file) { return Of(file).below; }
const sqlite3_io_methods& Methods(sqlite3_file* file) { return *Below(file)->pMethods; }

// The page that a read or write is of; 0 when it is of none, or of a file without checksums.
std::uint32_t PageAt(const OpenFile& file, int bytes, sqlite3_int64 offset) {
  const int page_bytes = file.layout.page_bytes;
  if (!file.layout.has_checksums || bytes != page_bytes || offset % page_bytes != 0) return 0;
  return static_cast<std::uint32_t>(offset / page_bytes) + 1;
}

// The header stands at the start of the first page.
void Learn(OpenFile& file, std::span<const std::uint8_t> bytes, sqlite3_int64 offset) {
  if (!file.is_database || offset != 0) return;
  if (const PageLayout layout = LayoutOf(bytes); layout.page_bytes != 0) file.layout = layout;
}

int CheckedClose(sqlite3_file* file) {
  auto* const open = &Of(file);
  const int code = open->below->pMethods->xClose(open->below);
  delete open;
  return code;
}

int CheckedRead(sqlite3_file* file, void* to, int bytes, sqlite3_int64 offset) {
  OpenFile& open = Of(file);
  const int code = open.below->pMethods->xRead(open.below, to, bytes, offset);
  if (code != SQLITE_OK) return code;
  const std::span<const std::uint8_t> read(static_cast<const std::uint8_t*>(to),
                                           static_cast<std::size_t>(bytes));
  Learn(open, read, offset);
  const std::uint32_t number = PageAt(open, bytes, offset);
  if (number == 0 || open.ignores || IsPageWhole(read, number)) return SQLITE_OK;
  last_damaged_page = number;
  return SQLITE_IOERR_DATA;
}

int CheckedWrite(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 offset) {
  OpenFile& open = Of(file);
  const auto* data = static_cast<const std::uint8_t*>(from);
  Learn(open, {data, static_cast<std::size_t>(bytes)}, offset);
  if (const std::uint32_t number = PageAt(open, bytes, offset); number != 0) {
    open.stamped.assign(data, data + bytes);
    StampPage(open.stamped, number);
    from = open.stamped.data();
  }
  return open.below->pMethods->xWrite(open.below, from, bytes, offset);
}

int CheckedControl(sqlite3_file* file, int what, void* argument) {
  OpenFile& open = Of(file);
  switch (what) {
    case kAskChecksums:
      *static_cast<int*>(argument) = open.layout.has_checksums ? open.layout.page_bytes : 0;
      return SQLITE_OK;
    case kExpectChecksums:
      open.layout = {*static_cast<int*>(argument), true};
      return SQLITE_OK;
    case kIgnoreChecksums:
      open.ignores = true;
      return SQLITE_OK;
    default:
      return Methods(file).xFileControl(open.below, what, argument);
  }
}

// What is the same below.
int CheckedTruncate(sqlite3_file* file, sqlite3_int64 size) {
  return Methods(file).xTruncate(Below(file), size);
}
int CheckedSync(sqlite3_file* file, int flags) { return Methods(file).xSync(Below(file), flags); }
int CheckedSize(sqlite3_file* file, sqlite3_int64* size) {
  return Methods(file).xFileSize(Below(file), size);
}
int CheckedLock(sqlite3_file* file, int level) { return Methods(file).xLock(Below(file), level); }
int CheckedUnlock(sqlite3_file* file, int level) { return Methods(file).xUnlock(Below(file), level); }
int CheckedReserved(sqlite3_file* file, int* out) {
  return Methods(file).xCheckReservedLock(Below(file), out);
}
int CheckedSector(sqlite3_file* file) { return Methods(file).xSectorSize(Below(file)); }
int CheckedDevice(sqlite3_file* file) { return Methods(file).xDeviceCharacteristics(Below(file)); }
int CheckedShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return Methods(file).xShmMap(Below(file), page, size, extend, out);
}
int CheckedShmLock(sqlite3_file* file, int offset, int n, int flags) {
  return Methods(file).xShmLock(Below(file), offset, n, flags);
}
void CheckedShmBarrier(sqlite3_file* file) { Methods(file).xShmBarrier(Below(file)); }
int CheckedShmUnmap(sqlite3_file* file, int remove) { return Methods(file).xShmUnmap(Below(file), remove); }

// Version 2: without memory maps, which would be read past the checks.
constexpr sqlite3_io_methods kCheckedMethods = {.iVersion = 2,
                                                .xClose = CheckedClose,
                                                .xRead = CheckedRead,
                                                .xWrite = CheckedWrite,
                                                .xTruncate = CheckedTruncate,
                                                .xSync = CheckedSync,
                                                .xFileSize = CheckedSize,
                                                .xLock = CheckedLock,
                                                .xUnlock = CheckedUnlock,
                                                .xCheckReservedLock = CheckedReserved,
                                                .xFileControl = CheckedControl,
                                                .xSectorSize = CheckedSector,
                                                .xDeviceCharacteristics = CheckedDevice,
                                                .xShmMap = CheckedShmMap,
                                                .xShmLock = CheckedShmLock,
                                                .xShmBarrier = CheckedShmBarrier,
                                                .xShmUnmap = CheckedShmUnmap,
                                                .xFetch = nullptr,
                                                .xUnfetch = nullptr};

int CheckedOpen(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;  // SQLite closes nothing
  sqlite3_vfs* const below = DefaultVfs();
  std::unique_ptr<OpenFile> open(new (std::nothrow) OpenFile);
  if (open == nullptr) return SQLITE_NOMEM;
  const std::size_t units = static_cast<std::size_t>(below->szOsFile) / sizeof(std::max_align_t) + 1;
  open->room.reset(new (std::nothrow) std::max_align_t[units]());
  if (open->room == nullptr) return SQLITE_NOMEM;
  open->below = reinterpret_cast<sqlite3_file*>(open->room.get());
  open->is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  const int code = below->xOpen(below, name, open->below, flags, out_flags);
  if (code != SQLITE_OK) {
    if (open->below->pMethods != nullptr) open->below->pMethods->xClose(open->below);
    return code;
  }
  reinterpret_cast<CheckedFile*>(file)->open = open.release();
  file->pMethods = &kCheckedMethods;
  return SQLITE_OK;
}

// The default VFS is looked up each time: tests put one of their own there.
int CheckedDelete(sqlite3_vfs*, const char* name, int sync) {
  return DefaultVfs()->xDelete(DefaultVfs(), name, sync);
}
int CheckedAccess(sqlite3_vfs*, const char* name, int flags, int* out) {
  return DefaultVfs()->xAccess(DefaultVfs(), name, flags, out);
}
int CheckedFullPath(sqlite3_vfs*, const char* name, int size, char* out) {
  return DefaultVfs()->xFullPathname(DefaultVfs(), name, size, out);
}
int CheckedLastError(sqlite3_vfs*, int size, char* out) {
  return DefaultVfs()->xGetLastError(DefaultVfs(), size, out);
}

}  // namespace

const char* CheckedVfs() {
  static const bool registered = [] {
    static sqlite3_vfs vfs = *DefaultVfs();  // clock, sleep and random numbers stay the system's
    vfs.szOsFile = sizeof(CheckedFile);
    vfs.pNext = nullptr;
    vfs.zName = kVfsName;
    vfs.xOpen = CheckedOpen;
    vfs.xDelete = CheckedDelete;
    vfs.xAccess = CheckedAccess;
    vfs.xFullPathname = CheckedFullPath;
    vfs.xGetLastError = CheckedLastError;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
  }();
  return registered ? kVfsName : nullptr;
}

void BeginPageChecksums(sqlite3* db) {
  int reserved = kPageChecksumBytes;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
}

bool HasPageChecksums(sqlite3* db) {
  int page_bytes = 0;
  return sqlite3_file_control(db, "main", kAskChecksums, &page_bytes) == SQLITE_OK && page_bytes != 0;
}

void StampAs(sqlite3* from, sqlite3* to) {
  int page_bytes = 0;
  if (sqlite3_file_control(from, "main", kAskChecksums, &page_bytes) != SQLITE_OK || page_bytes == 0) return;
  sqlite3_file_control(to, "main", kExpectChecksums, &page_bytes);
}

void IgnorePageChecksums(sqlite3* db) {
  int page_bytes = 0;
  sqlite3_file_control(db, "main", kIgnoreChecksums, &page_bytes);
}

std::uint32_t LastDamagedPage() { return last_damaged_page; }

}  // namespace sextant::storage::sqlite
