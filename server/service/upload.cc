// SPDX-License-Identifier: Apache-2.0
#include "server/service/upload.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "base/status_macros.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/published.h"
#include "server/status.h"

namespace sextant::server {

UploadStream* UploadStream::Begin(Core& core, grpc::CallbackServerContext& context) {
  auto* stream = new UploadStream(core, context);
  absl::Status status = core.calls.AdmitStream(context, v1::UploadRunsRequest::descriptor());
  if (status.ok()) {
    auto ticket = core.uploads.Take(core.calls.access().CallerKey(context));
    status = ticket.status();
    if (ticket.ok()) stream->ticket_ = *std::move(ticket);
  }
  if (status.ok()) {
    stream->place_ = core.calls.idle().Watch(context, core.stream_patience);
    stream->StartRead(&stream->request_);
  } else {
    stream->Finish(ToGrpc(status));
  }
  return stream;
}

void UploadStream::OnReadDone(bool ok) {
  // The client has closed its side, or is gone: what was answered is durable, the rest can be resumed.
  if (!ok) return End(grpc::Status::OK);
  place_->Touch();
  const absl::Status submitted = core_.ingest.Submit([this] {
    const absl::Status status = StopExceptions([this] { return Handle(); });
    if (!status.ok()) End(ToGrpc(status));
  });
  if (!submitted.ok()) End(ToGrpc(submitted));
}

void UploadStream::OnWriteDone(bool ok) {
  place_->Touch();
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    more = ok && is_waiting_;
    is_sending_ = more;
    if (more) {
      is_waiting_ = false;
      sending_.Swap(&waiting_);
      waiting_.Clear();
    } else if (!is_ended_) {
      return;
    }
  }
  if (more) {
    StartWrite(&sending_);
  } else {
    Finish(end_status_);
  }
}

absl::Status UploadStream::Handle() {
  switch (request_.message_case()) {
    case v1::UploadRunsRequest::kHeader:
      if (has_header_) return InvalidField("header", "came a second time: it is the first message only");
      return TakeHeader(request_.header());
    case v1::UploadRunsRequest::kChunk:
      if (!has_header_) {
        return InvalidField("header", "missing: the first message of an upload is its header");
      }
      return TakeChunk(*request_.mutable_chunk());
    case v1::UploadRunsRequest::MESSAGE_NOT_SET:
      break;
  }
  return InvalidField("message", "holds neither header nor chunk");
}

absl::Status UploadStream::TakeHeader(const v1::UploadHeader& header) {
  RETURN_IF_ERROR(core_.calls.Admit(context_, request_));
  const auto id = ParseStudyName(header.parent());
  if (!id) return InvalidField("header.parent", "not of the form studies/STUDY");
  RETURN_IF_ERROR(RefusePublished(*id));
  resumable_ = !header.upload_id().empty();
  if (resumable_ && !IsUploadId(header.upload_id())) return InvalidField("header.upload_id", kUploadIdRule);
  ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
  auto study = snapshot->GetStudy(*id);
  if (!study.ok()) return Annotate(study.status(), "study", header.parent());
  study_ = *std::move(study);
  if (resumable_) {
    auto upload = FindUpload(*snapshot, study_, header.upload_id());
    if (upload.ok()) {
      upload_ = *std::move(upload);
    } else if (!absl::IsNotFound(upload.status())) {
      return Annotate(upload.status(), "upload", UploadName(study_.id, header.upload_id()));
    } else {
      upload_.id = StoredUploadId(study_, header.upload_id());
      upload_.study_id = study_.id;
    }
  }
  has_header_ = true;
  Answer();
  return absl::OkStatus();
}

absl::Status UploadStream::TakeChunk(v1::UploadChunk& chunk) {
  if (chunk.index() < 0) return InvalidField("chunk.index", "negative");
  if (chunk.index() < upload_.next_chunk) {  // sent again: it is durable already
    ending_ = chunk.last() && upload_.complete;
    Answer();
    return absl::OkStatus();
  }
  if (upload_.complete) {
    return UnmetPrecondition("UPLOAD_COMPLETE", "upload",
                             "this upload ended with its last chunk; use a new upload_id");
  }
  if (chunk.index() > upload_.next_chunk) {
    return WithReason(
        InvalidField("chunk.index", absl::StrCat("is ", chunk.index(), " where ", upload_.next_chunk,
                                                 " is next: chunks come in order, without gaps")),
        "CHUNK_OUT_OF_ORDER", {{"next_chunk", absl::StrCat(upload_.next_chunk)}});
  }
  ASSIGN_OR_RETURN(auto prepared, PrepareChunk(chunk, study_));
  v1::UploadRunsRequest().Swap(&request_);  // the message is not needed while its runs wait for the writer

  auto work = std::make_shared<std::pair<PreparedChunk, storage::Upload>>(std::move(prepared), upload_);
  Commit(
      core_.writer, "study", StudyName(study_.id),
      [this, work, study = study_, resumable = resumable_](storage::Transaction& transaction) {
        RETURN_IF_ERROR(CommitChunk(transaction, study, resumable, work->first, work->second, refused_));
        core_.sizes.Learn(transaction, study.id);
        return absl::OkStatus();
      },
      [this, work](const absl::Status& status) { Committed(status, work->first, work->second); });
  return absl::OkStatus();
}

void UploadStream::Committed(const absl::Status& status, PreparedChunk& chunk,
                             const storage::Upload& upload) {
  if (!status.ok()) return End(ToGrpc(status));
  Metrics& metrics = core_.metrics;
  metrics.runs_accepted += upload.accepted - upload_.accepted;
  metrics.runs_duplicate += upload.duplicate - upload_.duplicate;
  metrics.runs_rejected += upload.rejected - upload_.rejected;
  for (const storage::EncodedRun& run : chunk.runs) {
    metrics.points_uploaded += static_cast<std::int64_t>(run.curve.points());
  }
  upload_ = upload;
  ending_ = upload_.complete;
  Answer(std::move(chunk.rejects));
}

void UploadStream::Answer(std::vector<v1::Reject> rejects) {
  bool start = false;
  {
    const std::lock_guard lock(mutex_);
    start = !is_sending_;
    v1::UploadRunsResponse& answer = start ? sending_ : waiting_;
    if (start) answer.Clear();
    answer.set_next_chunk(upload_.next_chunk);
    answer.set_accepted(static_cast<int>(upload_.accepted));
    answer.set_duplicate(static_cast<int>(upload_.duplicate));
    answer.set_rejected(static_cast<int>(upload_.rejected));
    for (v1::Reject& reject : rejects) {
      if (answer.rejects_size() < kMaxRejectsHeld) *answer.add_rejects() = std::move(reject);
    }
    is_sending_ = true;
    is_waiting_ = !start;
  }
  const bool ending = ending_;
  if (start) StartWrite(&sending_);
  if (ending) {
    End(grpc::Status::OK);
  } else {
    StartRead(&request_);
  }
}

void UploadStream::End(const grpc::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (is_sending_) {
      is_ended_ = true;
      end_status_ = status;
      return;
    }
  }
  Finish(status);
}

}  // namespace sextant::server
