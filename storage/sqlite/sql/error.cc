// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sql/error.h"

#include <absl/strings/str_cat.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "storage/fault.h"
#include "storage/sqlite/sql/checked_vfs.h"

namespace sextant::storage::sqlite {
namespace {

// SQLite reports one code for the file, its log, the temporary files that it makes elsewhere, and quotas: the
// space that is left tells them apart.
absl::Status Full(const std::string& path) {
  constexpr std::uintmax_t kRoomBytes = 1 << 20;
  constexpr char kNothingKept[] = "nothing of this write was kept; ";
  std::error_code error;
  const auto space = std::filesystem::space(std::filesystem::path(path).parent_path(), error);
  if (error || space.available < kRoomBytes) {
    return absl::ResourceExhaustedError(absl::StrCat("no space left for ", path, ": ", kNothingKept,
                                                     "free space on that file system and retry"));
  }
  const char* folder = std::getenv("SQLITE_TMPDIR");
  if (folder == nullptr) folder = std::getenv("TMPDIR");
  return absl::ResourceExhaustedError(absl::StrCat(
      "no space left while writing ", path, ", though its file system has ", space.available >> 20,
      " MiB free: ", kNothingKept, "look for a quota, and whether the folder of temporary files (",
      folder != nullptr ? folder : "/var/tmp", ") is full, then retry"));
}

// SQLite has mostly forgotten the errno of a write that failed by the time it reports it.
bool IsAtSizeLimit(const std::string& path) {
  constexpr std::uintmax_t kOneWriteBytes = 1 << 17;  // a page, and then some
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  for (const char* suffix : {"", "-wal"}) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path + suffix, error);
    if (!error && bytes + kOneWriteBytes >= limit.rlim_cur) return true;
  }
  return false;
}

absl::Status MayNotGrow(const std::string& path) {
  return absl::ResourceExhaustedError(
      absl::StrCat(path,
                   " and its log may not grow any more: nothing of this write was kept; raise the limit "
                   "on file sizes (`ulimit -f`) of this process, or of the file system, and retry"));
}

absl::Status CannotOpen(int system_errno, const std::string& detail, const std::string& path) {
  switch (system_errno) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(absl::StrCat("cannot open ", path, ": no such file or folder"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(absl::StrCat(
          "cannot open ", path, ": permission denied; check the owner and mode of the file and folder"));
    case EISDIR:
      return absl::FailedPreconditionError(absl::StrCat(
          "cannot open ", path, " or its log beside it (-wal, -shm): one of them is a directory"));
    case EROFS:
      return WithFault(absl::FailedPreconditionError(absl::StrCat(
                           "cannot write ", path, ": the file system is read-only; name a file elsewhere")),
                       kFaultReadOnly);
    default:
      return absl::FailedPreconditionError(absl::StrCat("cannot open ", path, ": ", detail));
  }
}

}  // namespace

absl::Status StatusFromCode(int extended_code, int system_errno, const std::string& detail,
                            const std::string& path) {
  if (system_errno == ENOSPC || system_errno == EDQUOT) return Full(path);
  if (extended_code == SQLITE_IOERR_WRITE && (system_errno == EFBIG || IsAtSizeLimit(path))) {
    return MayNotGrow(path);
  }
  switch (extended_code & 0xff) {
    case SQLITE_FULL:
      return Full(path);
    case SQLITE_CORRUPT:
      return absl::DataLossError(absl::StrCat(path, " is damaged (", detail,
                                              "): restore a backup, or salvage what is readable with "
                                              "`sqlite3 FILE .recover`"));
    case SQLITE_NOTADB:
      return absl::FailedPreconditionError(
          absl::StrCat(path, " is not a Sextant database (or its first page is damaged): name another file"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(absl::StrCat(path, " is busy: ", detail, "; retry"));
    case SQLITE_READONLY:
      return WithFault(
          absl::FailedPreconditionError(absl::StrCat(
              path, " is read-only: make the file and its folder writable, or name another file")),
          kFaultReadOnly);
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::PermissionDeniedError(absl::StrCat(path, ": ", detail));
    case SQLITE_CANTOPEN:
      return CannotOpen(system_errno, detail, path);
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(absl::StrCat("out of memory while using ", path));
    case SQLITE_TOOBIG:
      return absl::InvalidArgumentError("a value is too large to store (over 1 GB)");
    case SQLITE_INTERRUPT:
      return absl::CancelledError(absl::StrCat("interrupted while using ", path));
    case SQLITE_CONSTRAINT:
      if (extended_code == SQLITE_CONSTRAINT_UNIQUE || extended_code == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return absl::AlreadyExistsError(detail);
      }
      return absl::InternalError(absl::StrCat(path, ": ", detail));
    case SQLITE_IOERR:
      if (extended_code == SQLITE_IOERR_DATA) {
        return absl::DataLossError(
            absl::StrCat(path, " is damaged (page ", LastDamagedPage(),
                         " is not as Sextant wrote it): restore a backup. Where another program has changed "
                         "the file and it "
                         "is to be taken as it stands, sextantd --renew-checksums does so"));
      }
      return absl::DataLossError(absl::StrCat("input/output error on ", path, " (", detail, ", code ",
                                              extended_code, ", errno ", system_errno,
                                              "): check the disk and the file's length"));
    default:
      return absl::InternalError(absl::StrCat(path, ": ", detail, " (SQLite code ", extended_code, ")"));
  }
}

absl::Status LastError(sqlite3* db, const std::string& path) {
  return StatusFromCode(sqlite3_extended_errcode(db), sqlite3_system_errno(db), sqlite3_errmsg(db), path);
}

}  // namespace sextant::storage::sqlite
