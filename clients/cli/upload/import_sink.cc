#include "clients/cli/upload/import_sink.h"

#include <utility>

#include "clients/cli/upload/to_proto.h"

namespace sextant::cli {
namespace {

// A chunk must stay under the service's 4 MiB a message.
constexpr std::size_t kMaxRunBytes = 3 << 20;

}  // namespace

absl::Status ImportSink::AddRun(importers::ImportedRun run) {
  v1::Run message = ToProto(run);
  if (message.ByteSizeLong() > kMaxRunBytes) {
    AddReject({run.source, run.line,
               "its curve of " + std::to_string(message.curve().step_size()) +
                   " points does not fit one message (3 MiB); log fewer points or columns"});
    return absl::OkStatus();
  }
  ++runs_;
  if (uploader_ != nullptr && !uploader_->Add(std::move(message)))
    return absl::CancelledError("the upload broke off");
  progress_->Update(runs_, *bytes_read_);
  return absl::OkStatus();
}

void ImportSink::AddReject(importers::Reject reject) {
  ++rejected_;
  if (rejects_.size() < kMaxRejectsKept) rejects_.push_back(std::move(reject));
}

void ImportSink::AddNote(const std::string& source, const std::string& note) {
  session_.Note(Safe(source) + ": " + Safe(note));
}

}  // namespace sextant::cli
