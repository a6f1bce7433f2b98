// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdlib>
#include <utility>

#include "base/status_macros.h"
#include "grpc/health/v1/health.pb.h"
#include "server/access/access.h"
#include "server/access/call_context.h"
#include "server/access_refresh.h"
#include "server/convert/times.h"
#include "server/core.h"
#include "server/embedded_laws.h"
#include "server/guard/connections.h"
#include "server/guard/entrance.h"
#include "server/limits.h"
#include "server/log.h"
#include "server/observe/audit_log.h"
#include "server/observe/call_observer.h"
#include "server/service/access_service.h"
#include "server/service/comparison_service.h"
#include "server/service/conversion_service.h"
#include "server/service/critical_batch_service.h"
#include "server/service/curve_service.h"
#include "server/service/fit_service.h"
#include "server/service/forecast_service.h"
#include "server/service/law_service.h"
#include "server/service/planning_service.h"
#include "server/service/prediction_service.h"
#include "server/service/reflection.h"
#include "server/service/run_service.h"
#include "server/service/scratch_folder.h"
#include "server/service/study_service.h"
#include "server/service/suggestion_service.h"
#include "server/service/system_service.h"
#include "server/unreadable.h"
#include "storage/fault.h"
#include "storage/open_store.h"

namespace sextant::server {
namespace {

constexpr std::chrono::milliseconds kSelfCallPatience{5000};

absl::StatusOr<std::shared_ptr<const fitting::Catalogue>> LoadCatalogue(const std::string& folder) {
  if (!folder.empty()) return fitting::Catalogue::Load(folder);
  const char* from_environment = std::getenv("SEXTANT_LAWS");
  if (from_environment != nullptr && *from_environment != '\0')
    return fitting::Catalogue::Load(from_environment);
  std::vector<std::pair<std::string, std::string>> texts;
  for (const EmbeddedLaw& law : EmbeddedLaws()) texts.emplace_back(law.file, law.toml);
  return fitting::Catalogue::FromTexts(texts,
                                       fitting::Derivatives::kWhenNeeded);  // they ship: tests compile them
}

bool MayNotBeWritten(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsResourceExhausted(status) ||
         storage::FaultOf(status) == storage::kFaultReadOnly;
}

}  // namespace

// In order of construction; destroyed from the bottom: the gRPC server goes before the services, the services
// before what they use.
struct Server::Impl {
  Impl(std::shared_ptr<storage::Store> store, std::unique_ptr<LawTable> law_table, int threads)
      : core(std::move(store), std::move(law_table), threads) {}

  Core core;
  StudyService studies{core};
  RunService runs{core};
  LawService laws{core};
  FitService fits{core};
  PredictionService predictions{core};
  PlanningService plans{core};
  CurveService curves{core};
  CriticalBatchService critical_batches{core};
  ComparisonService comparisons{core};
  SuggestionService suggestions{core};
  ForecastService forecasts{core};
  ConversionService conversions{core};
  SystemService system{core};
  AccessService tokens{core};
  std::vector<std::unique_ptr<grpc::Service>>
      reflection;  // none, or both versions: they want all names first
  bool stopped = false;
  std::unique_ptr<AuditLog> audit;
  std::unique_ptr<AccessRefresh> access_refresh;
  std::atomic<bool> serving{false};
  std::unique_ptr<Entrance> entrance;
  std::unique_ptr<grpc::Server> grpc;

