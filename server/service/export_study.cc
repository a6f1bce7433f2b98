#include "server/service/export_study.h"

#include <absl/strings/str_cat.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "server/convert/study.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/published.h"
#include "server/status.h"
#include "storage/sqlite_store.h"
#include "storage/study_file.h"

namespace sextant::server {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;
constexpr char kFileName[] = "study.db";

/// What a file says of itself is checked before anything of it is copied. Returns the id of its study.
absl::StatusOr<std::string> CheckFile(const std::string& path) {
  storage::SqliteOptions options;
  options.read_only = true;
  auto store = storage::OpenSqliteStore(path, options);
  if (!store.ok()) {
    return InvalidField("data", absl::StrCat("not a study that was exported: ", store.status().message()));
  }
  if (absl::Status whole = (*store)->CheckIntegrity(); !whole.ok()) {
    return InvalidField("data", absl::StrCat("damaged: ", whole.message()));
  }
  auto studies = (*store)->ListStudies(2, "");
  if (!studies.ok()) return studies.status();
  if (studies->items.size() != 1) {
    return InvalidField("data",
                        absl::StrCat("holds ", studies->items.empty() ? "no study" : "several studies",
                                     ": an export holds one"));
  }
  return studies->items.front().id;
}

}  // namespace

absl::Status ScratchFolder::Create() {
  std::string path = (std::filesystem::temp_directory_path() / "sextant-study-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("no scratch folder ", path));
  }
  path_ = std::move(path);
  return absl::OkStatus();
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

StudyExport* StudyExport::Begin(Core& core, const grpc::CallbackServerContext& context,
                                const v1::ExportStudyRequest& request) {
  auto* stream = new StudyExport(core);
  const absl::Status admitted = core.calls.Admit(context);
  if (!admitted.ok()) {
    stream->Finish(ToGrpc(admitted));
    return stream;
  }
  stream->Work([stream, name = request.name()] {
    const absl::Status opened = StopExceptions([&] { return stream->Open(name); });
    if (!opened.ok()) return stream->Finish(ToGrpc(opened));
    stream->Send();
  });
  return stream;
}

void StudyExport::Work(std::function<void()> work) {
  const absl::Status submitted = core_.executor.Submit(std::move(work));
  if (!submitted.ok()) Finish(ToGrpc(submitted));
}

absl::Status StudyExport::Open(const std::string& name) {
  const auto id = ParseStudyName(name);
  if (!id) return InvalidField("name", "not of the form studies/STUDY");
  if (absl::Status status = RefusePublished(*id); !status.ok()) return status;
  if (absl::Status status = folder_.Create(); !status.ok()) return status;
  const std::string path = folder_.File(kFileName);
  absl::Status exported = storage::ExportStudyFile(*core_.store, *id, path);
  if (!exported.ok()) return Annotate(exported, "study", name);
  file_.open(path, std::ios::binary);
  return file_ ? absl::OkStatus() : absl::InternalError("the exported file cannot be read back");
}

void StudyExport::Send() {
  std::string& data = *response_.mutable_data();
  data.resize(kPieceBytes);
  file_.read(data.data(), static_cast<std::streamsize>(data.size()));
  data.resize(static_cast<std::size_t>(file_.gcount()));
  if (file_.bad()) return Finish(ToGrpc(absl::DataLossError("the exported file cannot be read back")));
  if (data.empty()) return Finish(grpc::Status::OK);
  StartWrite(&response_);
}

void StudyExport::OnWriteDone(bool ok) {
  if (!ok) return Finish(grpc::Status::CANCELLED);  // the client is gone
  Work([this] { Send(); });
}

StudyImport* StudyImport::Begin(Core& core, const grpc::CallbackServerContext& context, v1::Study& response) {
  auto* stream = new StudyImport(core, response);
  const absl::Status admitted = core.calls.Admit(context);
  if (!admitted.ok()) {
    stream->Finish(ToGrpc(admitted));
  } else {
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
  Work([this, ok] { return ok ? Take() : Store(); });
}

absl::Status StudyImport::Take() {
  if (!begun_) {
    begun_ = true;
    study_id_ = request_.study_id();
    if (!study_id_.empty() && !IsLabel(study_id_)) return InvalidField("study_id", kLabelRule);
    if (study_id_ == kPublishedStudy) return TakenResource("study", StudyName(study_id_));
    if (absl::Status status = folder_.Create(); !status.ok()) return status;
    file_.open(folder_.File(kFileName), std::ios::binary);
  }
  bytes_ += static_cast<std::int64_t>(request_.data().size());
  if (bytes_ > kMaxStudyFileBytes) {
    return QuotaExceeded("STUDY_FILE_LIMIT", "study",
                         absl::StrCat("a study's file may have at most ", kMaxStudyFileBytes >> 30, " GiB"),
                         0);
  }
  file_.write(request_.data().data(), static_cast<std::streamsize>(request_.data().size()));
  if (!file_) return absl::ResourceExhaustedError("no room for the file in the system's temporary folder");
  StartRead(&request_);
  return absl::OkStatus();
}

absl::Status StudyImport::Store() {
  if (!begun_) return InvalidField("data", "missing: the file that `ExportStudy` gave, in pieces");
  file_.close();
  const std::string path = folder_.File(kFileName);
  auto own_id = CheckFile(path);
  if (!own_id.ok()) return own_id.status();
  const std::string id = study_id_.empty() ? *own_id : study_id_;
  if (!IsLabel(id)) return InvalidField("data", "the id of the study in it is not allowed: give study_id");
  if (id == kPublishedStudy) return TakenResource("study", StudyName(id));
  Commit(
      core_.writer, "study", StudyName(id),
      [this, id, path](storage::Store& store) {
        if (auto imported = storage::ImportStudyFile(path, store, id); !imported.ok())
          return imported.status();
        auto study = store.GetStudy(id);
        if (!study.ok()) return study.status();
        StudyToProto(*study, response_);
        return absl::OkStatus();
      },
      [this, id](const absl::Status& status) {
        if (!status.ok()) return Finish(ToGrpc(status));
        // Serving its fits means compiling laws: not on the writer's thread.
        Work([this, id]() -> absl::Status {
          if (absl::Status loaded = core_.LoadStudy(id); !loaded.ok()) return loaded;
          Finish(grpc::Status::OK);
          return absl::OkStatus();
        });
      });
  return absl::OkStatus();
}

}  // namespace sextant::server
