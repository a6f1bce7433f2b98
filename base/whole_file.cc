// SPDX-License-Identifier: Apache-2.0
#include "base/whole_file.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace sextant {

std::string PartialName(const std::string& path) { return absl::StrCat(path, ".partial-", getpid()); }

int PublishFile(const std::string& partial, const std::string& path, Existing existing) {
  if (existing == Existing::kKeep) {
    if (renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    std::error_code none;
    if (std::filesystem::exists(path, none)) return EEXIST;
  }
  return std::rename(partial.c_str(), path.c_str()) == 0 ? 0 : errno;
}

WholeFile::WholeFile(std::string path, Existing existing)
    : path_(std::move(path)), partial_(PartialName(path_)), existing_(existing) {
  std::error_code none;
  if (existing == Existing::kKeep && std::filesystem::exists(std::filesystem::symlink_status(path_, none))) {
    error_ = EEXIST;
  } else if ((file_ = std::fopen(partial_.c_str(), existing == Existing::kKeep ? "wbx" : "wb")) == nullptr) {
    error_ = errno;
  }
}

WholeFile::~WholeFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(partial_.c_str());
}

void WholeFile::Write(std::string_view bytes) {
  if (error_ == 0 && std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) error_ = errno;
}

bool WholeFile::Finish() {
  if (error_ == 0 && (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0)) error_ = errno;
  return error_ == 0;
}

bool WholeFile::Publish() {
  if (Finish()) error_ = PublishFile(partial_, path_, existing_);
  if (error_ == 0) std::fclose(std::exchange(file_, nullptr));
  return error_ == 0;
}

absl::Status ReplaceFile(const std::string& path, std::string_view bytes) {
  WholeFile file(path, Existing::kReplace);
  file.Write(bytes);
  if (file.Publish()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path, ": cannot be written: ", std::strerror(file.error())));
}

}  // namespace sextant
