// SPDX-License-Identifier: Apache-2.0
// Which files `runs import` reads, and what it says of each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/commands/declared.h"
#include "clients/cli/session.h"
#include "clients/importers/import.h"

namespace sextant::cli {

struct ImportFlags {
  std::vector<std::string> files, maps, sets, metrics;
  std::optional<std::int64_t> step_offset;
  std::string study, format = "auto", curves, files_from, recipe, write_recipe;
  DeclaredFlags declared;
  bool create_study = false, strict = false, explain = false;
};

/// Turns what was named into what is read; an exit code. What cannot be read is told of here when it is all
/// there is, and stays in `found->failed` otherwise.
int FindInputs(const Session& session, const ImportFlags& flags, importers::ExpandedInputs* found);

/// Of all inputs, for progress; 0 if it cannot be told.
std::int64_t TotalBytes(const std::vector<importers::Input>& inputs);

/// SHA-256 over everything that decides which chunks an import makes; empty when that cannot be told (a pipe,
/// a folder that is one run). Reads every file.
absl::StatusOr<std::string> UploadIdOf(const ImportFlags& flags, const std::vector<importers::Input>& inputs,
                                       const std::string& required_params);

/// What was made of each input, on stderr: a few lines as notes, the others for -v.
class InputReports {
 public:
  /// With one input only -v shows its line.
  InputReports(const Session& session, bool several) : session_(session), several_(several) {}
  void Add(const importers::FileReport& report);
  void Add(const importers::PassedOver& item);
  void Finish() const;

 private:
  const Session& session_;
  bool several_;
  int shown_ = 0, passed_over_ = 0;
};

}  // namespace sextant::cli
