// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/renew_checksums.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/status_macros.h"
#include "base/whole_file.h"
#include "storage/sqlite/file/care.h"
#include "storage/sqlite/file/schema.h"
#include "storage/sqlite/sql/checked_vfs.h"
#include "storage/sqlite/sql/connection.h"
#include "storage/sqlite/sql/error.h"
#include "storage/sqlite/sql/page_checksum.h"

namespace sextant::storage::sqlite {
namespace {

absl::Status RenewalFailed(const std::string& path, int error) {
  return StatusFromCode(SQLITE_IOERR_WRITE, error, std::strerror(error), path);
}

// Checks it, and folds its log into it. Pages that this writes are stamped, if the file's are.
absl::Status Settle(const std::string& path) {
  ASSIGN_OR_RETURN(auto connection, Connection::Open(path, OpenMode::kReadWrite));
  IgnorePageChecksums(connection->handle());
  RETURN_IF_ERROR(ReadSchemaVersion(*connection).status());
  RETURN_IF_ERROR(CheckPages(*connection));
  return Checkpoint(*connection);
}

// A copy with room for checksums in its pages, and none in it. One of a file that has room has as much.
absl::Status CopyWithRoom(const std::string& path, const std::string& copy) {
  ASSIGN_OR_RETURN(auto connection, Connection::Open(path, OpenMode::kUnchecked));
  BeginPageChecksums(connection->handle());
  ASSIGN_OR_RETURN(auto statement, connection->Prepare("VACUUM INTO ?1"));
  return statement.Next(std::string_view(copy)).Run();
}

// Stamps each page, and brings the file to the disk with the owner and rights of the one it replaces.
absl::Status StampFile(const std::string& copy, const std::string& path) {
  const int file = open(copy.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return RenewalFailed(copy, errno);
  const absl::Cleanup close_it = [file] { close(file); };
  struct stat rights {};
  if (stat(path.c_str(), &rights) != 0 || fchmod(file, rights.st_mode & 07777) != 0) {
    return RenewalFailed(copy, errno);
  }
  if (fchown(file, rights.st_uid, rights.st_gid) != 0) errno = 0;  // its maker's, where that is not allowed
  std::vector<std::uint8_t> page(100);
  if (pread(file, page.data(), page.size(), 0) != static_cast<ssize_t>(page.size())) {
    return RenewalFailed(copy, errno);
  }
  const PageLayout layout = LayoutOf(page);
  if (!layout.has_checksums) return absl::InternalError(absl::StrCat(copy, " has no room for checksums"));
  page.resize(static_cast<std::size_t>(layout.page_bytes));
  for (std::uint32_t number = 1;; ++number) {
    const off_t at = static_cast<off_t>(number - 1) * layout.page_bytes;
    const ssize_t length = pread(file, page.data(), page.size(), at);
    if (length == 0) break;
    if (length != static_cast<ssize_t>(page.size())) return RenewalFailed(copy, errno);
    StampPage(page, number);
    if (pwrite(file, page.data(), page.size(), at) != length) return RenewalFailed(copy, errno);
  }
  return fsync(file) == 0 ? absl::OkStatus() : RenewalFailed(copy, errno);
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int descriptor = open(folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return RenewalFailed(folder, errno);
  const absl::Cleanup close_it = [descriptor] { close(descriptor); };
  return fsync(descriptor) == 0 ? absl::OkStatus() : RenewalFailed(folder, errno);
}

}  // namespace

absl::Status RenewChecksums(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) || std::filesystem::file_size(path, error) == 0) {
    return absl::OkStatus();
  }
  const std::string copy = PartialName(path);
  std::filesystem::remove(copy, error);
  const absl::Cleanup remove_it = [&copy] {
    std::error_code ignored;
    std::filesystem::remove(copy, ignored);
  };
  RETURN_IF_ERROR(Settle(path));
  RETURN_IF_ERROR(CopyWithRoom(path, copy));
  RETURN_IF_ERROR(StampFile(copy, path));
  if (const int failed = PublishFile(copy, path, Existing::kReplace); failed != 0) {
    return RenewalFailed(path, failed);
  }
  return SyncFolderOf(path);
}

}  // namespace sextant::storage::sqlite
