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
  return core_.calls.OffloadAsync(
      context, *request, [this, request, response](Finish finish) -> absl::Status {
        auto study = NewStudyFromProto(*request);
        if (!study.ok()) return study.status();
        RETURN_IF_ERROR(CheckRequestId(request->request_id()));
        const std::string name = StudyName(study->id);
        if (study->id == kPublishedStudy) return TakenResource("study", name);
        study->create_time = study->update_time = Now();
        if (request->validate_only()) {
          ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
          if (snapshot->GetStudy(study->id).ok()) return TakenResource("study", name);
          StudyToProto(*study, *response);
          finish(absl::OkStatus());
          return absl::OkStatus();
        }
        Commit(
            core_.writer, "study", name,
            [request, response, study = *std::move(study)](storage::Transaction& transaction) {
              return OncePerRequest(transaction, request->request_id(), *request, *response,
                                    [&](storage::Transaction& nested) {
                                      RETURN_IF_ERROR(nested.CreateStudy(study));
                                      ASSIGN_OR_RETURN(auto stored, nested.GetStudy(study.id));
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
  return core_.calls.Offload(context, *request, [this, request, response]() -> absl::Status {
    const auto id = ParseStudyName(request->name());
    if (!id) return InvalidField("name", "not of the form studies/STUDY");
    if (*id == kPublishedStudy) {
      PublishedStudyToProto(*core_.laws->Load(), *response);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    auto study = snapshot->GetStudy(*id);
    if (!study.ok()) return Annotate(study.status(), "study", request->name());
    auto size = snapshot->GetStudySize(*id);
    if (!size.ok()) return Annotate(size.status(), "study", request->name());
    StudyToProto(*study, *response);
    response->set_curve_point_count(size->points);
    return absl::OkStatus();
  });
}

ServerUnaryReactor* StudyService::ListStudies(CallbackServerContext* context,
                                              const v1::ListStudiesRequest* request,
                                              v1::ListStudiesResponse* response) {
  return core_.calls.Offload(context, *request, [this, context, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(auto size, PageSize(request->page_size(), kDefaultStudyPage, kMaxStudyPage));
    ASSIGN_OR_RETURN(auto key, ReadPageToken({"ListStudies"}, request->page_token()));
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    auto page = ListWithPublished(*snapshot, size, key);
    if (!page.ok()) return Annotate(page.status(), "study", "studies");
    for (const storage::Study& study : page->items) {
      if (!core_.calls.access().MaySee(*context, study.id)) continue;
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
      core_, *context, *request,
      [this, name = request->name()](const std::string& path, std::int64_t) -> absl::Status {
        const auto id = ParseStudyName(name);
        if (!id) return InvalidField("name", "not of the form studies/STUDY");
        RETURN_IF_ERROR(RefusePublished(*id));
        ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
        const absl::Status exported = storage::ExportStudyFile(*snapshot, *id, path);
        return exported.ok() ? exported : Annotate(exported, "study", name);
      });
}

grpc::ServerReadReactor<v1::ImportStudyRequest>* StudyService::ImportStudy(CallbackServerContext* context,
                                                                           v1::Study* response) {
  return StudyImport::Begin(core_, *context, *response);
}

ServerUnaryReactor* StudyService::UpdateStudy(CallbackServerContext* context,
                                              const v1::UpdateStudyRequest* request, v1::Study* response) {
  return core_.calls.OffloadAsync(context, *request,
                                  [this, request, response](Finish finish) -> absl::Status {
                                    const std::string& name = request->study().name();
                                    const auto id = ParseStudyName(name);
                                    if (!id)
                                      return InvalidField("study.name", "not of the form studies/STUDY");
                                    RETURN_IF_ERROR(RefusePublished(*id));
                                    storage::Study checked;
                                    RETURN_IF_ERROR(ApplyStudyUpdate(*request, checked));
                                    Commit(
                                        core_.writer, "study", name,
                                        [request, response, id = *id](storage::Transaction& transaction) {
                                          auto study = transaction.GetStudy(id);
                                          if (!study.ok()) return study.status();
                                          const std::string& etag = request->study().etag();
                                          if (!etag.empty() && etag != StudyEtag(*study))
                                            return StaleEtag(request->study().name());
                                          const std::int64_t revision = study->revision;
                                          RETURN_IF_ERROR(ApplyStudyUpdate(*request, *study));
                                          study->update_time = Now();
                                          RETURN_IF_ERROR(transaction.UpdateStudy(*study, revision));
                                          study = transaction.GetStudy(id);
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
  return core_.calls.OffloadAsync(context, *request, [this, request](Finish finish) -> absl::Status {
    const auto id = ParseStudyName(request->name());
    if (!id) return InvalidField("name", "not of the form studies/STUDY");
    RETURN_IF_ERROR(RefusePublished(*id));
    Commit(
        core_.writer, "study", request->name(),
        [request, id = *id](storage::Transaction& transaction) {
          ASSIGN_OR_RETURN(auto study, transaction.GetStudy(id));
          if (!request->etag().empty() && request->etag() != StudyEtag(study))
            return StaleEtag(request->name());
          return transaction.DeleteStudy(id);
        },
        [this, id = *id, finish = std::move(finish)](const absl::Status& status) {
          if (status.ok()) {
            core_.jobs.CancelStudy(id);
            core_.fits.RemoveStudy(id);
            core_.sizes.Forget(id);
          }
          finish(status);
        });
    return absl::OkStatus();
  });
}

}  // namespace sextant::server
