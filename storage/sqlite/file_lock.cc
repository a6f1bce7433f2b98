#include "storage/sqlite/file_lock.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "storage/sqlite/error.h"

namespace sextant::storage::sqlite {
namespace {

// "process 1234", or "another process" when the holder has not written its id yet.
std::string Holder(int descriptor) {
  char text[32];
  const ssize_t length = pread(descriptor, text, sizeof(text), 0);
  std::string digits;
  for (ssize_t i = 0; i < length && absl::ascii_isdigit(static_cast<unsigned char>(text[i])); ++i) {
    digits += text[i];
  }
  return digits.empty() ? "another process" : "another process (pid " + digits + ")";
}

}  // namespace

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& database_path) {
  const std::string path = database_path + ".lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
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
  // The id only improves the message above; a full disk must not keep a store from opening.
  const std::string id = absl::StrCat(getpid(), "\n");
  if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, id.data(), id.size(), 0) < 0) errno = 0;
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace sextant::storage::sqlite
