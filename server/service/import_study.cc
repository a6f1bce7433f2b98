// SPDX-License-Identifier: Apache-2.0
#include "server/service/import_study.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "base/status_macros.h"
#include "server/convert/study.h"
#include "server/error.h"
#include "server/fit_table.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/published.h"
#include "server/service/study_file_check.h"
#include "server/status.h"
#include "storage/study_file.h"

namespace sextant::server {
namespace {

constexpr char kFileName[] = "study.db";
}  // namespace

StudyImport* StudyImport::Begin(Core& core, grpc::CallbackServerContext& context, v1::Study& response) {
  auto* stream = new StudyImport(core, context, response);
  absl::Status admitted = core.calls.AdmitStream(context, v1::ImportStudyRequest::descriptor());
  if (admitted.ok()) {
    auto ticket = core.imports.Take(core.calls.access().CallerKey(context));
    admitted = ticket.status();
    if (ticket.ok()) stream->ticket_ = *std::move(ticket);
  }
  if (!admitted.ok()) {
    stream->Finish(ToGrpc(admitted));
  } else {
    stream->place_ = core.calls.idle().Watch(context, core.stream_patience);
    stream->StartRead(&stream->request_);
  }
  return stream;
}

void StudyImport::Work(Executor& executor, std::function<absl::Status()> work) {
  const absl::Status submitted = executor.Submit([this, work = std::move(work)] {
    const absl::Status status = StopExceptions(work);
    if (!status.ok()) Finish(ToGrpc(status));
  });
  if (!submitted.ok()) Finish(ToGrpc(submitted));
}

void StudyImport::OnReadDone(bool ok) {
  if (context_.IsCancelled()) return Finish(grpc::Status::CANCELLED);  // gone, or idle: the file is not whole
  place_->Touch();
  if (!ok) place_.reset();
  // To check a file takes as long as its size does: it must not stand in the way of calls that only read.
  if (ok) {
    Work(core_.executor, [this] { return Take(); });
  } else {
    Work(core_.copies, [this] { return Store(); });
  }
}

absl::Status StudyImport::Take() {
  if (!begun_) {
    begun_ = true;
    RETURN_IF_ERROR(core_.calls.Admit(context_, request_));
    study_id_ = request_.study_id();
    if (!study_id_.empty() && !IsLabel(study_id_)) return InvalidField("study_id", kLabelRule);
    if (study_id_ == kPublishedStudy) return TakenResource("study", StudyName(study_id_));
    RETURN_IF_ERROR(folder_.Create(core_, kScratchStepBytes));
    file_.open(folder_.File(kFileName), std::ios::binary);
  }
  bytes_ += static_cast<std::int64_t>(request_.data().size());
  if (bytes_ > kMaxStudyFileBytes) {
    return QuotaExceeded("STUDY_FILE_LIMIT", "study",
                         absl::StrCat("a study's file may have at most ", kMaxStudyFileBytes >> 30, " GiB"),
                         0);
  }
  RETURN_IF_ERROR(TakeRoom());
  file_.write(request_.data().data(), static_cast<std::streamsize>(request_.data().size()));
  if (!file_) return NoRoom(folder_.File(kFileName), "the file of a study");
  StartRead(&request_);
  return absl::OkStatus();
}

absl::Status StudyImport::TakeRoom() {
  while (bytes_ > static_cast<std::int64_t>(scratch_.size()) * kScratchStepBytes) {
    RETURN_IF_ERROR(CheckRoom(core_, folder_.File(kFileName), kScratchStepBytes, "the file of a study"));
    ASSIGN_OR_RETURN(auto ticket, core_.scratch.Take(context_.peer(), kScratchStepBytes));
    scratch_.push_back(std::move(ticket));
  }
  return absl::OkStatus();
}

absl::Status StudyImport::Store() {
  if (!begun_) return InvalidField("data", "missing: the file that `ExportStudy` gave, in pieces");
  file_.close();
  const std::string path = folder_.File(kFileName);
  if (!file_) return NoRoom(path, "the file of a study");
  ASSIGN_OR_RETURN(const std::string id,
                   CheckStudyFile(path, study_id_, *core_.laws,
                                  std::max<std::int64_t>(core_.fits.budget() - core_.fits.bytes(), 0),
                                  [this] { return context_.IsCancelled(); }));
  Commit(
      core_.writer, "study", StudyName(id),
      [this, id, path](storage::Transaction& transaction) {
        if (auto imported = storage::ImportStudyFile(path, transaction, id); !imported.ok())
          return imported.status();
        ASSIGN_OR_RETURN(auto study, transaction.GetStudy(id));
        StudyToProto(study, response_);
        return absl::OkStatus();
      },
      [this, id](const absl::Status& status) {
        if (!status.ok()) return Finish(ToGrpc(status));
        // Serving its fits means compiling laws: not on the writer's thread.
        Work(core_.executor, [this, id]() -> absl::Status {
          RETURN_IF_ERROR(core_.LoadStudy(id));
          Finish(grpc::Status::OK);
          return absl::OkStatus();
        });
      });
  return absl::OkStatus();
}

}  // namespace sextant::server
