// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/care.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/status_macros.h"
#include "base/whole_file.h"
#include "storage/relational/record_check.h"
#include "storage/sqlite/file/open.h"
#include "storage/sqlite/file/schema.h"
#include "storage/sqlite/sql/checked_vfs.h"
#include "storage/sqlite/sql/error.h"

namespace sextant::storage::sqlite {
namespace {

using relational::CheckRecords;
using relational::Damaged;
using relational::ExpectNoFinding;

// SQLite reads a last page that was cut short as if it ended in zeros. While there is a log, the page may be
// whole there.
absl::Status CheckLength(relational::Connection& connection) {
  ASSIGN_OR_RETURN(auto statement, connection.Prepare("PRAGMA page_size"));
  if (auto row = statement.Step(); !row.ok()) return row.status();
  const auto page_bytes = static_cast<std::uintmax_t>(statement.Int(0));
  std::error_code error;
  const auto bytes = std::filesystem::file_size(connection.path(), error);
  if (error || HasLog(connection.path()) || page_bytes == 0 || bytes % page_bytes == 0)
    return absl::OkStatus();
  return Damaged(connection, absl::StrCat("its last page is cut short (", bytes, " bytes are no multiple of ",
                                          page_bytes, ")"));
}

// Makes the file's bytes and its name durable.
absl::Status SyncFile(const std::string& path) {
  for (const std::string& name : {path, std::filesystem::path(path).parent_path().string()}) {
    const int descriptor = open(name.empty() ? "." : name.c_str(), O_RDONLY | O_CLOEXEC);
    const bool failed = descriptor < 0 || fsync(descriptor) != 0;
    const int error = errno;
    if (descriptor >= 0) close(descriptor);
    if (failed) return StatusFromCode(SQLITE_IOERR_FSYNC, error, std::strerror(error), name);
  }
  return absl::OkStatus();
}

// The copy and the file it is made of report through one connection: a message names both.
absl::Status CopyFailed(const relational::Connection& from, const std::string& path,
                        const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("copying ", from.path(), " to ", path, ": ",
                                                  std::string(status.message())));
}

absl::Status CopyPages(relational::Connection& from, const std::string& path) {
  ASSIGN_OR_RETURN(auto to, Connection::Open(path, OpenMode::kCreate));
  StampAs(HandleOf(from), to->handle());
  // One step copies everything under a read lock, which in WAL mode stops nobody; several steps would start
  // over whenever somebody wrote in between.
  sqlite3_backup* backup = sqlite3_backup_init(to->handle(), "main", HandleOf(from), "main");
  if (backup == nullptr) return CopyFailed(from, path, to->LastError());
  sqlite3_backup_step(backup, -1);
  if (sqlite3_backup_finish(backup) != SQLITE_OK) return CopyFailed(from, path, to->LastError());
  // A copy is one file: not in WAL mode until a store opens it.
  return to->Execute("PRAGMA journal_mode = DELETE");
}

}  // namespace

absl::StatusOr<StoreHealth> GetHealth(relational::Connection& connection) {
  StoreHealth health;
  health.location = connection.path();
  ASSIGN_OR_RETURN(auto version, ReadSchemaVersion(connection));
  health.schema_version = version;
  health.has_page_checksums = HasPageChecksums(HandleOf(connection));
  ASSIGN_OR_RETURN(auto pages,
                   connection.Prepare("SELECT page_count * page_size, freelist_count * page_size "
                                      "FROM pragma_page_count, pragma_page_size, pragma_freelist_count"));
  RETURN_IF_ERROR(pages.Step().status());
  health.file_bytes = pages.Int(0);
  health.free_bytes = pages.Int(1);
  std::error_code none;  // without a log its size is 0
  const auto log_bytes = std::filesystem::file_size(connection.path() + "-wal", none);
  health.log_bytes = none ? 0 : static_cast<std::int64_t>(log_bytes);
  return health;
}

absl::Status CheckPages(relational::Connection& connection) {
  return ExpectNoFinding(connection, "PRAGMA integrity_check(10)");
}

absl::Status CheckIntegrity(relational::Connection& connection) {
  RETURN_IF_ERROR(CheckLength(connection));
  RETURN_IF_ERROR(CheckPages(connection));
  absl::Status status =
      ExpectNoFinding(connection,
                      "SELECT \"table\" || ' row ' || coalesce(rowid, '') || ' refers to a missing row' "
                      "FROM pragma_foreign_key_check LIMIT 10");
  return status.ok() ? CheckRecords(connection) : status;
}

absl::Status BackUp(relational::Connection& connection, const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return absl::AlreadyExistsError(absl::StrCat(path, " exists already: a backup goes to a new file"));
  }
  const std::string partial = PartialName(path);
  std::filesystem::remove(partial, error);
  absl::Status status = CopyPages(connection, partial);
  if (status.ok()) status = SyncFile(partial);
  if (const int failed = status.ok() ? PublishFile(partial, path, Existing::kKeep) : 0; failed != 0) {
    status = failed == EEXIST ? absl::AlreadyExistsError(absl::StrCat(path, " exists already"))
                              : StatusFromCode(SQLITE_CANTOPEN, failed, std::strerror(failed), path);
  }
  std::filesystem::remove(partial, error);
  return status.ok() ? SyncFile(path) : status;
}

absl::Status Checkpoint(relational::Connection& connection) {
  const int code =
      sqlite3_wal_checkpoint_v2(HandleOf(connection), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  const absl::Status status = LastError(HandleOf(connection), connection.path());
  if (!absl::IsResourceExhausted(status)) return status;
  return absl::ResourceExhaustedError(
      absl::StrCat("no room to fold the write-ahead log into ", connection.path(),
                   ": the log stays beside it and holds what was written; free space on that file system"));
}

}  // namespace sextant::storage::sqlite
