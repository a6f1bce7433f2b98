// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/upload/import_sink.h"

#include <algorithm>
#include <utility>

#include "clients/cli/upload/to_proto.h"

namespace sextant::cli {
namespace {

// About 1 MiB of a curve with every column: far under the service's 4 MiB a message.
constexpr int kPointsPerMessage = 30'000;

template <typename Field>
void MovePart(const Field& from, int begin, int end, Field* to) {
  if (!from.empty()) to->Add(from.begin() + begin, from.begin() + std::min(end, from.size()));
}

v1::Curve CurvePart(const v1::Curve& curve, int begin, int end) {
  v1::Curve part;
  MovePart(curve.step(), begin, end, part.mutable_step());
  MovePart(curve.tokens(), begin, end, part.mutable_tokens());
  MovePart(curve.train_loss(), begin, end, part.mutable_train_loss());
  MovePart(curve.validation_loss(), begin, end, part.mutable_validation_loss());
  MovePart(curve.learning_rate(), begin, end, part.mutable_learning_rate());
  MovePart(curve.gradient_noise_scale(), begin, end, part.mutable_gradient_noise_scale());
  return part;
}

}  // namespace

absl::Status ImportSink::AddRun(importers::ImportedRun run) {
  v1::Run message = ToProto(run);
  ++runs_;
  if (uploader_ != nullptr && !Upload(std::move(message))) {
    return absl::CancelledError("the upload broke off");
  }
  progress_->Update(runs_, *bytes_read_);
  return absl::OkStatus();
}

bool ImportSink::Upload(v1::Run message) {
  const int points = message.curve().step_size();
  if (points <= kPointsPerMessage) return uploader_->Add(std::move(message));
  // Every part comes with the run's fields: one that is stored already is held against each of them.
  v1::Curve whole;
  whole.Swap(message.mutable_curve());
  message.set_curve_length(points);
  for (int begin = 0; begin < points; begin += kPointsPerMessage) {
    v1::Run part = message;
    if (begin > 0) part.set_curve_begin(begin);
    *part.mutable_curve() = CurvePart(whole, begin, begin + kPointsPerMessage);
    if (!uploader_->Add(std::move(part))) return false;
  }
  return true;
}

void ImportSink::AddReject(importers::Reject reject) {
  ++rejected_;
  if (rejects_.size() < kMaxRejectsKept) rejects_.push_back(std::move(reject));
}

void ImportSink::AddNote(const std::string& source, const std::string& note) {
  session_.Note(Safe(source) + ": " + Safe(note));
}

}  // namespace sextant::cli
