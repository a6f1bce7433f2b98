// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/file_lock.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "storage/sqlite/sql/error.h"

namespace sextant::storage::sqlite {
namespace {

constexpr char kLogMark[] = " log";
// Far behind the last byte of the largest database and the ones that SQLite locks (its file format, 1.2 and
// 2.3.1).
constexpr off_t kHeldByte = off_t{1} << 62;

using FileId = std::pair<dev_t, ino_t>;

// The databases that this process holds. It must not open one again by itself: closing any descriptor of a
// file ends the locks that SQLite has on it in this process (fcntl(2), "record locks").
class HeldFiles {
 public:
  bool Add(const FileId& id) {
    const std::lock_guard lock(mutex_);
    return held_.insert(id).second;
  }
  void Remove(const FileId& id) {
    const std::lock_guard lock(mutex_);
    held_.erase(id);
  }
  static HeldFiles& OfProcess() {
    static HeldFiles files;
    return files;
  }

 private:
  std::mutex mutex_;
  std::set<FileId> held_;  // guarded by mutex_
};

absl::Status InUse(const std::string& database_path, const std::string& holder) {
  return absl::FailedPreconditionError(
      absl::StrCat(database_path, " is in use by ", holder,
                   ": talk to the server that has it open with --server HOST:PORT, or stop that process"));
}

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
      return InUse(database_path, Holder(descriptor));
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

absl::Status FileLock::HoldFile(const std::string& database_path, bool create) {
  if (held_ != FileId{}) return absl::OkStatus();
  struct stat status {};
  if (stat(database_path.c_str(), &status) == 0) {
    if (!HeldFiles::OfProcess().Add({status.st_dev, status.st_ino}))
      return InUse(database_path, "this process");
    held_ = {status.st_dev, status.st_ino};
  } else if (!create) {
    return absl::OkStatus();
  }
  // A new database is its owner's alone. What else is wrong is said when SQLite opens it.
  file_ = open(database_path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), S_IRUSR | S_IWUSR);
  if (file_ < 0) return absl::OkStatus();
  if (held_ == FileId{} && fstat(file_, &status) == 0) {
    held_ = {status.st_dev, status.st_ino};
    HeldFiles::OfProcess().Add(held_);
  }
  struct flock byte {};
  byte.l_type = F_WRLCK;
  byte.l_whence = SEEK_SET;
  byte.l_start = kHeldByte;
  byte.l_len = 1;
  // File systems without such locks have the sidecar alone.
  if (fcntl(file_, F_OFD_SETLK, &byte) != 0 && (errno == EAGAIN || errno == EACCES))
    return InUse(database_path, "another process");
  return absl::OkStatus();
}

FileLock::FileLock(FileLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      file_(std::exchange(other.file_, -1)),
      held_(std::exchange(other.held_, {})),
      log_was_left_(other.log_was_left_) {}

void FileLock::LetFileGo() {
  if (file_ >= 0) close(file_);
  file_ = -1;
  if (held_ != FileId{}) HeldFiles::OfProcess().Remove(held_);
  held_ = {};
}

FileLock::~FileLock() {
  LetFileGo();
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace sextant::storage::sqlite
