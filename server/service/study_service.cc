// SPDX-License-Identifier: Apache-2.0
#include "server/service/study_service.h"

#include <utility>

#include "base/status_macros.h"
#include "server/convert/study.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/page_token.h"
#include "server/published.h"
#include "server/service/import_study.h"
#include "storage/study_file.h"

namespace sextant::server {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

ServerUnaryReactor* StudyService::CreateStudy(CallbackServerContext* context,
                                              const v1::CreateStudyRequest* request, v1::Study* response) {
  return core_.calls.OffloadAsync(context, [this, request, response](Finish finish) -> absl::Status {
    auto study = NewStudyFromProto(*request);
    if (!study.ok()) return study.status();
    RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    const std::string name = StudyName(study->id);
    if (study->id == kPublishedStudy) return TakenResource("study", name);
    study->create_time = study->update_time = Now();
    if (request->validate_only()) {
      if (core_.store->GetStudy(study->id).ok()) return TakenResource("study", name);
      StudyToProto(*study, *response);
      finish(absl::OkStatus());
      return absl::OkStatus();
    }
    Commit(
        core_.writer, "study", name,
        [request, response, study = *std::move(study)](storage::Store& store) {
          return OncePerRequest(store, request->request_id(), *request, *response,
                                [&](storage::Store& batch) {
                                  RETURN_IF_ERROR(batch.CreateStudy(study));
                                  ASSIGN_OR_RETURN(auto stored, batch.GetStudy(study.id));
                                  response->Clear();
                                  StudyToProto(stored, *response);
                                  return absl::OkStatus();
                                });
        },
        [this, request, finish = std::move(finish)](const absl::Status& status) {
          if (status.ok()) core_.fits.AddStudy(request->study_id());
          finish(status);
        });
    return absl::OkStatus();
  });
}

ServerUnaryReactor* StudyService::GetStudy(CallbackServerContext* context, const v1::GetStudyRequest* request,
                                           v1::Study* response) {
  return core_.calls.Offload(context, [this, request, response]() -> absl::Status {
    const auto id = ParseStudyName(request->name());
    if (!id) return InvalidField("name", "not of the form studies/STUDY");
    if (*id == kPublishedStudy) {
      PublishedStudyToProto(*core_.laws->Load(), *response);
      return absl::OkStatus();
    }
    auto study = core_.store->GetStudy(*id);
    if (!study.ok()) return Annotate(study.status(), "study", request->name());
    auto size = core_.store->GetStudySize(*id);
    if (!size.ok()) return Annotate(size.status(), "study", request->name());
    StudyToProto(*study, *response);
    response->set_curve_point_count(size->points);
    return absl::OkStatus();
  });
}

ServerUnaryReactor* StudyService::ListStudies(CallbackServerContext* context,
                                              const v1::ListStudiesRequest* request,
                                              v1::ListStudiesResponse* response) {
  return core_.calls.Offload(context, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(auto size, PageSize(request->page_size(), kDefaultStudyPage, kMaxStudyPage));
    ASSIGN_OR_RETURN(auto key, ReadPageToken({"ListStudies"}, request->page_token()));
    auto page = ListWithPublished(*core_.store, size, key);
    if (!page.ok()) return Annotate(page.status(), "study", "studies");
    for (const storage::Study& study : page->items) {
      if (study.id == kPublishedStudy) {
        PublishedStudyToProto(*core_.laws->Load(), *response->add_studies());
      } else {
        StudyToProto(study, *response->add_studies());
      }
    }
    response->set_next_page_token(MakePageToken({"ListStudies"}, page->next_key));
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::ExportStudyResponse>* StudyService::ExportStudy(
    CallbackServerContext* context, const v1::ExportStudyRequest* request) {
  return FileDownload<v1::ExportStudyResponse>::Begin(
      core_, *context, [this, name = request->name()](const std::string& path, std::int64_t) -> absl::Status {
        const auto id = ParseStudyName(name);
        if (!id) return InvalidField("name", "not of the form studies/STUDY");
        RETURN_IF_ERROR(RefusePublished(*id));
        const absl::Status exported = storage::ExportStudyFile(*core_.store, *id, path);
        return exported.ok() ? exported : Annotate(exported, "study", name);
      });
}

grpc::ServerReadReactor<v1::ImportStudyRequest>* StudyService::ImportStudy(CallbackServerContext* context,
                                                                           v1::Study* response) {
  return StudyImport::Begin(core_, *context, *response);
}

ServerUnaryReactor* StudyService::UpdateStudy(CallbackServerContext* context,
                                              const v1::UpdateStudyRequest* request, v1::Study* response) {
  return core_.calls.OffloadAsync(context, [this, request, response](Finish finish) -> absl::Status {
    const std::string& name = request->study().name();
    const auto id = ParseStudyName(name);
    if (!id) return InvalidField("study.name", "not of the form studies/STUDY");
    RETURN_IF_ERROR(RefusePublished(*id));
    storage::Study checked;
    RETURN_IF_ERROR(ApplyStudyUpdate(*request, checked));
    Commit(
        core_.writer, "study", name,
        [request, response, id = *id](storage::Store& store) {
          auto study = store.GetStudy(id);
          if (!study.ok()) return study.status();
          const std::string& etag = request->study().etag();
          if (!etag.empty() && etag != StudyEtag(*study)) return StaleEtag(request->study().name());
          const std::int64_t revision = study->revision;
          RETURN_IF_ERROR(ApplyStudyUpdate(*request, *study));
          study->update_time = Now();
          RETURN_IF_ERROR(store.UpdateStudy(*study, revision));
          study = store.GetStudy(id);
          if (!study.ok()) return study.status();
          response->Clear();
          StudyToProto(*study, *response);
          return absl::OkStatus();
        },
        std::move(finish));
    return absl::OkStatus();
  });
}

ServerUnaryReactor* StudyService::DeleteStudy(CallbackServerContext* context,
                                              const v1::DeleteStudyRequest* request,
                                              google::protobuf::Empty*) {
  return core_.calls.OffloadAsync(context, [this, request](Finish finish) -> absl::Status {
    const auto id = ParseStudyName(request->name());
    if (!id) return InvalidField("name", "not of the form studies/STUDY");
    RETURN_IF_ERROR(RefusePublished(*id));
    Commit(
        core_.writer, "study", request->name(),
        [request, id = *id](storage::Store& store) {
          ASSIGN_OR_RETURN(auto study, store.GetStudy(id));
          if (!request->etag().empty() && request->etag() != StudyEtag(study))
            return StaleEtag(request->name());
          return store.DeleteStudy(id);
        },
        [this, id = *id, finish = std::move(finish)](const absl::Status& status) {
          if (status.ok()) {
            core_.jobs.CancelStudy(id);
            core_.fits.RemoveStudy(id);
          }
          finish(status);
        });
    return absl::OkStatus();
  });
}

}  // namespace sextant::server
