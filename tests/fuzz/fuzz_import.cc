// SPDX-License-Identifier: Apache-2.0
// Any bytes, to the reader of one format (SEXTANT_FUZZ_FORMAT), or to the one that detection chooses
// ("auto").
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "clients/importers/format.h"
#include "clients/importers/import.h"
#include "clients/importers/log/record_stream.h"

namespace {

using sextant::importers::ImportInput;
using sextant::importers::ImportOptions;
using sextant::importers::Input;

class NullSink : public sextant::importers::RunSink {
 public:
  absl::Status AddRun(sextant::importers::ImportedRun) override { return absl::OkStatus(); }
  void AddReject(sextant::importers::Reject) override {}
  void AddNote(const std::string&, const std::string&) override {}
};

constexpr std::string_view kFormat = SEXTANT_FUZZ_FORMAT;

// A folder of this process, for formats that are read from paths.
const std::string& Folder() {
  static const auto* folder = [] {
    std::string pattern = (std::filesystem::temp_directory_path() / "sextant-fuzz-XXXXXX").string();
    const auto* made = new std::string(mkdtemp(pattern.data()));
    std::atexit([] { std::filesystem::remove_all(Folder()); });
    return made;
  }();
  return *folder;
}

void WriteFile(const std::string& path, std::string_view bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::uint64_t LoadInteger(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void AppendInteger(std::uint64_t value, int bytes, std::string* out) {
  for (int i = 0; i < bytes; ++i) *out += static_cast<char>(value >> (8 * i));
}

// Event files with lengths that fit and checksums that are right: mutations seldom keep them so, and what
// lies behind the framing would hardly be reached.
std::string RepairedEvents(std::string_view bytes) {
  constexpr std::size_t kFraming = 16;
  std::string out;
  while (bytes.size() >= kFraming) {
    const std::size_t length =
        std::min<std::uint64_t>(LoadInteger(bytes.substr(0, 8)), bytes.size() - kFraming);
    const std::string_view payload = bytes.substr(12, length);
    std::string size;
    AppendInteger(length, 8, &size);
    out += size;
    AppendInteger(sextant::importers::MaskedCrc32c(size), 4, &out);
    out += payload;
    AppendInteger(sextant::importers::MaskedCrc32c(payload), 4, &out);
    bytes.remove_prefix(kFraming + length);
  }
  return out.append(bytes);
}

// The same of W&B's log.
std::string RepairedWandb(std::string_view bytes) {
  constexpr std::size_t kMagic = 7, kHeader = 7, kBlock = 32768;
  std::string out(bytes.substr(0, kMagic));
  bytes.remove_prefix(out.size());
  while (bytes.size() >= kHeader) {
    const std::size_t left = kBlock - out.size() % kBlock;
    if (left < kHeader) {
      out.append(left, '\0');
      bytes.remove_prefix(std::min(left, bytes.size()));
      continue;
    }
    const std::size_t length = std::min(
        {static_cast<std::size_t>(LoadInteger(bytes.substr(4, 2))), left - kHeader, bytes.size() - kHeader});
    const std::string_view body = bytes.substr(6, 1 + length);  // type and data
    AppendInteger(crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())), 4,
                  &out);
    AppendInteger(length, 2, &out);
    out += body;
    bytes.remove_prefix(kHeader + length);
  }
  return out.append(bytes);
}

// Gives the bytes to the reader as a file that can be read twice.
void ImportBytes(std::string_view bytes, const ImportOptions& options) {
  NullSink sink;
  Input input;
  const int fd = memfd_create("import", 0);
  if (write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
      lseek(fd, 0, SEEK_SET) == 0) {
    input.path = "/proc/self/fd/" + std::to_string(fd);
    (void)ImportInput(input, options, sink);
  }
  close(fd);
}

// meta.yaml and a metric's file are parted by the first zero byte.
Input MlflowFolder(std::string_view bytes) {
  const std::size_t end = bytes.find('\0');
  WriteFile(Folder() + "/meta.yaml", bytes.substr(0, end));
  WriteFile(Folder() + "/metrics/train/loss", end == std::string_view::npos ? "" : bytes.substr(end + 1));
  Input input;
  input.path = Folder();
  input.format = "mlflow";
  return input;
}

// params.yaml and a metric's table are parted by the first zero byte.
Input DvcLiveFolder(std::string_view bytes) {
  const std::size_t end = bytes.find('\0');
  WriteFile(Folder() + "/params.yaml", bytes.substr(0, end));
  WriteFile(Folder() + "/plots/metrics/train/loss.tsv",
            end == std::string_view::npos ? "" : bytes.substr(end + 1));
  Input input;
  input.path = Folder();
  input.format = "dvclive";
  input.settings = Folder() + "/params.yaml";
  return input;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ImportOptions options;
  options.format = std::string(kFormat);
  options.set = {{"params_total", "1e6"}, {"tokens", "1e9"}};
  NullSink sink;
  if (kFormat == "mlflow") {
    (void)ImportInput(MlflowFolder(bytes), options, sink);
    return 0;
  }
  if (kFormat == "dvclive") {
    (void)ImportInput(DvcLiveFolder(bytes), options, sink);
    return 0;
  }
  Input input;
  const sextant::importers::Format* format = sextant::importers::FindFormat(kFormat);
  if (format != nullptr && format->read == nullptr) {  // a database
    input.path = Folder() + "/store.db";
    WriteFile(input.path, bytes);
    (void)ImportInput(input, options, sink);
    return 0;
  }
  ImportBytes(bytes, options);
  if (kFormat == "tensorboard") ImportBytes(RepairedEvents(bytes), options);
  if (kFormat == "wandb") ImportBytes(RepairedWandb(bytes), options);
  return 0;
}
