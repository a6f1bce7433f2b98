// SPDX-License-Identifier: Apache-2.0
// A sink that keeps what it gets.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "clients/importers/import.h"

namespace sextant::importers {

class KeepingSink : public RunSink {
 public:
  absl::Status AddRun(ImportedRun run) override {
    runs.push_back(std::move(run));
    return absl::OkStatus();
  }
  void AddReject(Reject reject) override { rejects.push_back(std::move(reject)); }
  void AddNote(const std::string&, const std::string& note) override { notes.push_back(note); }

  std::vector<ImportedRun> runs;
  std::vector<Reject> rejects;
  std::vector<std::string> notes;
};

}  // namespace sextant::importers
