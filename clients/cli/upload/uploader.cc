// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/upload/uploader.h"

#include <utility>

#include "base/sha256.h"
#include "clients/importers/identity.h"
#include "clients/importers/text.h"

namespace sextant::cli {
namespace {

// A service's reject names the run's source, "FILE:LINE".
importers::Reject FromProto(const v1::Reject& reject) {
  importers::Reject out{reject.source(), reject.line(), reject.reason()};
  const std::size_t colon = out.source.rfind(':');
  if (out.line == 0 && colon != std::string::npos) {
    if (const auto line = importers::ParseInt64(out.source.substr(colon + 1))) {
      out.line = *line;
      out.source.resize(colon);
    }
  }
  return out;
}

}  // namespace

Uploader::Uploader(const Session& session, std::string parent, std::string upload_id,
                   std::int64_t first_chunk)
    : session_(session),
      parent_(std::move(parent)),
      upload_id_(std::move(upload_id)),
      first_chunk_(first_chunk) {}

Uploader::~Uploader() {
  if (reader_.joinable()) {
    context_.TryCancel();
    reader_.join();
  }
}

bool Uploader::Open() {
  if (stream_) return true;
  stub_ = v1::RunService::NewStub(session_.channel());
  session_.Prepare(&context_, 0);
  interrupt_ = std::make_unique<InterruptScope>([this] { context_.TryCancel(); });
  stream_ = stub_->UploadRuns(&context_);
  durable_ = first_chunk_;
  reader_ = std::thread([this] { ReadAnswers(); });
  v1::UploadRunsRequest request;
  request.mutable_header()->set_parent(parent_);
  request.mutable_header()->set_upload_id(upload_id_);
  return stream_->Write(request);
}

void Uploader::ReadAnswers() {
  v1::UploadRunsResponse answer;
  while (stream_->Read(&answer)) {
    const std::lock_guard<std::mutex> lock(mutex_);
    durable_ = answer.next_chunk();
    totals_.accepted = answer.accepted();
    totals_.duplicate = answer.duplicate();
    totals_.rejected = answer.rejected();
    for (const v1::Reject& reject : answer.rejects()) {
      if (totals_.rejects.size() < kMaxRejectsKept) totals_.rejects.push_back(FromProto(reject));
    }
    changed_.notify_all();
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

bool Uploader::Add(v1::Run run) {
  const std::size_t bytes = run.ByteSizeLong();
  if (batch_.runs_size() > 0 && (batch_bytes_ + bytes > kChunkBytes || batch_.runs_size() >= kChunkRuns)) {
    if (!Send(false)) return false;
  }
  batch_bytes_ += bytes;
  *batch_.add_runs() = std::move(run);
  return true;
}

bool Uploader::Send(bool last) {
  const std::int64_t index = next_index_++;
  v1::UploadRunsRequest request;
  v1::UploadChunk& chunk = *request.mutable_chunk();
  chunk.set_index(index);
  chunk.set_last(last);
  batch_.SerializeToString(chunk.mutable_encoded_batch());
  Sha256 hash;
  hash.Add(chunk.encoded_batch());
  chunk.set_sha256(hash.Digest());
  batch_.Clear();
  batch_bytes_ = 0;
  if (index < first_chunk_) return true;  // durable already
  if (!Open()) return false;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || index - durable_ < kWindow; });
    if (ended_) return false;
  }
  return stream_->Write(request);
}

grpc::Status Uploader::Finish() {
  const bool anything = next_index_ > 0 || batch_.runs_size() > 0;
  if (!anything) return grpc::Status::OK;
  if (Send(true) && stream_) stream_->WritesDone();
  return Close();
}

grpc::Status Uploader::Close() {
  if (!stream_) return grpc::Status::OK;
  reader_.join();
  grpc::Status status = stream_->Finish();
  interrupt_.reset();
  return status;
}

void Uploader::Cancel() {
  if (!stream_) return;
  context_.TryCancel();
  Close();
}

grpc::Status GetUpload(Session& session, const std::string& parent, const std::string& id,
                       v1::Upload* upload) {
  v1::GetUploadRequest request;
  request.set_name(parent + "/uploads/" + id);
  return session.TryCall(&v1::RunService::Stub::GetUpload, request, upload);
}

}  // namespace sextant::cli
