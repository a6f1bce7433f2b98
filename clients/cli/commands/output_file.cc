// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/output_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "clients/cli/output/quantity.h"

namespace sextant::cli {
namespace {

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

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  if (path_ == "-") return;
  file_.emplace(path_, Existing::kKeep);
  // It holds what a database holds: its owner alone may read it. It is empty so far.
  chmod(PartialName(path_).c_str(), S_IRUSR | S_IWUSR);
}

void NoteWritten(const Session& session, const std::string& path) {
  if (path == "-") return;
  std::error_code error;
  std::uintmax_t bytes = 0;
  if (std::filesystem::is_directory(path, error)) {
    for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
      if (entry.is_regular_file(error)) bytes += entry.file_size(error);
    }
  } else {
    bytes = std::filesystem::file_size(path, error);
  }
  session.Note("wrote " + Safe(path) + " (" + FormatCount(static_cast<double>(bytes), 3) + "B)");
}

void OutputFile::Write(const std::string& bytes) {
  if (file_) {
    file_->Write(bytes);
  } else if (ok() && std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) {
    stdout_error_ = errno;
  }
}

bool OutputFile::Finish() {
  if (file_) return file_->Finish();
  if (ok() && std::fflush(stdout) != 0) stdout_error_ = errno;
  return ok();
}

int OutputFile::Close(const Session& session) {
  if (Finish() && file_) file_->Publish();
  if (ok()) return kExitOk;
  return session.Fail(
      {kExitLocal, "cannot write " + Safe(path_) + ": " + std::strerror(error()), {}, AdviceFor(error())});
}

}  // namespace sextant::cli
