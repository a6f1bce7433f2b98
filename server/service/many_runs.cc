// SPDX-License-Identifier: Apache-2.0
// RunService's changes to all the runs that a filter lets in.
#include <absl/strings/str_cat.h>

#include <utility>

#include "base/status_macros.h"
#include "server/convert/text.h"
#include "server/each_run.h"
#include "server/exclusion.h"
#include "server/filter.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/published.h"
#include "server/service/run_service.h"

namespace sextant::server {
namespace {

constexpr std::int64_t kIdsAtATime = 10'000;

// What the study declares is known only in the store: the filter is read there.
struct ChosenRuns {
  std::string study, filter;
};

// Of a request with `parent` and `filter`.
template <typename Request>
absl::StatusOr<ChosenRuns> ChosenRunsOf(const Request& request) {
  const auto study = ParseStudyName(request.parent());
  if (!study) return InvalidField("parent", "not of the form studies/STUDY");
  RETURN_IF_ERROR(RefusePublished(*study));
  return ChosenRuns{*study, request.filter()};
}

absl::StatusOr<std::vector<std::string>> IdsOf(storage::Snapshot& snapshot, const ChosenRuns& chosen) {
  ASSIGN_OR_RETURN(const auto study, snapshot.GetStudy(chosen.study));
  storage::RunQuery query;
  query.study_id = chosen.study;
  ASSIGN_OR_RETURN(query.where, ParseRunFilter(chosen.filter, "filter", study.declared));
  if (query.where.empty()) {
    return InvalidField("filter", "required: it says which runs; 'tokens > 0' lets every run in");
  }
  query.limit = kIdsAtATime;
  std::vector<std::string> ids;
  RETURN_IF_ERROR(ForEachRun(snapshot, std::move(query), [&](storage::Run&& run) {
    ids.push_back(std::move(run.id));
    return absl::OkStatus();
  }));
  return ids;
}

template <typename Response>
absl::Status CountOnly(const Core& core, const ChosenRuns& chosen, const std::string& parent,
                       Response* response) {
  ASSIGN_OR_RETURN(const auto snapshot, core.Read());
  auto ids = IdsOf(*snapshot, chosen);
  if (!ids.ok()) return Annotate(ids.status(), "study", parent);
  response->set_run_count(static_cast<int>(ids->size()));
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* RunService::DeleteRuns(grpc::CallbackServerContext* context,
                                                 const v1::DeleteRunsRequest* request,
                                                 v1::DeleteRunsResponse* response) {
  return core_.calls.OffloadAsync(
      context, *request, [this, request, response](Finish finish) -> absl::Status {
        ASSIGN_OR_RETURN(auto chosen, ChosenRunsOf(*request));
        if (request->validate_only()) {
          RETURN_IF_ERROR(CountOnly(core_, chosen, request->parent(), response));
          finish(absl::OkStatus());
          return absl::OkStatus();
        }
        Commit(
            core_.writer, "study", request->parent(),
            [this, chosen = std::move(chosen), response](storage::Transaction& transaction) {
              return transaction.Nested([&](storage::Transaction& part) -> absl::Status {
                ASSIGN_OR_RETURN(const auto ids, IdsOf(part, chosen));
                for (const std::string& id : ids) RETURN_IF_ERROR(part.DeleteRun(chosen.study, id));
                response->set_run_count(static_cast<int>(ids.size()));
                core_.sizes.Learn(part, chosen.study);
                return absl::OkStatus();
              });
            },
            std::move(finish));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* RunService::ExcludeRuns(grpc::CallbackServerContext* context,
                                                  const v1::ExcludeRunsRequest* request,
                                                  v1::ExcludeRunsResponse* response) {
  return core_.calls.OffloadAsync(
      context, *request, [this, request, response](Finish finish) -> absl::Status {
        ASSIGN_OR_RETURN(auto chosen, ChosenRunsOf(*request));
        std::vector<FieldViolation> violations;
        CheckText("reason", request->reason(), kMaxExclusionReasonBytes, violations);
        if (request->include() != request->reason().empty()) {
          violations.push_back({"reason", request->include()
                                              ? "only with runs that are taken out"
                                              : "required: who reads the fit will ask for it"});
        }
        if (!violations.empty()) return InvalidFields(violations);
        if (request->validate_only()) {
          RETURN_IF_ERROR(CountOnly(core_, chosen, request->parent(), response));
          finish(absl::OkStatus());
          return absl::OkStatus();
        }
        std::vector<std::string> labels;
        if (!request->include())
          labels = {kExcludedLabel, absl::StrCat(kExcludedLabel, ": ", request->reason())};
        Commit(
            core_.writer, "study", request->parent(),
            [chosen = std::move(chosen), labels = std::move(labels),
             response](storage::Transaction& transaction) -> absl::Status {
              ASSIGN_OR_RETURN(auto ids, IdsOf(transaction, chosen));
              std::vector<storage::RunLabels> runs;
              for (std::string& id : ids) runs.push_back({std::move(id), labels});
              response->set_run_count(static_cast<int>(runs.size()));
              return transaction.SetRunLabels(chosen.study, kExclusionLabels, runs,
                                              storage::LabelScope::kNamedRuns);
            },
            std::move(finish));
        return absl::OkStatus();
      });
}

}  // namespace sextant::server
