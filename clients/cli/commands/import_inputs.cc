// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/import_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/sha256.h"
#include "base/status_macros.h"
#include "clients/cli/commands/import_explain.h"
#include "clients/cli/output/records.h"
#include "clients/importers/identity.h"
#include "clients/importers/text.h"

namespace sextant::cli {

int FindInputs(const Session& session, const ImportFlags& flags, importers::ExpandedInputs* found) {
  std::vector<std::string> named = flags.files;
  if (!flags.files_from.empty()) {
    const auto listed = importers::ReadInputList(flags.files_from);
    if (!listed.ok()) return session.Fail(FromLocal(listed.status()));
    named.insert(named.end(), listed->begin(), listed->end());
  }
  if (std::count(named.begin(), named.end(), "-") + (flags.files_from == "-" ? 1 : 0) > 1)
    return session.FailUsage("standard input can be read once only");
  auto expanded = importers::ExpandInputs(named);
  if (!expanded.ok()) return session.Fail(FromLocal(expanded.status()));
  *found = *std::move(expanded);
  if (found->inputs.empty() && !found->failed.empty()) {
    const importers::PassedOver& first = found->failed.front();
    return session.FailLocal(Safe(first.path) + ": " + Safe(first.why), "");
  }
  return kExitOk;
}

std::int64_t TotalBytes(const std::vector<importers::Input>& inputs) {
  std::int64_t total = 0;
  for (const importers::Input& input : inputs) {
    for (const std::string& file : input.parts.empty() ? std::vector<std::string>{input.path} : input.parts) {
      std::error_code error;
      const auto size = std::filesystem::file_size(file, error);
      if (error) return 0;
      total += static_cast<std::int64_t>(size);
    }
  }
  return total;
}

absl::StatusOr<std::string> UploadIdOf(const ImportFlags& flags, const std::vector<importers::Input>& inputs,
                                       const std::string& required_params) {
  Sha256 hash;
  const auto add = [&](const std::string& text) { hash.Add(std::to_string(text.size()) + ":" + text); };
  add("import 1");
  add(flags.study);
  add(flags.format);
  add(required_params);
  add(std::to_string(flags.step_offset.value_or(0)));
  for (const auto* list : {&flags.maps, &flags.sets, &flags.metrics}) {
    add(std::to_string(list->size()));
    for (const std::string& text : *list) add(text);
  }
  std::vector<std::string> files{flags.curves};
  for (const importers::Input& input : inputs) {
    add(input.format);
    add(input.settings);
    if (input.parts.empty()) files.push_back(input.path);
    files.insert(files.end(), input.parts.begin(), input.parts.end());
    if (!input.settings.empty()) files.push_back(input.settings);
  }
  for (const std::string& file : files) {
    if (file == "-") return std::string();
    add(file);
    if (file.empty()) continue;
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
      // The open that follows says what is wrong with it.
      return std::string();
    }
    ASSIGN_OR_RETURN(auto source, importers::ByteSource::Open(file));
    std::string block(1 << 20, '\0');
    while (true) {
      ASSIGN_OR_RETURN(const auto got, source->Read(block.data(), block.size()));
      if (got == 0) break;
      hash.Add(std::string_view(block).substr(0, got));
    }
  }
  return "import-" + Hex(hash.Digest()).substr(0, 40);
}

void InputReports::Add(const importers::FileReport& report) {
  if (report.format.empty()) {
    ++passed_over_;
    return session_.Detail(fmt::format("{}: passed over: {}", Safe(report.source), Safe(report.why)));
  }
  constexpr int kShown = 40;
  const std::string line =
      fmt::format("{}: {}, {} % sure ({}), {} runs{}", Safe(report.source), report.format,
                  report.confidence_percent, Safe(report.why), report.runs,
                  report.rejected > 0 ? fmt::format(", {} rejected", report.rejected) : "") +
      NamesOf(report);
  if (several_ && ++shown_ <= kShown) {
    session_.Note(line);
  } else {
    session_.Detail(line);
  }
  if (shown_ == kShown + 1) session_.Note("… -v says so of every file");
}

void InputReports::Add(const importers::PassedOver& item) {
  ++passed_over_;
  session_.Detail(fmt::format("{}: passed over: {}", Safe(item.path), Safe(item.why)));
}

void InputReports::Finish() const {
  if (passed_over_ > 0)
    session_.Note(fmt::format("{} files and folders were passed over; -v says why", passed_over_));
}

}  // namespace sextant::cli
