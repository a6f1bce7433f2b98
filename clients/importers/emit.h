// What every reader does with a run it has read.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "clients/importers/import.h"

namespace sextant::importers {

/// Checks runs, attaches curves, counts and hands on. One an import; not thread-safe.
class Emitter {
 public:
  Emitter(const ImportOptions& options, std::string source, RunSink& sink);

  /// A run with the values that the user gave for all runs; what the source says goes on top.
  const ImportedRun& Prototype() const { return prototype_; }
  /// What is wrong with those values, or empty.
  const std::string& prototype_error() const { return prototype_error_; }

  /// Finishes `run` and gives it to the sink, or rejects it. `wrong` is what the reader already found wrong.
  absl::Status Emit(ImportedRun run, std::int64_t line, const std::string& wrong);
  void Reject(std::int64_t line, const std::string& reason);
  void Note(const std::string& note) { sink_.AddNote(report_.source, note); }

  const ImportOptions& options() const { return options_; }
  const std::string& source() const { return report_.source; }
  FileReport& report() { return report_; }

 private:
  const ImportOptions& options_;
  RunSink& sink_;
  FileReport report_;
  ImportedRun prototype_;
  std::string prototype_error_;
};

}  // namespace sextant::importers
