#include "clients/cli/commands/output_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace sextant::cli {
namespace {

// Gives the file its name unless that is taken. Some file systems know no such rename: there the name is
// looked at first.
int Publish(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  std::error_code error;
  if (std::filesystem::exists(to, error)) return EEXIST;
  return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

std::string AdviceFor(int error) {
  switch (error) {
    case EEXIST:
      return "it goes to a new file";
    case ENOSPC:
    case EDQUOT:
      return "nothing is left of it; free space there, or write to another disk";
    case EFBIG:
      return "nothing is left of it; raise the limit on file sizes (`ulimit -f`)";
    default:
      return {};
  }
}

}  // namespace

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)), partial_(path_ + ".partial-" + std::to_string(getpid())) {
  std::error_code none;
  if (is_stdout()) {
    file_ = stdout;
  } else if (std::filesystem::exists(std::filesystem::symlink_status(path_, none))) {
    error_ = EEXIST;
  } else if ((file_ = std::fopen(partial_.c_str(), "wbx")) == nullptr) {
    error_ = errno;
  }
}

OutputFile::~OutputFile() {
  if (is_stdout() || file_ == nullptr) return;
  std::fclose(file_);
  std::remove(partial_.c_str());
}

void OutputFile::Write(const std::string& bytes) {
  if (ok() && std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) error_ = errno;
}

bool OutputFile::Finish() {
  if (ok() && std::fflush(file_) != 0) error_ = errno;
  if (ok() && !is_stdout() && fsync(fileno(file_)) != 0) error_ = errno;
  return ok();
}

int OutputFile::Close(const Session& session) {
  if (Finish() && !is_stdout()) {
    error_ = Publish(partial_, path_);
    if (ok()) std::fclose(std::exchange(file_, nullptr));
  }
  if (ok()) return kExitOk;
  return session.Fail(
      {kExitLocal, "cannot write " + Safe(path_) + ": " + std::strerror(error_), {}, AdviceFor(error_)});
}

}  // namespace sextant::cli
