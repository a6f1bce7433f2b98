// Any bytes, to every importer: detection first, then each reader as if the user had named it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "clients/importers/import.h"

namespace {

class NullSink : public sextant::importers::RunSink {
 public:
  absl::Status AddRun(sextant::importers::ImportedRun) override { return absl::OkStatus(); }
  void AddReject(sextant::importers::Reject) override {}
  void AddNote(const std::string&, const std::string&) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto* formats = new std::vector<std::string>(sextant::importers::FormatNames());
  if (size == 0) return 0;
  // The first byte chooses the reader, so that the corpus covers each.
  const std::size_t choice = data[0] % (formats->size() + 1);
  const int fd = memfd_create("import", 0);
  const bool written = write(fd, data + 1, size - 1) == static_cast<ssize_t>(size - 1);
  if (written && lseek(fd, 0, SEEK_SET) == 0) {
    sextant::importers::ImportOptions options;
    if (choice < formats->size()) options.format = (*formats)[choice];
    options.set = {{"params_total", "1e6"}, {"tokens", "1e9"}};
    NullSink sink;
    (void)sextant::importers::ImportFile("/proc/self/fd/" + std::to_string(fd), options, sink);
  }
  close(fd);
  return 0;
}
