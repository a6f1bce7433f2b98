// SPDX-License-Identifier: Apache-2.0
#include "server/service/system_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>

#include "base/status_macros.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"
#include "server/service/file_download.h"
#include "server/version.h"

namespace sextant::server {
namespace {

constexpr int kMaxNamed = 20;

const char* CpuLevel() {
  if (__builtin_cpu_supports("avx512f")) return "avx512";
  if (__builtin_cpu_supports("avx2")) return "avx2";
  return "sse2";
}

// "ok", or the fits that are in the file but cannot be computed with.
std::string Whole(const FitTable::Snapshot& studies) {
  std::string names;
  int count = 0;
  for (const auto& [study, served] : studies) {
    for (const auto& [id, fit] : served->fits) {
      if (!fit.set_aside) continue;
      if (++count <= kMaxNamed) names += (names.empty() ? "" : ", ") + FitName(study, id);
    }
  }
  if (count == 0) return "ok";
  return absl::StrCat(count, count == 1 ? " fit is" : " fits are",
                      " set aside, which cannot be computed with: ", names, count > kMaxNamed ? ", …" : "");
}

}  // namespace

grpc::ServerUnaryReactor* SystemService::Ping(grpc::CallbackServerContext* context,
                                              const v1::PingRequest* request, v1::PingResponse*) {
  return core_.calls.Inline(context, *request, [] { return absl::OkStatus(); });
}

grpc::ServerUnaryReactor* SystemService::GetServerInfo(grpc::CallbackServerContext* context,
                                                       const v1::GetServerInfoRequest* request,
                                                       v1::ServerInfo* response) {
  return core_.calls.Offload(context, *request, [this, context, request, response]() -> absl::Status {
    response->set_version(kVersion);
    response->set_threads(core_.jobs.threads());
    response->set_max_message_bytes(kMaxMessageBytes);
    response->set_cpu_level(CpuLevel());
    // What the server as a whole holds is not for those whom single studies are opened to.
    if (core_.calls.access().IsLimited(*context)) {
      if (!request->check_integrity()) return absl::OkStatus();
      return WithReason(absl::PermissionDeniedError("this token is for single studies"), "NOT_ALLOWED");
    }
    response->set_database(core_.database);
    auto health = core_.store->GetHealth();
    if (!health.ok()) return Annotate(health.status(), "database", core_.database);
    response->set_schema_version(health->schema_version);
    response->set_study_count(static_cast<int>(core_.fits.Load()->size()));
    const auto laws = core_.laws->Load();
    response->set_law_count(static_cast<int>(laws->size()));
    response->set_published_law_count(static_cast<int>(std::count_if(
        laws->begin(), laws->end(), [](const auto& law) { return law.second.predictor != nullptr; })));
    if (request->check_integrity()) {
      const absl::Status status = core_.store->CheckIntegrity();
      if (!status.ok() && !absl::IsDataLoss(status)) return Annotate(status, "database", core_.database);
      response->set_integrity(status.ok() ? Whole(*core_.fits.Load()) : std::string(status.message()));
    }
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::BackUpResponse>* SystemService::BackUp(grpc::CallbackServerContext* context,
                                                                    const v1::BackUpRequest* request) {
  return FileDownload<v1::BackUpResponse>::Begin(
      core_, *context, *request,
      [this](const std::string& path, std::int64_t database_bytes) -> absl::Status {
        RETURN_IF_ERROR(CheckRoom(core_, path, database_bytes, "a copy of the database"));
        const absl::Status copied = core_.store->BackUp(path);
        return copied.ok() ? copied : Annotate(copied, "database", core_.database);
      });
}

}  // namespace sextant::server
