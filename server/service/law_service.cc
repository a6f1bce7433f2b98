// SPDX-License-Identifier: Apache-2.0
#include "server/service/law_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "server/convert/law.h"
#include "server/convert/times.h"
#include "server/error.h"
#include "server/evaluate_law.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/page_token.h"

namespace sextant::server {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

ServerUnaryReactor* LawService::GetLaw(CallbackServerContext* context, const v1::GetLawRequest* request,
                                       v1::Law* response) {
  return core_.calls.Inline(context, *request, [&]() -> absl::Status {
    const auto id = ParseLawName(request->name());
    if (!id) return InvalidField("name", "not of the form laws/LAW");
    const auto laws = core_.laws->Load();
    const auto found = laws->find(*id);
    if (found == laws->end()) return MissingLaw(*laws, *id);
    LawToProto(found->second, *response);
    return absl::OkStatus();
  });
}

ServerUnaryReactor* LawService::ListLaws(CallbackServerContext* context, const v1::ListLawsRequest* request,
                                         v1::ListLawsResponse* response) {
  return core_.calls.Offload(context, *request, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(auto size, PageSize(request->page_size(), kDefaultLawPage, kMaxLawPage));
    const std::vector<std::string> arguments = {"ListLaws", request->predicts()};
    ASSIGN_OR_RETURN(auto after, ReadPageToken(arguments, request->page_token()));
    const auto laws = core_.laws->Load();
    std::string last;
    for (auto law = after.empty() ? laws->begin() : laws->upper_bound(after); law != laws->end(); ++law) {
      if (!request->predicts().empty() &&
          fitting::QuantityName(law->second.law->spec()) != request->predicts()) {
        continue;
      }
      if (response->laws_size() == size) {
        response->set_next_page_token(MakePageToken(arguments, last));
        break;
      }
      LawToProto(law->second, *response->add_laws());
      last = law->first;
    }
    return absl::OkStatus();
  });
}

ServerUnaryReactor* LawService::CreateLaw(CallbackServerContext* context, const v1::CreateLawRequest* request,
                                          v1::Law* response) {
  return core_.calls.OffloadAsync(
      context, *request, [this, request, response](Finish finish) -> absl::Status {
        storage::UserLaw user_law;
        user_law.toml = request->toml();
        user_law.create_time = Now();
        auto entry = core_.laws->Compile(user_law);
        if (!entry.ok()) return entry.status();
        user_law.id = entry->law->spec().id;
        const std::string name = LawName(user_law.id);
        const auto laws = core_.laws->Load();
        if (laws->count(user_law.id) > 0) return TakenResource("law", name);
        const auto users =
            std::count_if(laws->begin(), laws->end(), [](const auto& law) { return !law.second.built_in; });
        if (users >= kMaxUserLaws) {
          return QuotaExceeded("LAW_LIMIT", "laws",
                               absl::StrCat("there are ", users, " added laws; delete some first"), 0);
        }
        LawToProto(*entry, *response);
        if (request->validate_only()) {
          finish(absl::OkStatus());
          return absl::OkStatus();
        }
        Commit(
            core_.writer, "law", name,
            [user_law](storage::Transaction& transaction) { return transaction.PutLaw(user_law); },
            [this, entry = *std::move(entry), finish = std::move(finish)](const absl::Status& status) {
              if (status.ok()) core_.laws->Put(entry);
              finish(status);
            });
        return absl::OkStatus();
      });
}

ServerUnaryReactor* LawService::EvaluateLaw(CallbackServerContext* context,
                                            const v1::EvaluateLawRequest* request,
                                            v1::EvaluateLawResponse* response) {
  return core_.calls.Offload(context, *request, [this, request, response]() -> absl::Status {
    const auto id = ParseLawName(request->name());
    if (!id) return InvalidField("name", "not of the form laws/LAW");
    const auto laws = core_.laws->Load();
    const auto found = laws->find(*id);
    if (found == laws->end()) return MissingLaw(*laws, *id);
    return server::EvaluateLaw(*found->second.law, *request, *response);
  });
}

ServerUnaryReactor* LawService::DeleteLaw(CallbackServerContext* context, const v1::DeleteLawRequest* request,
                                          google::protobuf::Empty*) {
  return core_.calls.OffloadAsync(context, *request, [this, request](Finish finish) -> absl::Status {
    const auto id = ParseLawName(request->name());
    if (!id) return InvalidField("name", "not of the form laws/LAW");
    const auto laws = core_.laws->Load();
    const auto found = laws->find(*id);
    if (found == laws->end()) return MissingLaw(*laws, *id);
    if (found->second.built_in) {
      return UnmetPrecondition("LAW_BUILT_IN", request->name(),
                               absl::StrCat(request->name(), " ships with Sextant and cannot be deleted"));
    }
    Commit(
        core_.writer, "law", request->name(),
        [id = *id](storage::Transaction& transaction) { return transaction.DeleteLaw(id); },
        [this, id = *id, finish = std::move(finish)](const absl::Status& status) {
          if (status.ok()) core_.laws->Remove(id);
          finish(status);
        });
    return absl::OkStatus();
  });
}

}  // namespace sextant::server
