// SPDX-License-Identifier: Apache-2.0
#include "server/service/fit_service.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "fitting/least_squares/loss_average.h"
#include "server/convert/fit.h"
#include "server/convert/law.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/page_token.h"
#include "server/published.h"
#include "server/secret.h"
#include "server/service/compare_fits.h"
#include "server/service/read_fit.h"
#include "server/service/watch_fit.h"

namespace sextant::server {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

namespace {

// A law's id and eight random digits, as a label: two fits never meet, and the id says what was fitted.
std::string NewFitId(const std::string& law) { return law.substr(0, 54) + "-" + RandomHex(4); }

// What CreateFit has checked and is about to store.
struct NewFit {
  storage::Fit fit;
  FitOrder order;
  std::shared_ptr<const fitting::Law> law;
};

// The forms that ship, and those of users that the study has been fitted with.
std::vector<std::shared_ptr<const fitting::Law>> LawsToAverage(const LawTable::Snapshot& laws,
                                                               const FitTable::Snapshot& fits,
                                                               const std::string& study,
                                                               const fitting::LawSpec& average) {
  std::set<std::string> fitted;
  if (const auto served = fits.find(study); served != fits.end()) {
    for (const auto& [id, fit] : served->second->fits) {
      if (fit.predictor) fitted.insert(fit.predictor->fit()->law_id);
    }
  }
  std::vector<std::shared_ptr<const fitting::Law>> averaged;
  for (const auto& [id, entry] : laws) {
    if (!fitting::MayBeAveraged(entry.law->spec(), average)) continue;
    if (entry.built_in || fitted.contains(id)) averaged.push_back(entry.law);
  }
  return averaged;
}

absl::StatusOr<NewFit> CheckRequest(Core& core, const v1::CreateFitRequest& request) {
  const auto study_id = ParseStudyName(request.parent());
  if (!study_id) return InvalidField("parent", "not of the form studies/STUDY");
  RETURN_IF_ERROR(RefusePublished(*study_id));
  RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  ASSIGN_OR_RETURN(const auto snapshot, core.Read());
  auto study = snapshot->GetStudy(*study_id);
  if (!study.ok()) return Annotate(study.status(), "study", request.parent());
  if (study->fit_count >= kMaxFitsPerStudy) {
    return QuotaExceeded("FIT_LIMIT", request.parent(),
                         absl::StrCat("the study holds ", study->fit_count, " fits; delete some first"), 0);
  }
  if (request.law().empty()) return InvalidField("law", "missing: the id of a law, as ListLaws gives them");
  const auto law_id = ParseLawName(request.law());
  const auto laws = core.laws->Load();
  const auto law = laws->find(law_id ? *law_id : request.law());
  if (law == laws->end()) return MissingLaw(*laws, law_id ? *law_id : request.law());
  ASSIGN_OR_RETURN(auto order, FitOrderFromProto(request, *study, law->second.law->spec()));
  if (core.fits.bytes() >= core.fits.budget()) {
    return QuotaExceeded(
        "FIT_MEMORY_LIMIT", request.parent(),
        absl::StrCat("the fits that are served hold ", core.fits.bytes() >> 20,
                     " MB, all that --fit-memory-mb allows: delete some, or start the server "
                     "with more"),
        0);
  }
  if (fitting::NeedsOf(law->second.law->spec()).laws) {
    order.laws = LawsToAverage(*laws, *core.fits.Load(), *study_id, law->second.law->spec());
  }
  NewFit made;
  made.law = law->second.law;
  made.fit = RunningFit(order, *made.law, request.fit_id().empty() ? NewFitId(law->first) : request.fit_id());
  made.order = std::move(order);
  return made;
}

}  // namespace

ServerUnaryReactor* FitService::CreateFit(CallbackServerContext* context, const v1::CreateFitRequest* request,
                                          v1::Fit* response) {
  return core_.calls.OffloadAsync(
      context, *request, [this, context, request, response](Finish finish) -> absl::Status {
        ASSIGN_OR_RETURN(auto checked, CheckRequest(core_, *request));
        auto made = std::make_shared<NewFit>(std::move(checked));
        const std::string name = FitName(made->fit.study_id, made->fit.id);
        if (request->validate_only()) {
          ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
          if (snapshot->GetFit(made->fit.study_id, made->fit.id).ok()) return TakenResource("fit", name);
          FitToProto(made->fit, *response);
          finish(absl::OkStatus());
          return absl::OkStatus();
        }
        const std::string caller = HostOfPeer(core_.calls.access().CallerKey(*context));
        RETURN_IF_ERROR(core_.jobs.Reserve(caller));
        Commit(
            core_.writer, "fit", name,
            [request, response, made, name](storage::Transaction& transaction) {
              return OncePerRequest(
                  transaction, request->request_id(), *request, *response, [&](storage::Transaction& nested) {
                    RETURN_IF_ERROR(CheckSameStudy(nested, made->fit.study_id, made->order.study_uid));
                    if (nested.GetFit(made->fit.study_id, made->fit.id).ok())
                      return TakenResource("fit", name);
                    response->Clear();
                    FitToProto(made->fit, *response);
                    return nested.PutFit(made->fit);
                  });
            },
            [this, response, made, name, caller, finish = std::move(finish)](const absl::Status& status) {
              // A repeated request answers with the fit that the first one made: there is nothing to start.
              const bool is_new = status.ok() && response->name() == name;
              if (is_new) {
                core_.fits.Put(made->fit.study_id, made->fit.id, ServeFit(made->fit));
                core_.jobs.Start(caller, made->fit, std::move(made->order), made->law);
              } else {
                core_.jobs.Release(caller);
              }
              finish(status);
            });
        return absl::OkStatus();
      });
}

ServerUnaryReactor* FitService::GetFit(CallbackServerContext* context, const v1::GetFitRequest* request,
                                       v1::Fit* response) {
  return core_.calls.Offload(
      context, *request, [this, request, response] { return ReadFit(core_, request->name(), *response); });
}

ServerUnaryReactor* FitService::ListFits(CallbackServerContext* context, const v1::ListFitsRequest* request,
                                         v1::ListFitsResponse* response) {
  return core_.calls.OffloadLarge(context, *request, *response, [this, request, response]() -> absl::Status {
    const auto study = ParseStudyName(request->parent());
    if (!study) return InvalidField("parent", "not of the form studies/STUDY");
    ASSIGN_OR_RETURN(auto size, PageSize(request->page_size(), kDefaultFitPage, kMaxFitPage));
    if (*study == kPublishedStudy) return ListPublished(*request, size, *response);
    const std::vector<std::string> arguments = {"ListFits", request->parent()};
    ASSIGN_OR_RETURN(auto after, ReadPageToken(arguments, request->page_token()));
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    if (auto found = snapshot->GetStudy(*study); !found.ok()) {
      return Annotate(found.status(), "study", request->parent());
    }
    auto page = snapshot->ListFits(*study, size, after);
    if (!page.ok()) return Annotate(page.status(), "study", request->parent());
    for (storage::Fit& fit : page->items) {
      FitToProto(AsEnded(core_, std::move(fit)), *response->add_fits());
    }
    response->set_next_page_token(MakePageToken(arguments, page->next_key));
    return absl::OkStatus();
  });
}

absl::Status FitService::ListPublished(const v1::ListFitsRequest& request, int size,
                                       v1::ListFitsResponse& response) {
  const std::vector<std::string> arguments = {"ListFits", request.parent()};
  ASSIGN_OR_RETURN(auto after, ReadPageToken(arguments, request.page_token()));
  const auto laws = core_.laws->Load();
  std::string last;
  for (auto law = after.empty() ? laws->begin() : laws->upper_bound(after); law != laws->end(); ++law) {
    if (!law->second.predictor) continue;
    if (response.fits_size() == size) {
      response.set_next_page_token(MakePageToken(arguments, last));
      break;
    }
    PublishedFitToProto(law->second.law->spec(), *response.add_fits());
    last = law->first;
  }
  return absl::OkStatus();
}

grpc::ServerWriteReactor<v1::Fit>* FitService::WatchFit(CallbackServerContext* context,
                                                        const v1::WatchFitRequest* request) {
  return FitWatch::Begin(core_, *context, *request);
}

ServerUnaryReactor* FitService::CancelFit(CallbackServerContext* context, const v1::CancelFitRequest* request,
                                          v1::Fit* response) {
  return core_.calls.OffloadAsync(
      context, *request, [this, request, response](Finish finish) -> absl::Status {
        if (!ParseFitName(request->name()))
          return InvalidField("name", "not of the form studies/STUDY/fits/FIT");
        auto shared = std::make_shared<Finish>(std::move(finish));
        const auto active = core_.jobs.OnEnd(request->name(), [response, shared](const storage::Fit& fit) {
          FitToProto(fit, *response);
          (*shared)(absl::OkStatus());
        });
        if (active) {
          core_.jobs.Cancel(request->name());
          return absl::OkStatus();
        }
        absl::Status status = ReadFit(core_, request->name(), *response);
        if (status.ok()) (*shared)(status);
        return status;
      });
}

ServerUnaryReactor* FitService::DeleteFit(CallbackServerContext* context, const v1::DeleteFitRequest* request,
                                          google::protobuf::Empty*) {
  return core_.calls.OffloadAsync(context, *request, [this, request](Finish finish) -> absl::Status {
    const auto fit = ParseFitName(request->name());
    if (!fit) return InvalidField("name", "not of the form studies/STUDY/fits/FIT");
    RETURN_IF_ERROR(RefusePublished(fit->study));
    if (core_.jobs.IsActive(request->name())) {
      return UnmetPrecondition("FIT_RUNNING", request->name(),
                               absl::StrCat(request->name(), " still runs: cancel it first"));
    }
    Commit(
        core_.writer, "fit", request->name(),
        [fit = *fit](storage::Transaction& transaction) { return transaction.DeleteFit(fit.study, fit.id); },
        [this, fit = *fit, finish = std::move(finish)](const absl::Status& status) {
          if (status.ok()) core_.fits.Remove(fit.study, fit.id);
          finish(status);
        });
    return absl::OkStatus();
  });
}

ServerUnaryReactor* FitService::CompareFits(CallbackServerContext* context,
                                            const v1::CompareFitsRequest* request,
                                            v1::CompareFitsResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response, [this, request, response] {
    return server::CompareFits(core_, *request, *response);
  });
}

}  // namespace sextant::server
