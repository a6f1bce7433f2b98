// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/report/record_file.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/status_macros.h"

namespace sextant::trainer {
namespace {

constexpr char kStart[] = "{\"run_id\":\"";

// Ids of the whole lines of `path`, and the length up to the last line break.
absl::Status Scan(const std::string& path, std::set<std::string>* ids, uint64_t* whole_bytes) {
  std::ifstream in(path, std::ios::binary);
  std::string line;
  *whole_bytes = 0;
  for (int number = 1; std::getline(in, line); ++number) {
    if (in.eof()) break;  // no line break: a kill came in between
    if (line.compare(0, sizeof(kStart) - 1, kStart) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": line ", number, " is not a run that sextant-train wrote; name another file"));
    }
    const size_t end = line.find('"', sizeof(kStart) - 1);
    ids->insert(line.substr(sizeof(kStart) - 1, end - (sizeof(kStart) - 1)));
    *whole_bytes += line.size() + 1;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordFile>> RecordFile::Open(const std::string& path) {
  std::unique_ptr<RecordFile> out(new RecordFile(path));
  if (path == "-") {
    out->descriptor_ = STDOUT_FILENO;
    return out;
  }
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    uint64_t whole_bytes = 0;
    RETURN_IF_ERROR(Scan(path, &out->finished_, &whole_bytes));
    std::filesystem::resize_file(path, whole_bytes, error);
    if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  }
  out->descriptor_ = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (out->descriptor_ < 0) return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
  return out;
}

RecordFile::~RecordFile() {
  if (descriptor_ > STDOUT_FILENO) close(descriptor_);
}

absl::Status RecordFile::Append(const std::vector<RunRecord>& records) {
  std::string lines;
  for (const RunRecord& record : records) lines += ToJson(record) + "\n";
  const bool is_file = descriptor_ != STDOUT_FILENO;
  const off_t before = is_file ? lseek(descriptor_, 0, SEEK_END) : 0;
  // One write: a kill finds all of a pack's runs or none, so that the pack is never trained again in part,
  // where products over fewer runs would add in another order.
  size_t written = 0;
  while (written < lines.size()) {
    const ssize_t count = write(descriptor_, lines.data() + written, lines.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += static_cast<size_t>(count);
  }
  // A pipe cannot be synced, a file must be: a line that was announced survives a power cut.
  if (written < lines.size() || (is_file && fsync(descriptor_) != 0)) {
    const std::string reason = std::strerror(errno);
    if (is_file && ftruncate(descriptor_, before) != 0)
      return absl::DataLossError(absl::StrCat(path_, ": ", reason));
    return absl::UnavailableError(absl::StrCat(path_, ": cannot be written: ", reason));
  }
  return absl::OkStatus();
}

}  // namespace sextant::trainer
