// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/file_watch.h"

#include <absl/strings/str_cat.h>
#include <sys/stat.h>

#include <utility>

#include "base/status_macros.h"
#include "storage/fault.h"

namespace sextant::storage::sqlite {
namespace {

absl::Status Replaced(const std::string& what, const std::string& remedy) {
  return WithFault(
      absl::FailedPreconditionError(absl::StrCat(
          what, " while it was open: writes are refused, since nobody would find them again. ", remedy)),
      kFaultReplaced);
}

}  // namespace

FileWatch::FileWatch(std::string path) : path_(std::move(path)) { has_file_ = Look(path_, file_); }

bool FileWatch::Look(const std::string& path, Identity& identity) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return false;
  identity = {status.st_dev, status.st_ino, status.st_size};
  return true;
}

absl::Status FileWatch::CheckFile() {
  Identity now;
  const bool is_there = Look(path_, now);
  const std::lock_guard lock(mutex_);
  if (!has_file_) return absl::OkStatus();  // never seen: the store says itself what is wrong
  if (!is_there || !(now == file_)) {
    return Replaced(absl::StrCat(path_, is_there ? " was replaced" : " was removed or renamed"),
                    "Save what is still open with `sextant --server HOST:PORT backup FILE` (or put the file "
                    "back in its place), then stop the server and start it again");
  }
  // In WAL mode a file only grows, as long as nobody else touches it.
  if (now.bytes < file_.bytes) {
    return Replaced(absl::StrCat(path_, " was cut short from ", file_.bytes, " to ", now.bytes, " bytes"),
                    "Stop the server and restore a backup");
  }
  file_.bytes = now.bytes;
  return absl::OkStatus();
}

absl::Status FileWatch::Check() {
  RETURN_IF_ERROR(CheckFile());
  Identity now;
  const bool is_there = Look(path_ + "-wal", now);
  const std::lock_guard lock(mutex_);
  if (has_log_ && (!is_there || !(now == log_))) {
    return Replaced(absl::StrCat("the write-ahead log ", path_, "-wal was removed or replaced"),
                    "What it held has been folded into the file where there was room; stop the server and "
                    "start it again");
  }
  if (is_there) log_ = now;
  has_log_ = has_log_ || is_there;
  return absl::OkStatus();
}

}  // namespace sextant::storage::sqlite
