// SPDX-License-Identifier: Apache-2.0
#include "server/service/run_service.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/util/field_mask_util.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "server/convert/curve.h"
#include "server/convert/run.h"
#include "server/error.h"
#include "server/filter.h"
#include "server/limits.h"
#include "server/mutation.h"
#include "server/names.h"
#include "server/page_token.h"
#include "server/published.h"
#include "server/run_labels.h"
#include "server/service/upload.h"

namespace sextant::server {

using google::protobuf::util::FieldMaskUtil;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

namespace {

constexpr char kRunForm[] = "not of the form studies/STUDY/runs/RUN";
// Of a page that is read until it is full: 64 tags of 1 KiB make 70 KB a run.
constexpr int kRunsAtFirst = 40, kRunsAtATime = 500;

absl::Status CheckReadMask(const google::protobuf::FieldMask& mask) {
  std::vector<FieldViolation> violations;
  for (const std::string& path : mask.paths()) {
    if (path == "*" || FieldMaskUtil::IsValidPath<v1::Run>(path)) continue;
    violations.push_back({"read_mask", absl::StrCat("'", path, "' is no field of a run")});
  }
  return violations.empty() ? absl::OkStatus() : InvalidFields(violations);
}

bool FillsEverything(const google::protobuf::FieldMask& mask) {
  return mask.paths().empty() ||
         std::find(mask.paths().begin(), mask.paths().end(), "*") != mask.paths().end();
}

void LabelsToProto(const StudyLabels& labels, v1::LabelRunsResponse& response) {
  for (const fitting::CellQuality& cell : labels.cells) {
    if (response.cells_size() == kMaxCellsListed) break;
    v1::Cell& out = *response.add_cells();
    out.set_params(cell.params);
    out.set_tokens(cell.tokens);
    out.set_runs(cell.runs);
    out.set_runs_diverged(cell.runs_diverged);
    for (const std::string& label : cell.labels) out.add_labels(label);
  }
  response.set_cell_count(static_cast<int>(labels.cells.size()));
  response.set_run_count(labels.runs);
  // A run that both the sweep and its curve call diverged is one run.
  std::map<std::string, std::set<std::string>> runs;
  for (const auto* source : {&labels.labelled, &labels.labelled_by_curve}) {
    for (const storage::RunLabels& run : *source) {
      for (const std::string& label : run.labels) runs[label].insert(run.run_id);
    }
  }
  for (const auto& [label, ids] : runs)
    (*response.mutable_runs_by_label())[label] = static_cast<int>(ids.size());
}

}  // namespace

ServerUnaryReactor* RunService::GetRun(CallbackServerContext* context, const v1::GetRunRequest* request,
                                       v1::Run* response) {
  return core_.calls.Offload(context, *request, [this, request, response]() -> absl::Status {
    const auto name = ParseRunName(request->name());
    if (!name) return InvalidField("name", kRunForm);
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    auto run = snapshot->GetRun(name->study, name->id);
    if (!run.ok()) return Annotate(run.status(), "run", request->name());
    ASSIGN_OR_RETURN(const auto study, snapshot->GetStudy(name->study));
    RunToProto(*run, *response, study.declared);
    return absl::OkStatus();
  });
}

ServerUnaryReactor* RunService::ListRuns(CallbackServerContext* context, const v1::ListRunsRequest* request,
                                         v1::ListRunsResponse* response) {
  return core_.calls.OffloadLarge(context, *request, *response, [this, request, response]() -> absl::Status {
    const auto study = ParseStudyName(request->parent());
    if (!study) return InvalidField("parent", "not of the form studies/STUDY");
    ASSIGN_OR_RETURN(auto size, PageSize(request->page_size(), kDefaultRunPage, kMaxRunPage));
    RETURN_IF_ERROR(CheckReadMask(request->read_mask()));
    const std::vector<std::string> arguments = {"ListRuns", request->parent(), request->filter(),
                                                request->order_by()};
    ASSIGN_OR_RETURN(auto after, ReadPageToken(arguments, request->page_token()));
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    std::vector<storage::DeclaredColumn> declared;
    if (*study != kPublishedStudy) {  // that one has no runs
      auto found = snapshot->GetStudy(*study);
      if (!found.ok()) return Annotate(found.status(), "study", request->parent());
      declared = std::move(found->declared);
    }
    ASSIGN_OR_RETURN(auto where, ParseRunFilter(request->filter(), "filter", declared));
    ASSIGN_OR_RETURN(auto order, ParseRunOrder(request->order_by(), declared));
    if (*study == kPublishedStudy) return absl::OkStatus();

    storage::RunQuery query;
    query.study_id = *study;
    query.where = std::move(where);
    query.order_by = order.field;
    query.descending = order.descending;
    query.after = after;
    // Runs may carry a lot of text each: a page ends where it takes too much, before all of it is in memory.
    std::int64_t bytes = 0;
    do {
      const std::int64_t expected = bytes / std::max(1, response->runs_size());
      const std::int64_t fit = expected > 0 ? (kMaxPageBytes - bytes) / expected : kRunsAtFirst;
      query.limit = static_cast<int>(
          std::clamp<std::int64_t>(fit, 1, std::min(size - response->runs_size(), kRunsAtATime)));
      auto page = snapshot->ListRuns(query);
      if (!page.ok()) return Annotate(page.status(), "study", request->parent());
      for (const storage::Run& run : page->items) {
        v1::Run& message = *response->add_runs();
        RunToProto(run, message, declared);
        if (!FillsEverything(request->read_mask()))
          FieldMaskUtil::TrimMessage(request->read_mask(), &message);
        bytes += static_cast<std::int64_t>(message.ByteSizeLong());
      }
      query.after = page->next_key;
    } while (!query.after.empty() && response->runs_size() < size && bytes < kMaxPageBytes);
    response->set_next_page_token(MakePageToken(arguments, query.after));
    return absl::OkStatus();
  });
}

ServerUnaryReactor* RunService::GetCurve(CallbackServerContext* context, const v1::GetCurveRequest* request,
                                         v1::GetCurveResponse* response) {
  return core_.calls.OffloadLarge(context, *request, *response, [this, request, response]() -> absl::Status {
    const auto name = ParseRunName(request->name());
    if (!name) return InvalidField("name", kRunForm);
    ASSIGN_OR_RETURN(auto size, PageSize(request->page_size(), kMaxCurvePage, kMaxCurvePage));
    const std::vector<std::string> arguments = {"GetCurve", request->name()};
    ASSIGN_OR_RETURN(auto key, ReadPageToken(arguments, request->page_token()));
    // Curves only grow at their end, so a position stays valid while a run goes on.
    std::uint64_t from = 0;
    if (!key.empty() && !absl::SimpleAtoi(key, &from)) return InvalidField("page_token", "damaged");
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    auto run = snapshot->GetRun(name->study, name->id);
    if (!run.ok()) return Annotate(run.status(), "run", request->name());
    auto curve = snapshot->GetCurvePart(name->study, name->id, static_cast<std::int64_t>(from), size);
    if (!curve.ok()) return Annotate(curve.status(), "run", request->name());
    CurveToProto(*curve, 0, curve->size(), *response->mutable_curve());
    const std::uint64_t next = from + curve->size();
    if (next < static_cast<std::uint64_t>(run->curve_points)) {
      response->set_next_page_token(MakePageToken(arguments, absl::StrCat(next)));
    }
    return absl::OkStatus();
  });
}

ServerUnaryReactor* RunService::DeleteRun(CallbackServerContext* context, const v1::DeleteRunRequest* request,
                                          google::protobuf::Empty*) {
  return core_.calls.OffloadAsync(context, *request, [this, request](Finish finish) -> absl::Status {
    const auto name = ParseRunName(request->name());
    if (!name) return InvalidField("name", kRunForm);
    RETURN_IF_ERROR(RefusePublished(name->study));
    Commit(
        core_.writer, "run", request->name(),
        [this, name = *name](storage::Transaction& transaction) {
          RETURN_IF_ERROR(transaction.DeleteRun(name.study, name.id));
          core_.sizes.Learn(transaction, name.study);
          return absl::OkStatus();
        },
        std::move(finish));
    return absl::OkStatus();
  });
}

ServerUnaryReactor* RunService::LabelRuns(CallbackServerContext* context, const v1::LabelRunsRequest* request,
                                          v1::LabelRunsResponse* response) {
  return core_.calls.OffloadHeavyAsync(
      context, *request, *response, [this, request, response](Finish finish) -> absl::Status {
        const auto study = ParseStudyName(request->parent());
        if (!study) return InvalidField("parent", "not of the form studies/STUDY");
        RETURN_IF_ERROR(RefusePublished(*study));
        ASSIGN_OR_RETURN(auto snapshot, core_.Read());
        auto meant = snapshot->GetStudy(*study);
        if (!meant.ok()) return Annotate(meant.status(), "study", request->parent());
        auto labels = FindStudyLabels(*snapshot, *study, std::numeric_limits<std::int64_t>::max());
        snapshot.reset();
        if (!labels.ok()) return Annotate(labels.status(), "study", request->parent());
        LabelsToProto(*labels, *response);
        if (request->validate_only()) {
          finish(absl::OkStatus());
          return absl::OkStatus();
        }
        Commit(
            core_.writer, "study", request->parent(),
            [study = *study, uid = meant->uid, kept = *std::move(labels)](storage::Transaction& transaction) {
              RETURN_IF_ERROR(CheckSameStudy(transaction, study, uid));
              return KeepStudyLabels(transaction, study, kept);
            },
            std::move(finish));
        return absl::OkStatus();
      });
}

grpc::ServerBidiReactor<v1::UploadRunsRequest, v1::UploadRunsResponse>* RunService::UploadRuns(
    CallbackServerContext* context) {
  return UploadStream::Begin(core_, *context);
}

ServerUnaryReactor* RunService::GetUpload(CallbackServerContext* context, const v1::GetUploadRequest* request,
                                          v1::Upload* response) {
  return core_.calls.Offload(context, *request, [this, request, response]() -> absl::Status {
    const auto name = ParseUploadName(request->name());
    if (!name) return InvalidField("name", "not of the form studies/STUDY/uploads/UPLOAD");
    ASSIGN_OR_RETURN(const auto snapshot, core_.Read());
    auto study = snapshot->GetStudy(name->study);
    if (!study.ok()) return Annotate(study.status(), "study", StudyName(name->study));
    auto upload = FindUpload(*snapshot, *study, name->id);
    if (!upload.ok()) return Annotate(upload.status(), "upload", request->name());
    response->set_name(request->name());
    response->set_next_chunk(upload->next_chunk);
    response->set_accepted(static_cast<int>(upload->accepted));
    response->set_duplicate(static_cast<int>(upload->duplicate));
    response->set_rejected(static_cast<int>(upload->rejected));
    response->set_complete(upload->complete);
    return absl::OkStatus();
  });
}

}  // namespace sextant::server
