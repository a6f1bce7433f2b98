// Any bytes, to the reader of one format (SEXTANT_FUZZ_FORMAT), or to the one that detection chooses
// ("auto").
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "clients/importers/import.h"

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
  Input input;
  if (kFormat == "mlflow-sqlite" || kFormat == "optuna") {
    input.path = Folder() + "/store.db";
    WriteFile(input.path, bytes);
    (void)ImportInput(input, options, sink);
    return 0;
  }
  const int fd = memfd_create("import", 0);
  if (write(fd, bytes.data(), size) == static_cast<ssize_t>(size) && lseek(fd, 0, SEEK_SET) == 0) {
    input.path = "/proc/self/fd/" + std::to_string(fd);
    (void)ImportInput(input, options, sink);
  }
  close(fd);
  return 0;
}
