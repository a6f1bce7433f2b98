#include "clients/importers/import.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/csv.h"
#include "clients/importers/emit.h"
#include "clients/importers/run_csv.h"
#include "clients/importers/run_jsonl.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

struct Format {
  const char* name;
  absl::Status (*read)(ByteSource*, Emitter&);
};

const std::vector<Format>& Formats() {
  static const auto* formats = new std::vector<Format>{{"csv", &ReadRunCsv}, {"jsonl", &ReadRunJsonl}};
  return *formats;
}

struct Detection {
  std::string format;  // empty: unknown
  std::string why;
};

Detection Detect(std::string_view head) {
  head = WithoutByteOrderMark(head);
  if (head.find('\0') != std::string_view::npos) return {"", "it holds binary data"};
  const std::string_view text = Trim(head);
  if (text.empty()) return {"", "it is empty"};
  if (text.front() == '{') return {"jsonl", "its first line opens a JSON object"};
  const std::string_view first = text.substr(0, text.find('\n'));
  if (first.find_first_of(",;\t") != std::string_view::npos)
    return {"csv", "its first line is a header with columns"};
  return {"", "its first line is neither a CSV header nor a JSON object"};
}

}  // namespace

std::vector<std::string> FormatNames() {
  std::vector<std::string> names;
  for (const Format& format : Formats()) names.emplace_back(format.name);
  return names;
}

absl::StatusOr<FileReport> ImportFile(const std::string& path, const ImportOptions& options, RunSink& sink) {
  auto source = ByteSource::Open(path);
  if (!source.ok()) return source.status();
  (*source)->CountInto(options.bytes_read);
  Emitter emitter(options, (*source)->name(), sink);
  emitter.report().format = options.format;
  emitter.report().why = "as asked";
  if (options.format == "auto") {
    const auto head = (*source)->Head();
    if (!head.ok()) return head.status();
    Detection detected = Detect(*head);
    if (detected.format.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot tell the format of ", emitter.source(), ": ", detected.why));
    }
    emitter.report().format = std::move(detected.format);
    emitter.report().why = std::move(detected.why);
  }
  for (const Format& format : Formats()) {
    if (emitter.report().format != format.name) continue;
    if (absl::Status read = format.read(source->get(), emitter); !read.ok()) return read;
    return emitter.report();
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no format ", Quoted(options.format)));
}

}  // namespace sextant::importers
