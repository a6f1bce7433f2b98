#include "clients/trainer/report/record_file.h"

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

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
    out->file_ = stdout;
    return out;
  }
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    uint64_t whole_bytes = 0;
    if (absl::Status status = Scan(path, &out->finished_, &whole_bytes); !status.ok()) return status;
    std::filesystem::resize_file(path, whole_bytes, error);
    if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  }
  out->file_ = std::fopen(path.c_str(), "ab");
  if (out->file_ == nullptr) return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
  return out;
}

RecordFile::~RecordFile() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

absl::Status RecordFile::Append(const std::vector<RunRecord>& records) {
  for (const RunRecord& record : records) {
    const std::string line = ToJson(record) + "\n";
    if (std::fwrite(line.data(), 1, line.size(), file_) != line.size()) {
      return absl::UnavailableError(absl::StrCat(path_, ": cannot be written: ", std::strerror(errno)));
    }
  }
  // A pipe cannot be synced, a file must be: a line that was announced survives a power cut.
  if (std::fflush(file_) != 0 || (file_ != stdout && fsync(fileno(file_)) != 0)) {
    return absl::UnavailableError(absl::StrCat(path_, ": cannot be written: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace sextant::trainer
