// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/open.h"

#include <absl/strings/str_cat.h>
#include <sqlite3.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/status_macros.h"
#include "storage/sqlite/file/schema.h"
#include "storage/sqlite/sql/checked_vfs.h"
#include "storage/sqlite/sql/declared_function.h"
#include "storage/sqlite/sql/error.h"

namespace sextant::storage::sqlite {
namespace {

// What the header says: the file is used with a write-ahead log.
bool IsInWalMode(const std::string& path) {
  constexpr std::size_t kReadVersion = 19;  // offset; 2 is WAL (SQLite's file format, section 1.3.3)
  std::array<char, kReadVersion + 1> header{};
  std::ifstream file(path, std::ios::binary);
  return file.read(header.data(), header.size()) && header[kReadVersion] == 2;
}

// A file in WAL mode without a log, in a folder where no sidecar can be made, is read as it stands.
absl::StatusOr<std::unique_ptr<Connection>> OpenForReading(const std::string& path) {
  auto connection = Connection::Open(path, OpenMode::kReadOnly);
  if (!connection.ok()) return connection.status();
  absl::Status status = (*connection)->Execute("SELECT count(*) FROM sqlite_schema");
  std::error_code error;
  const bool cannot_open =
      absl::IsNotFound(status) || absl::IsPermissionDenied(status) || absl::IsFailedPrecondition(status);
  // On a full disk SQLite leaves the log that it could not use; elsewhere a log may be somebody's in use.
  const bool has_log =
      absl::IsResourceExhausted(status) ? HasLog(path) : std::filesystem::exists(path + "-wal", error);
  if ((cannot_open || absl::IsResourceExhausted(status)) && !has_log) {
    auto immutable = Connection::Open(path, OpenMode::kImmutable);
    if (immutable.ok() && (*immutable)->Execute("SELECT count(*) FROM sqlite_schema").ok()) return immutable;
  }
  if (!status.ok()) return status;
  return connection;
}

}  // namespace

absl::StatusOr<std::string> CanonicalPath(const std::string& path, bool create) {
  if (path.empty()) return absl::InvalidArgumentError("the database path is empty");
  std::error_code error;
  // Made absolute first: a relative path to nothing yet stays relative, and then has no folder.
  const std::filesystem::path canonical =
      std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  if (error) return absl::FailedPreconditionError(absl::StrCat("cannot open ", path, ": ", error.message()));
  if (std::filesystem::is_directory(canonical, error)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is a directory, not a database file"));
  }
  if (std::filesystem::exists(canonical, error)) {
    if (std::filesystem::is_regular_file(canonical, error)) return canonical.string();
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is a pipe, a socket or a device, not a database file: name another one"));
  }
  if (!create) return absl::NotFoundError(absl::StrCat("no database file ", path));
  if (!std::filesystem::is_directory(canonical.parent_path(), error)) {
    return absl::NotFoundError(absl::StrCat("there is no folder ", canonical.parent_path().string(), " for ",
                                            path, ": make it first, or check the spelling"));
  }
  return canonical.string();
}

bool HasLog(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path + "-wal", error);
  return !error && bytes > 0;
}

absl::Status CheckLog(const std::string& path, bool log_was_left) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  const bool is_there = !error && bytes > 0;
  if (HasLog(path)) {
    if (!is_there) {
      return absl::FailedPreconditionError(absl::StrCat(
          path, " is missing or empty, but its write-ahead log ", path,
          "-wal is there and may hold what was written last: put the file back beside it, or remove ", path,
          "-wal to begin an empty database"));
    }
    // A file gets its log after its header says so. One whose header does not was put in the place of
    // another.
    if (!IsInWalMode(path)) {
      return absl::FailedPreconditionError(absl::StrCat(
          path, " has been replaced (by a backup?) while the write-ahead log of the file before it, ", path,
          "-wal, was left: the two do not belong together. Remove ", path, "-wal and ", path, "-shm to open ",
          path, " as it stands"));
    }
    return absl::OkStatus();
  }
  if (log_was_left && is_there && IsInWalMode(path) && !std::filesystem::exists(path + "-wal", error)) {
    return absl::DataLossError(absl::StrCat(
        path, " was not closed in order, and its write-ahead log ", path,
        "-wal, which may hold what was written last, is gone: put it back beside the file, or remove ", path,
        ".lock to go on without it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Connection>> OpenWriter(const std::string& path, Durability durability,
                                                       std::int64_t cache_bytes, bool page_checksums) {
  ASSIGN_OR_RETURN(auto connection, Connection::Open(path, OpenMode::kCreate));
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (page_checksums && !error && bytes == 0) BeginPageChecksums(connection->handle());
  // The page size counts only in a new file. 16 KiB pages hold several chunks each, 4 KiB pages few with
  // waste.
  const std::string settings = absl::StrCat(
      "PRAGMA page_size = 16384; PRAGMA foreign_keys = ON; PRAGMA secure_delete = OFF; PRAGMA synchronous = ",
      durability == Durability::kFull ? "FULL" : "NORMAL", "; PRAGMA cache_size = ", -(cache_bytes >> 10),
      "; PRAGMA busy_timeout = 10000; PRAGMA journal_size_limit = 67108864");
  RETURN_IF_ERROR(connection->Execute(settings));
  // SQLite opens a file that it may not write for reading, and says so at the first write only.
  if (sqlite3_db_readonly(connection->handle(), "main") == 1) {
    return StatusFromCode(SQLITE_READONLY, 0, "", path);
  }
  // Refuse somebody else's file before changing its journal mode.
  RETURN_IF_ERROR(ReadSchemaVersion(*connection).status());
  RETURN_IF_ERROR(connection->Execute("PRAGMA journal_mode = WAL"));
  RETURN_IF_ERROR(Migrate(*connection));
  RETURN_IF_ERROR(AddDeclaredFunction(*connection));
  return connection;
}

absl::StatusOr<std::unique_ptr<Connection>> OpenReader(const std::string& path) {
  ASSIGN_OR_RETURN(auto connection, OpenForReading(path));
  RETURN_IF_ERROR(
      connection->Execute("PRAGMA query_only = ON; PRAGMA cache_size = -8000; PRAGMA busy_timeout = 10000"));
  RETURN_IF_ERROR(AddDeclaredFunction(*connection));
  return connection;
}

absl::Status CheckReadable(const std::string& path) {
  RETURN_IF_ERROR(CheckLog(path, false));
  ASSIGN_OR_RETURN(auto connection, OpenForReading(path));
  auto version = ReadSchemaVersion(*connection);
  if (!version.ok()) return version.status();
  if (*version == CurrentSchemaVersion()) return absl::OkStatus();
  if (*version == 0) return absl::FailedPreconditionError(absl::StrCat(path, " is empty: it holds no study"));
  return absl::FailedPreconditionError(absl::StrCat(path, " has the older schema version ", *version,
                                                    ": open it once for writing to bring it up to date"));
}

}  // namespace sextant::storage::sqlite
