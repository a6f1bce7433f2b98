#include "server/service/system_service.h"

#include <algorithm>

#include "base/status_macros.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/service/file_download.h"
#include "server/version.h"

namespace sextant::server {
namespace {

const char* CpuLevel() {
  if (__builtin_cpu_supports("avx512f")) return "avx512";
  if (__builtin_cpu_supports("avx2")) return "avx2";
  return "sse2";
}

}  // namespace

grpc::ServerUnaryReactor* SystemService::Ping(grpc::CallbackServerContext* context, const v1::PingRequest*,
                                              v1::PingResponse*) {
  return core_.calls.Inline(context, [] { return absl::OkStatus(); });
}

grpc::ServerUnaryReactor* SystemService::GetServerInfo(grpc::CallbackServerContext* context,
                                                       const v1::GetServerInfoRequest* request,
                                                       v1::ServerInfo* response) {
  return core_.calls.Offload(context, [this, request, response]() -> absl::Status {
    response->set_version(kVersion);
    response->set_database(core_.database);
    auto health = core_.store->GetHealth();
    if (!health.ok()) return Annotate(health.status(), "database", core_.database);
    response->set_schema_version(health->schema_version);
    response->set_study_count(static_cast<int>(core_.fits.Load()->size()));
    const auto laws = core_.laws->Load();
    response->set_law_count(static_cast<int>(laws->size()));
    response->set_published_law_count(static_cast<int>(std::count_if(
        laws->begin(), laws->end(), [](const auto& law) { return law.second.predictor != nullptr; })));
    response->set_threads(core_.jobs.threads());
    response->set_max_message_bytes(kMaxMessageBytes);
    response->set_cpu_level(CpuLevel());
    if (request->check_integrity()) {
      const absl::Status status = core_.store->CheckIntegrity();
      if (!status.ok() && !absl::IsDataLoss(status)) return Annotate(status, "database", core_.database);
      response->set_integrity(status.ok() ? "ok" : std::string(status.message()));
    }
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::BackUpResponse>* SystemService::BackUp(grpc::CallbackServerContext* context,
                                                                    const v1::BackUpRequest*) {
  return FileDownload<v1::BackUpResponse>::Begin(
      core_, *context, [this](const std::string& path, std::int64_t database_bytes) -> absl::Status {
        RETURN_IF_ERROR(CheckRoom(path, database_bytes, "a copy of the database"));
        const absl::Status copied = core_.store->BackUp(path);
        return copied.ok() ? copied : Annotate(copied, "database", core_.database);
      });
}

}  // namespace sextant::server
