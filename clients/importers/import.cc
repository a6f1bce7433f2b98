// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/import.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/detect.h"
#include "clients/importers/emit.h"
#include "clients/importers/format.h"
#include "clients/importers/limits.h"
#include "clients/importers/sample.h"
#include "clients/importers/settings_yaml.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

/// From here on a header names its format: plain tables are less sure.
constexpr int kKnownPercent = 90;

// The format by layout, else by content; what the user asks for goes before both.
absl::StatusOr<Detection> FormatOf(const Input& input, const ImportOptions& options, ByteSource* source,
                                   RunSink& sink) {
  const bool asked = options.format != "auto";
  const Format* wanted = asked ? FindFormat(options.format) : nullptr;
  if (asked && wanted == nullptr)
    return absl::InvalidArgumentError(absl::StrCat("there is no format ", Quoted(options.format)));
  if (asked && !input.found && input.parts.empty()) return Detection{wanted, 100, "as asked"};
  Detection detected{FindFormat(input.format), 100, input.why};
  if (detected.format == nullptr && source != nullptr) {
    const auto sample = Sample::Take(source, !options.map.empty() && !asked);
    if (!sample.ok()) return sample.status();
    detected = DetectFormat(*sample);
  }
  if (source != nullptr && !options.map.empty() && !asked && detected.format != nullptr) {
    // Whoever maps columns may not know that the table's own format would convert units for him.
    const auto plain = Sample::Take(source, false);
    if (!plain.ok()) return plain.status();
    const Detection own = DetectFormat(*plain);
    if (own.format != nullptr && own.format != detected.format && own.percent >= kKnownPercent) {
      sink.AddNote(source->name(),
                   absl::StrCat("the table is of the format ", own.format->name, " (", own.why,
                                "), which --map passes over: columns are taken as they stand, nothing is "
                                "converted; --format ",
                                own.format->name, " reads it as such, and --map goes on top of that"));
    }
  }
  if (asked && detected.format != wanted)
    return Detection{nullptr, 0, absl::StrCat("not ", options.format, ", which was asked for")};
  if (input.found && detected.format != nullptr && detected.percent < kSurePercent && !asked) {
    return Detection{nullptr, detected.percent,
                     "any table or JSON could be anything: name the file, or give --format"};
  }
  return detected;
}

}  // namespace

void FileReport::AddMetric(const std::string& name, const std::string& quantity, std::int64_t points,
                           const std::string& why_not) {
  constexpr std::size_t kMaxNames = 1000;
  if (metrics.size() >= kMaxNames && metrics.count(name) == 0) return;
  NameReport& report = metrics[name];
  report.points += points;
  if (!quantity.empty()) {
    report.quantity = quantity;
    report.why.clear();
  } else if (report.quantity.empty()) {
    report.why = why_not;
  }
}

void FileReport::AddSetting(const std::string& field, const std::string& key) {
  if (settings.size() >= kMaxSettings && settings.count(key) == 0) return;
  std::string& taken = settings[key];
  if (taken.empty()) taken = field;
}

std::vector<std::string> FormatNames() {
  std::vector<std::string> names;
  for (const Format* format : Formats()) names.emplace_back(format->name);
  return names;
}

absl::StatusOr<FileReport> ImportInput(const Input& input, const ImportOptions& options, RunSink& sink) {
  std::unique_ptr<ByteSource> source;
  const Format* by_layout = FindFormat(input.format);
  const bool whole_path = !input.parts.empty() || (by_layout != nullptr && by_layout->detect == nullptr);
  if (!whole_path) {
    auto opened = ByteSource::Open(input.path);
    if (!opened.ok()) return opened.status();
    source = *std::move(opened);
    source->CountInto(options.bytes_read);
  }
  const std::string name = source != nullptr ? source->name() : Printable(input.path);
  auto detected = FormatOf(input, options, source.get(), sink);
  if (!detected.ok()) return detected.status();
  if (detected->format == nullptr) {
    if (input.found) {
      FileReport passed_over;
      passed_over.source = name;
      passed_over.why = detected->why;
      return passed_over;
    }
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
  Emitter emitter(options, *detected->format, name, input.run_name.empty() ? name : input.run_name,
                  std::move(settings), sink);
  if (!emitter.prototype_error().empty())
    return absl::InvalidArgumentError("--set: " + emitter.prototype_error());
  emitter.report().why = std::move(detected->why);
  emitter.report().confidence_percent = detected->percent;
  const Format& format = *detected->format;
  const bool by_path = format.read_path != nullptr && (whole_path || format.read == nullptr);
  absl::Status read = by_path ? format.read_path(input, emitter) : format.read(source.get(), emitter);
  if (!read.ok()) return read;
  return emitter.report();
}

absl::StatusOr<FileReport> ImportFile(const std::string& path, const ImportOptions& options, RunSink& sink) {
  Input input;
  input.path = path;
  return ImportInput(input, options, sink);
}

}  // namespace sextant::importers
