// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/file_lock.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "storage/sqlite/sql/error.h"

namespace sextant::storage::sqlite {
namespace {

constexpr char kLogMark[] = " log";

std::string Read(int descriptor) {
  char text[64];
  const ssize_t length = pread(descriptor, text, sizeof(text), 0);
  return {text, length > 0 ? static_cast<std::size_t>(length) : 0};
}

// "process 1234", or "another process" when the holder has not written its id yet.
std::string Holder(int descriptor) {
  std::string digits;
  for (const char c : Read(descriptor)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) break;
    digits += c;
  }
  return digits.empty() ? "another process" : "another process (pid " + digits + ")";
}

}  // namespace

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& database_path) {
  const std::string path = database_path + ".lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return StatusFromCode(SQLITE_CANTOPEN, errno, std::strerror(errno), path);
  FileLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return absl::FailedPreconditionError(absl::StrCat(
          database_path, " is in use by ", Holder(descriptor),
          ": talk to the server that has it open with --server HOST:PORT, or stop that process"));
    }
    return absl::InternalError(absl::StrCat("cannot lock ", path, ": ", std::strerror(errno)));
  }
  lock.log_was_left_ = absl::StrContains(Read(descriptor), kLogMark);
  // The mark of the holder before stays until this one has opened the file.
  if (!lock.log_was_left_) lock.MarkLog(false);
  return lock;
}

void FileLock::MarkLog(bool is_there) {
  // Only messages get poorer when this fails: a full disk must not keep a store from opening.
  const std::string text = absl::StrCat(getpid(), is_there ? kLogMark : "", "\n");
  if (ftruncate(descriptor_, 0) == 0 && pwrite(descriptor_, text.data(), text.size(), 0) < 0) errno = 0;
}

FileLock::FileLock(FileLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), log_was_left_(other.log_was_left_) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace sextant::storage::sqlite
