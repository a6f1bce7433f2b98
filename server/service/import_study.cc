// SPDX-License-Identifier: Apache-2.0
#include "server/service/import_study.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <chrono>
#include <filesystem>
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
#include "server/service/study_check.h"
#include "server/status.h"
#include "storage/sqlite/file/foreign_file.h"
#include "storage/study_file.h"

namespace sextant::server {
namespace {

constexpr char kFileName[] = "study.db";
constexpr std::chrono::minutes kCheckPatience{5};  // the pages of tens of gigabytes

// What is wrong with the file that came, in words that do not name the server's copy of it; or with the
// server, when it cannot read that.
absl::Status WrongFile(const std::string& what, const absl::Status& status, const std::string& path) {
  if (!absl::IsFailedPrecondition(status) && !absl::IsDataLoss(status) && !absl::IsNotFound(status)) {
    return Annotate(status, "study", "studies");
  }
  const std::string message = absl::StrReplaceAll(status.message(), {{path, "the file"}});
  return InvalidField("data", absl::StrCat(what, message));
}

/// What a file says of itself is checked before anything of it is copied. Returns its study.
absl::StatusOr<std::string> CheckFile(const Core& core, const std::string& path, const std::string& new_id,
                                      const std::function<bool()>& given_up) {
  if (absl::Status updated = storage::UpdateStudyFile(path); !updated.ok()) {
    return WrongFile("not a study that was exported: ", updated, path);
  }
  if (absl::Status own = storage::CheckForeignFile(path, kCheckPatience); absl::IsDeadlineExceeded(own)) {
    return InvalidField("data", std::string(own.message()));
  } else if (!own.ok()) {
    return WrongFile("not a study that was exported: ", own, path);
  }
  auto store = storage::OpenStudyFile(path);
  if (!store.ok()) return WrongFile("not a study that was exported: ", store.status(), path);
  if (absl::Status whole = (*store)->CheckIntegrity(); !whole.ok()) return WrongFile("", whole, path);
  auto snapshot = (*store)->Read();
  if (!snapshot.ok()) return WrongFile("", snapshot.status(), path);
  auto studies = (*snapshot)->ListStudies(2, "");
  if (!studies.ok()) return WrongFile("", studies.status(), path);
  if (studies->items.size() != 1) {
    return InvalidField("data",
                        absl::StrCat("holds ", studies->items.empty() ? "no study" : "several studies",
                                     ": an export holds one"));
  }
  const storage::Study& study = studies->items.front();
  const std::string id = new_id.empty() ? study.id : new_id;
  if (!IsLabel(id)) return InvalidField("data", "the id of the study in it is not allowed: give study_id");
  if (id == kPublishedStudy) return TakenResource("study", StudyName(id));
  if (absl::Status status = CheckStudy(**snapshot, study, id, *core.laws, given_up); !status.ok())
    return status;
  return id;
}

}  // namespace

StudyImport* StudyImport::Begin(Core& core, grpc::CallbackServerContext& context, v1::Study& response) {
  auto* stream = new StudyImport(core, context, response);
  absl::Status admitted = core.calls.Admit(context);
  if (admitted.ok()) {
    auto ticket = core.imports.Take(PeerOf(context));
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

void StudyImport::Work(std::function<absl::Status()> work) {
  const absl::Status submitted = core_.executor.Submit([this, work = std::move(work)] {
    const absl::Status status = StopExceptions(work);
    if (!status.ok()) Finish(ToGrpc(status));
  });
  if (!submitted.ok()) Finish(ToGrpc(submitted));
}

void StudyImport::OnReadDone(bool ok) {
  if (context_.IsCancelled()) return Finish(grpc::Status::CANCELLED);  // gone, or idle: the file is not whole
  place_->Touch();
  if (!ok) place_.reset();
  Work([this, ok] { return ok ? Take() : Store(); });
}

absl::Status StudyImport::Take() {
  if (!begun_) {
    begun_ = true;
    study_id_ = request_.study_id();
    if (!study_id_.empty() && !IsLabel(study_id_)) return InvalidField("study_id", kLabelRule);
    if (study_id_ == kPublishedStudy) return TakenResource("study", StudyName(study_id_));
    RETURN_IF_ERROR(folder_.Create(core_, 0));
    file_.open(folder_.File(kFileName), std::ios::binary);
  }
  bytes_ += static_cast<std::int64_t>(request_.data().size());
  if (bytes_ > kMaxStudyFileBytes) {
    return QuotaExceeded("STUDY_FILE_LIMIT", "study",
                         absl::StrCat("a study's file may have at most ", kMaxStudyFileBytes >> 30, " GiB"),
                         0);
  }
  file_.write(request_.data().data(), static_cast<std::streamsize>(request_.data().size()));
  if (!file_) return NoRoom(folder_.File(kFileName), "the file of a study");
  StartRead(&request_);
  return absl::OkStatus();
}

absl::Status StudyImport::Store() {
  if (!begun_) return InvalidField("data", "missing: the file that `ExportStudy` gave, in pieces");
  file_.close();
  const std::string path = folder_.File(kFileName);
  if (!file_) return NoRoom(path, "the file of a study");
  ASSIGN_OR_RETURN(const std::string id,
                   CheckFile(core_, path, study_id_, [this] { return context_.IsCancelled(); }));
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
        Work([this, id]() -> absl::Status {
          RETURN_IF_ERROR(core_.LoadStudy(id));
          Finish(grpc::Status::OK);
          return absl::OkStatus();
        });
      });
  return absl::OkStatus();
}

}  // namespace sextant::server