  std::vector<grpc::Service*> Services() {
    return {&studies,          &runs,        &laws,        &fits,      &predictions, &plans,  &curves,
            &critical_batches, &comparisons, &suggestions, &forecasts, &conversions, &system, &tokens};
  }
  absl::Status Start(const ServerOptions& options);
  bool AnswersItself(std::chrono::milliseconds patience);
};

absl::Status Server::Impl::Start(const ServerOptions& options) {
  grpc::EnableDefaultHealthCheckService(true);
  // A reference links the descriptors of the health service in, without which reflection cannot describe it.
  std::vector<std::string> names = {
      grpc::health::v1::HealthCheckRequest::descriptor()->file()->service(0)->full_name(),
      "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"};
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const char* name :
       {"StudyService", "RunService", "LawService", "FitService", "PredictionService", "PlanningService",
        "CurveService", "CriticalBatchService", "ComparisonService", "SuggestionService", "ForecastService",
        "ConversionService", "SystemService", "AccessService"}) {
    names.push_back(pool->FindServiceByName(absl::StrCat("sextant.v1.", name))->full_name());
  }
  const bool reflect = options.reflection && !options.listen.empty();

  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetContextAllocator(std::make_unique<CallContexts>());
  ASSIGN_OR_RETURN(auto opened, Entrance::Open(options, builder));
  entrance = std::move(opened);
  for (grpc::Service* service : Services()) builder.RegisterService(service);
  if (reflect) {
    reflection.push_back(std::make_unique<ReflectionService>(names));
    reflection.push_back(std::make_unique<ReflectionAlphaService>(names));
    for (const auto& service : reflection) builder.RegisterService(service.get());
  }
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  // Statuses pass from the last to the first: the observer sees what is sent. A process that calls itself
  // alone has nobody who looks.
  if (!options.listen.empty()) {
    interceptors.push_back(std::make_unique<CallObserverFactory>(
        Observers{core.metrics, core.access, audit.get(), options.log_requests}));
  }
  interceptors.push_back(std::make_unique<UnreadableFactory>());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  grpc = builder.BuildAndStart();
  if (grpc == nullptr) return absl::UnavailableError("the server did not start");
  if (auto* health = grpc->GetHealthCheckService()) {
    for (const std::string& name : names) {
      if (name.rfind("sextant.", 0) == 0) health->SetServingStatus(name, true);
    }
  }
  if (options.listen.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(entrance->Start());
  serving = true;
  return absl::OkStatus();
}

bool Server::Impl::AnswersItself(std::chrono::milliseconds patience) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + patience);
  v1::PingResponse response;
  const grpc::Status status =
      v1::SystemService::NewStub(grpc->InProcessChannel({}))->Ping(&context, v1::PingRequest(), &response);
  // A refusal is an answer too.
  return status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED &&
         status.error_code() != grpc::StatusCode::UNAVAILABLE;
}

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const ServerOptions& options) {
  RETURN_IF_ERROR(ValidateOptions(options));
  ASSIGN_OR_RETURN(const auto url, storage::ParseStoreUrl(options.database));
  storage::StoreOptions opening;
  opening.reads_ahead = !options.listen.empty();
  opening.renew_checksums = options.renew_checksums;
  opening.durability = options.full_fsync ? storage::Durability::kFull : storage::Durability::kNormal;
  std::string why_read_only;
  if (options.read_only) {
    opening.read_only = true;
    why_read_only = opening.why_read_only;
  }
  auto store = storage::OpenStore(options.database, opening);
  if (!store.ok() && !options.read_only && options.read_only_if_needed && !options.renew_checksums &&
      MayNotBeWritten(store.status())) {
    why_read_only = std::string(store.status().message());
    opening.read_only = true;
    opening.why_read_only = why_read_only;
    auto reading = storage::OpenStore(options.database, opening);
    // Of a file that cannot be read either, the first refusal says more, unless the second is about content.
    const bool about_content =
        absl::IsFailedPrecondition(reading.status()) || absl::IsDataLoss(reading.status());
    if (reading.ok() || (about_content && !absl::IsResourceExhausted(store.status()))) {
      store = std::move(reading);
    }
  }
  if (!store.ok()) return store.status();
  if (!opening.read_only && url.name.is_file) RemoveScratchFolders(url.place);
  return Create(options, *std::move(store), why_read_only);
}

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const ServerOptions& options,
                                                       std::shared_ptr<storage::Store> store,
                                                       const std::string& why_read_only) {
  RETURN_IF_ERROR(ValidateOptions(options));
  ASSIGN_OR_RETURN(auto catalogue, LoadCatalogue(options.laws_folder));
  ASSIGN_OR_RETURN(auto laws, LawTable::Create(std::move(catalogue)));
  auto impl = std::make_unique<Impl>(std::move(store), std::move(laws), options.threads);
  ASSIGN_OR_RETURN(auto url, storage::ParseStoreUrl(options.database));
  impl->core.database = std::move(url.name.shown);
  impl->core.database_is_file = url.name.is_file;
  impl->core.why_read_only = why_read_only;
  impl->core.fits.SetBudget(std::int64_t{options.fit_memory_mb} << 20);
  impl->core.disk_reserve_mb = options.disk_reserve_mb;
  impl->core.asks_for_tokens = !options.listen.empty();
  if (impl->core.asks_for_tokens) {
    impl->core.jobs.GiveWay();
    ASSIGN_OR_RETURN(impl->access_refresh, AccessRefresh::Begin(impl->core, options.token_file));
  }
  if (!options.audit_log.empty()) {
    ASSIGN_OR_RETURN(impl->audit, AuditLog::Open(options.audit_log));
  }
  impl->core.stream_patience = std::chrono::seconds(options.stream_idle_seconds);
  RETURN_IF_ERROR(impl->core.LoadFromStore());
  impl->core.metrics.AddGauge("sextant_connections_open", "Connections of clients", "", "",
                              [] { return static_cast<double>(Connections::OfProcess().counts().open); });
  RETURN_IF_ERROR(impl->Start(options));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Shutdown(std::chrono::milliseconds(0)); }

const std::vector<std::string>& Server::addresses() const { return impl_->entrance->addresses(); }

const std::string& Server::why_read_only() const { return impl_->core.why_read_only; }

int Server::port() const { return impl_->entrance->port(); }

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return impl_->grpc->InProcessChannel(arguments);
}

absl::Status Server::Reload() {
  if (impl_->audit) {
    RETURN_IF_ERROR(impl_->audit->Reopen());
  }
  return impl_->access_refresh ? impl_->access_refresh->Now() : absl::OkStatus();
}

absl::Status Server::BackUp(const std::string& path) {
  const absl::Status status = impl_->core.store->BackUp(path);
  Metrics& metrics = impl_->core.metrics;
  (status.ok() ? metrics.backups_made : metrics.backups_failed).fetch_add(1);
  if (status.ok()) metrics.last_backup_unix_seconds = Now() / 1'000'000;
  return status;
}

bool Server::AnswersItself(std::chrono::milliseconds patience) { return impl_->AnswersItself(patience); }

MonitorSources Server::Monitoring() {
  Impl* impl = impl_.get();
  return {[impl] { return impl->core.metrics.Render(); },
          // While it stops it takes no calls, and is not stuck.
          [impl] { return !impl->serving || impl->AnswersItself(kSelfCallPatience); },
          [impl] { return impl->serving.load(); }};
}

void Server::Shutdown(std::chrono::milliseconds patience) {
  if (impl_->stopped) return;
  impl_->stopped = true;
  impl_->serving = false;
  impl_->access_refresh.reset();
  if (impl_->entrance) impl_->entrance->Close();
  if (auto* health = impl_->grpc->GetHealthCheckService()) health->SetServingStatus(false);
  impl_->core.jobs.Drain();
  impl_->grpc->Shutdown(std::chrono::system_clock::now() + patience);
  impl_->grpc->Wait();
  impl_->core.Stop();
}

}  // namespace sextant::server
