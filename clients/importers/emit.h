// SPDX-License-Identifier: Apache-2.0
// What every reader does with a run it has read.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "clients/importers/format.h"
#include "clients/importers/import.h"

namespace sextant::importers {

/// Checks runs, attaches curves, counts and hands on. One an import; not thread-safe.
class Emitter {
 public:
  /// `source` is what messages and records call the input. `settings` stand next to it: hyperparameters that
  /// a log's own settings go on top of.
  Emitter(const ImportOptions& options, const Format& format, std::string source, std::string run_name,
          std::map<std::string, std::string> settings, RunSink& sink);

  /// A run with the values that the user gave for all runs; what the source says goes on top.
  const ImportedRun& Prototype() const { return prototype_; }
  /// What is wrong with those values, or empty.
  const std::string& prototype_error() const { return prototype_error_; }

  /// Finishes `run` and gives it to the sink, or rejects it. `wrong` is what the reader already found wrong.
  absl::Status Emit(ImportedRun run, std::int64_t line, const std::string& wrong);
  void Reject(std::int64_t line, const std::string& reason);
  void Note(const std::string& note) { sink_.AddNote(report_.source, about_ + note); }
  /// What rejects and notes begin with from now on, in a source of many runs without lines ("run 0a1b: ").
  void About(const std::string& what) { about_ = what; }

  const ImportOptions& options() const { return options_; }
  const Format& format() const { return format_; }
  const std::string& source() const { return report_.source; }
  /// Names the run of a source that names none.
  const std::string& run_name() const { return run_name_; }
  const std::map<std::string, std::string>& settings() const { return settings_; }
  FileReport& report() { return report_; }

 private:
  const ImportOptions& options_;
  const Format& format_;
  RunSink& sink_;
  FileReport report_;
  std::string run_name_, about_;
  std::map<std::string, std::string> settings_;
  ImportedRun prototype_;
  std::string prototype_error_;
};

}  // namespace sextant::importers
