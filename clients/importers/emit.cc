// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/emit.h"

#include <utility>

#include "clients/importers/fields.h"
#include "clients/importers/validate.h"

namespace sextant::importers {

Emitter::Emitter(const ImportOptions& options, const Format& format, std::string source, std::string run_name,
                 std::map<std::string, std::string> settings, RunSink& sink)
    : options_(options),
      format_(format),
      sink_(sink),
      run_name_(std::move(run_name)),
      settings_(std::move(settings)) {
  report_.source = std::move(source);
  report_.format = format.name;
  for (const FieldMapping& entry : options.set) {
    const std::string reason = SetField(entry.field, entry.column, &prototype_);
    if (prototype_error_.empty()) prototype_error_ = reason;
  }
}

absl::Status Emitter::Emit(ImportedRun run, std::int64_t line, const std::string& wrong) {
  std::string reason = wrong;
  const bool named = !run.run_id.empty();
  if (reason.empty()) reason = FinishRun(options_.required_params, &run, options_.variables.empty());
  if (!reason.empty()) {
    Reject(line, reason);
    return absl::OkStatus();
  }
  ++report_.records;
  ++report_.runs;
  run.source = report_.source;
  run.line = line;
  if (options_.curves != nullptr) {
    if (absl::Status attached = options_.curves->Attach(&run, named, sink_); !attached.ok()) return attached;
  }
  return sink_.AddRun(std::move(run));
}

void Emitter::Reject(std::int64_t line, const std::string& reason) {
  ++report_.records;
  ++report_.rejected;
  sink_.AddReject({report_.source, line, about_ + reason});
}

}  // namespace sextant::importers
