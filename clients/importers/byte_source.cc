// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

absl::Status ErrnoStatus(int error, const std::string& name, const char* what) {
  const std::string message = absl::StrCat(what, " ", name, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnknownError(message);
}

/// What was looked at of standard input, for the source that is opened on it next.
std::string& PeekedInput() {
  static std::string peeked;
  return peeked;
}

}  // namespace

ByteSource::ByteSource(int fd, std::string path)
    : fd_(fd), path_(std::move(path)), name_(path_ == "-" ? "stdin" : Printable(path_)) {}

ByteSource::~ByteSource() {
  if (fd_ > STDERR_FILENO) close(fd_);
}

absl::StatusOr<std::unique_ptr<ByteSource>> ByteSource::Open(const std::string& path) {
  const std::string name = Printable(path);
  const int fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, name, "cannot open");
  auto source = std::unique_ptr<ByteSource>(new ByteSource(fd, path));
  struct stat info;
  if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(name, " is a directory, not a file"));
  }
  if (path == "-" && !PeekedInput().empty()) {
    source->head_ = std::exchange(PeekedInput(), {});
    source->head_read_ = true;
  }
  return source;
}

absl::StatusOr<std::string> PeekLine(const std::string& path) {
  auto source = ByteSource::Open(path);
  if (!source.ok()) return source.status();
  const auto head = (*source)->Head();
  if (!head.ok()) return head.status();
  const std::string line(head->substr(0, head->find('\n')));
  if (path == "-") PeekedInput() = std::string(*head);
  return line;
}

absl::StatusOr<std::size_t> ByteSource::ReadFd(char* buffer, std::size_t bytes) {
  while (true) {
    const ssize_t got = read(fd_, buffer, bytes);
    if (got >= 0) {
      if (count_ != nullptr) *count_ += got;
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR) return ErrnoStatus(errno, name_, "cannot read");
  }
}

absl::StatusOr<std::string_view> ByteSource::Head() {
  if (!head_read_) {
    head_.resize(kHeadBytes);
    std::size_t filled = 0;
    while (filled < head_.size()) {
      const auto got = ReadFd(head_.data() + filled, head_.size() - filled);
      if (!got.ok()) return got.status();
      if (*got == 0) break;
      filled += *got;
    }
    head_.resize(filled);
    head_read_ = true;
  }
  return std::string_view(head_);
}

absl::StatusOr<std::vector<std::string>> ByteSource::Pieces() {
  std::vector<std::string> pieces;
  struct stat info;
  if (head_.size() < kHeadBytes || fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) return pieces;
  const auto behind = static_cast<std::int64_t>(info.st_size) - static_cast<std::int64_t>(head_.size());
  const auto piece = static_cast<std::int64_t>(kPieceBytes);
  const std::int64_t count = std::clamp<std::int64_t>((behind + piece - 1) / piece, 0, kPieces);
  for (std::int64_t i = 0; i < count; ++i) {
    // Evenly spread, the last up to the end of the file.
    const std::int64_t from =
        behind <= piece ? 0 : (behind - piece) * i / std::max<std::int64_t>(count - 1, 1);
    std::string bytes(kPieceBytes, '\0');
    const auto at = static_cast<off_t>(from + static_cast<std::int64_t>(head_.size()));
    const ssize_t got = pread(fd_, bytes.data(), bytes.size(), at);
    if (got < 0) return ErrnoStatus(errno, name_, "cannot read");
    bytes.resize(static_cast<std::size_t>(got));
    pieces.push_back(std::move(bytes));
  }
  return pieces;
}

absl::StatusOr<std::size_t> ByteSource::Read(char* buffer, std::size_t bytes) {
  if (head_used_ < head_.size()) {
    const std::size_t taken = std::min(bytes, head_.size() - head_used_);
    std::memcpy(buffer, head_.data() + head_used_, taken);
    head_used_ += taken;
    return taken;
  }
  return ReadFd(buffer, bytes);
}

absl::Status ByteSource::Seek(std::int64_t offset) {
  if (lseek(fd_, offset, SEEK_SET) < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(name_, " cannot be read twice: give a file, not a pipe"));
  }
  head_used_ = head_.size();
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadWhole(ByteSource* source, std::size_t max_bytes) {
  std::string text;
  std::string block(kHeadBytes, '\0');
  while (true) {
    const auto got = source->Read(block.data(), block.size());
    if (!got.ok()) return got.status();
    if (*got == 0) return text;
    if (text.size() + *got > max_bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(source->name(), " is larger than ", max_bytes, " bytes"));
    }
    text.append(block, 0, *got);
  }
}

}  // namespace sextant::importers
