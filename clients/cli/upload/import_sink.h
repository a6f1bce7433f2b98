// SPDX-License-Identifier: Apache-2.0
// From the importers to the upload.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/upload/progress.h"
#include "clients/cli/upload/uploader.h"
#include "clients/importers/run_record.h"

namespace sextant::cli {

/// Converts runs and sends them, keeps rejects (the first kMaxRejectsKept, counting all), prints notes.
class ImportSink : public importers::RunSink {
 public:
  /// `bytes_read` is what the importers have read so far; `uploader` null reads without storing.
  ImportSink(const Session& session, Uploader* uploader, Progress* progress, const std::int64_t* bytes_read)
      : session_(session), uploader_(uploader), progress_(progress), bytes_read_(bytes_read) {}

  absl::Status AddRun(importers::ImportedRun run) override;
  void AddReject(importers::Reject reject) override;
  void AddNote(const std::string& source, const std::string& note) override;

  std::int64_t runs() const { return runs_; }
  std::int64_t rejected() const { return rejected_; }
  const std::vector<importers::Reject>& rejects() const { return rejects_; }

 private:
  /// A long curve goes in several messages. False when the upload broke off.
  bool Upload(v1::Run message);

  const Session& session_;
  Uploader* uploader_;
  Progress* progress_;
  const std::int64_t* bytes_read_;
  std::int64_t runs_ = 0, rejected_ = 0;
  std::vector<importers::Reject> rejects_;
};

}  // namespace sextant::cli
