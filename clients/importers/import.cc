#include "clients/importers/import.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/detect.h"
#include "clients/importers/emit.h"
#include "clients/importers/log/readers.h"
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
  static const auto* formats = new std::vector<Format>{{"csv", &ReadRunCsv},
                                                       {"jsonl", &ReadRunJsonl},
                                                       {"steplaw", &ReadStepLawCsv},
                                                       {"llmc-log", &ReadLlmcLog},
                                                       {"llmc-output", &ReadLlmcOutput},
                                                       {"nanogpt", &ReadNanoGpt},
                                                       {"megatron", &ReadMegatron},
                                                       {"trainer-state", &ReadTrainerState},
                                                       {"history-jsonl", &ReadHistoryJsonl},
                                                       {"step-csv", &ReadStepCsv},
                                                       {"wandb-chart", &ReadChartCsv},
                                                       {"wandb", &ReadWandbLog},
                                                       {"tensorboard", &ReadTensorBoard}};
  return *formats;
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
  if (!emitter.prototype_error().empty())
    return absl::InvalidArgumentError("--set: " + emitter.prototype_error());
  emitter.report().format = options.format;
  emitter.report().why = "as asked";
  if (options.format == "auto") {
    const auto head = (*source)->Head();
    if (!head.ok()) return head.status();
    Detection detected = DetectFormat(*head, !options.map.empty());
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
