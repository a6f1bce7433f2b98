// SPDX-License-Identifier: Apache-2.0
// Where records go: a JSONL file that survives a kill, or a pipe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "clients/trainer/report/run_record.h"

namespace sextant::trainer {

// Not thread-safe.
class RecordFile {
 public:
  // "-" writes to stdout. Otherwise appends to `path`, first cutting off a line that a kill left unfinished.
  // A file whose lines are not run records is refused, so that nothing else is overwritten or appended to.
  static absl::StatusOr<std::unique_ptr<RecordFile>> Open(const std::string& path);
  ~RecordFile();

  // Ids already in the file when it was opened.
  const std::set<std::string>& finished() const { return finished_; }
  // Writes the lines, all or none, and waits until the disk has them.
  absl::Status Append(const std::vector<RunRecord>& records);

 private:
  explicit RecordFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
  int descriptor_ = -1;
  std::set<std::string> finished_;
};

}  // namespace sextant::trainer
