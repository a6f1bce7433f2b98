#include "clients/importers/import.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/database/readers.h"
#include "clients/importers/detect.h"
#include "clients/importers/emit.h"
#include "clients/importers/log/readers.h"
#include "clients/importers/run_csv.h"
#include "clients/importers/run_jsonl.h"
#include "clients/importers/settings_yaml.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

// A format is read from a stream of bytes, or from a path: folders and databases.
struct Format {
  const char* name;
  absl::Status (*read)(ByteSource*, Emitter&);
  absl::Status (*read_path)(const Input&, Emitter&) = nullptr;
};

const std::vector<Format>& Formats() {
  static const auto* formats =
      new std::vector<Format>{{"csv", &ReadRunCsv},
                              {"jsonl", &ReadRunJsonl},
                              {"steplaw", &ReadStepLawCsv},
                              {"llmc-log", &ReadLlmcLog},
                              {"llmc-output", &ReadLlmcOutput},
                              {"nanogpt", &ReadNanoGpt},
                              {"megatron", &ReadMegatron},
                              {"trainer-state", &ReadTrainerState},
                              {"history-jsonl", &ReadHistoryJsonl},
                              {"tracker-metrics", &ReadTrackerMetrics},
                              {"step-csv", &ReadStepCsv},
                              {"wandb-chart", &ReadChartCsv},
                              {"wandb", &ReadWandbLog},
                              {"tensorboard", &ReadTensorBoard, &ReadTensorBoardFolder},
                              {"mlflow", nullptr, &ReadMlflowFolder},
                              {"mlflow-sqlite", nullptr, &ReadMlflowDatabase},
                              {"optuna", nullptr, &ReadOptunaDatabase}};
  return *formats;
}

// The format by layout, else by content; what the user asks for goes before both.
absl::StatusOr<Detection> FormatOf(const Input& input, const ImportOptions& options, ByteSource* source) {
  Detection detected{input.format, input.why};
  const bool asked = options.format != "auto";
  if (asked && !input.found && input.parts.empty()) return Detection{options.format, "as asked"};
  if (detected.format.empty() && source != nullptr) {
    const auto head = source->Head();
    if (!head.ok()) return head.status();
    detected = DetectFormat(*head, !options.map.empty() && !asked);
  }
  if (detected.format == kSqliteFormat) {
    auto kind = DatabaseKind(input.path);
    if (!kind.ok()) return kind.status();
    detected = *std::move(kind);
  }
  if (asked && detected.format != options.format)
    return Detection{"", absl::StrCat("not ", options.format, ", which was asked for")};
  if (input.found && !detected.sure && !asked)
    return Detection{"", "any table or JSON could be anything: name the file, or give --format"};
  return detected;
}

}  // namespace

std::vector<std::string> FormatNames() {
  std::vector<std::string> names;
  for (const Format& format : Formats()) names.emplace_back(format.name);
  return names;
}

absl::StatusOr<FileReport> ImportInput(const Input& input, const ImportOptions& options, RunSink& sink) {
  std::unique_ptr<ByteSource> source;
  const bool whole_path = input.format == "mlflow" || !input.parts.empty();
  if (!whole_path) {
    auto opened = ByteSource::Open(input.path);
    if (!opened.ok()) return opened.status();
    source = *std::move(opened);
    source->CountInto(options.bytes_read);
  }
  const std::string name = source != nullptr ? source->name() : Printable(input.path);
  auto detected = FormatOf(input, options, source.get());
  if (!detected.ok()) return detected.status();
  if (detected->format.empty()) {
    if (input.found) return FileReport{name, "", detected->why};
    return absl::InvalidArgumentError(absl::StrCat("cannot tell the format of ", name, ": ", detected->why));
  }
  std::map<std::string, std::string> settings;
  if (!input.settings.empty()) {
    auto read = ReadSettingsYaml(input.settings);
    if (read.ok()) {
      settings = *std::move(read);
    } else {
      sink.AddNote(name, absl::StrCat("going on without its settings: ", read.status().message()));
    }
  }
  Emitter emitter(options, name, input.run_name.empty() ? name : input.run_name, std::move(settings), sink);
  if (!emitter.prototype_error().empty())
    return absl::InvalidArgumentError("--set: " + emitter.prototype_error());
  emitter.report().format = std::move(detected->format);
  emitter.report().why = std::move(detected->why);
  for (const Format& format : Formats()) {
    if (emitter.report().format != format.name) continue;
    const bool by_path = format.read_path != nullptr && (whole_path || format.read == nullptr);
    absl::Status read = by_path ? format.read_path(input, emitter) : format.read(source.get(), emitter);
    if (!read.ok()) return read;
    return emitter.report();
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no format ", Quoted(options.format)));
}

absl::StatusOr<FileReport> ImportFile(const std::string& path, const ImportOptions& options, RunSink& sink) {
  Input input;
  input.path = path;
  return ImportInput(input, options, sink);
}

}  // namespace sextant::importers
