// SPDX-License-Identifier: Apache-2.0
// CPU time of a Plan over 20 fits with 1000 replicates each, by every way of giving the budget, and of 100
// 000 targets answered by PredictBatch (server CPU, read from /proc). Targets: 50 ms and 1 s.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/plan/plan.h"
#include "sextant/v1/planning_service.grpc.pb.h"
#include "tests/bench/measure.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/server/daemon.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

constexpr int kFits = 20, kReplicates = 1000, kTargets = 100'000;

fitting::LossSurface Surface(int seed) {
  const auto law = fitting::ShippedLaw("chinchilla-epoch");
  const std::vector<double> center = law->PublishedParameters();
  RandomStream random(static_cast<std::uint64_t>(seed), 0);
  std::vector<double> replicates;
  for (int r = 0; r < kReplicates; ++r) {
    for (const double value : center) replicates.push_back(value * std::exp(0.02 * random.Normal()));
  }
  return storage::Take(fitting::LossSurface::Make("fit", law, center, replicates, {}));
}

void MeasurePlans() {
  std::vector<fitting::LossSurface> surfaces;
  for (int i = 0; i < kFits; ++i) surfaces.push_back(Surface(i));
  const std::pair<const char*, fitting::PlanRequest> requests[] = {
      {"flops", {.flops = 1e21}},
      {"params", {.params = 3e9}},
      {"tokens", {.tokens = 6e10}},
      {"target loss", {.target_loss = 2.2}},
      {"flops, 50B unique tokens", {.flops = 1e23, .unique_tokens = 5e10}},
      {"flops, 2T inference tokens", {.flops = 1e22, .inference_tokens = 2e12}},
      {"target loss, 2T inference tokens", {.target_loss = 2.2, .inference_tokens = 2e12}}};
  for (const auto& [name, request] : requests) {
    const storage::Spent spent = storage::Median(9, [&] {
      for (const fitting::LossSurface& surface : surfaces)
        storage::Take(fitting::PlanAllocation(surface, request));
    });
    std::printf("plan over %d fits, %d replicates each, by %s: %.1f ms CPU\n", kFits, kReplicates, name,
                1e3 * spent.cpu);
  }
}

double CpuSeconds(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  text = text.substr(text.rfind(')') + 2);
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    fields.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  // Fields 14 and 15 of proc(5), of which two are before the text that is left.
  return (std::stod(fields[11]) + std::stod(fields[12])) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

bool Prepare(const std::shared_ptr<grpc::Channel>& channel) {
  Context study_context, upload_context;
  v1::CreateStudyRequest create;
  v1::Study study;
  create.set_study_id("s");
  if (!v1::StudyService::NewStub(channel)->CreateStudy(&study_context, create, &study).ok()) return false;
  auto stream = v1::RunService::NewStub(channel)->UploadRuns(&upload_context);
  v1::UploadRunsRequest header, chunk;
  header.mutable_header()->set_parent("studies/s");
  for (const v1::Run& run : RateSweep()) *chunk.mutable_chunk()->mutable_batch()->add_runs() = run;
  stream->Write(header);
  stream->Write(chunk);
  stream->WritesDone();
  v1::UploadRunsResponse answer;
  while (stream->Read(&answer)) {
  }
  return stream->Finish().ok();
}

std::string MakeFit(const std::shared_ptr<grpc::Channel>& channel, const std::string& law) {
  Context create_context, watch_context;
  v1::CreateFitRequest request;
  v1::Fit fit;
  request.set_parent("studies/s");
  request.set_law(law);
  request.set_bootstrap_replicates(kReplicates);
  auto fits = v1::FitService::NewStub(channel);
  if (!fits->CreateFit(&create_context, request, &fit).ok()) return "";
  v1::WatchFitRequest watch;
  watch.set_name(fit.name());
  auto stream = fits->WatchFit(&watch_context, watch);
  while (stream->Read(&fit)) {
  }
  stream->Finish();
  return fit.state() == v1::FIT_SUCCEEDED ? fit.name() : "";
}

void MeasureBatch(const Daemon& daemon, const v1::PredictBatchRequest& request, const char* what) {
  auto stub = v1::PredictionService::NewStub(daemon.Channel());
  std::vector<double> seconds;
  for (int i = 0; i < 5; ++i) {
    const double before = CpuSeconds(daemon.pid());
    Context context;
    auto stream = stub->PredictBatch(&context, request);
    v1::PredictBatchResponse piece;
    int answered = 0;
    while (stream->Read(&piece)) answered += piece.count();
    const grpc::Status status = stream->Finish();
    if (!status.ok() || answered != kTargets) {
      std::fprintf(stderr, "PredictBatch: %s\n", status.error_message().c_str());
      std::exit(1);
    }
    seconds.push_back(CpuSeconds(daemon.pid()) - before);
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("PredictBatch, %d targets, %s: %.2f s of server CPU\n", kTargets, what, seconds[2]);
}

int Run() {
  MeasurePlans();
  std::string folder = (std::filesystem::temp_directory_path() / "sextant-plan-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  {
    const Daemon daemon(folder, folder + "/bench.db", {"--fsync", "normal"});
    if (!daemon.ready() || !Prepare(daemon.Channel())) return 1;
    v1::PredictBatchRequest targets;
    RandomStream random(1, 0);
    for (int i = 0; i < kTargets; ++i) {
      targets.add_params(std::exp(std::log(1e8) + 5 * random.Uniform()));
      targets.add_tokens(std::exp(std::log(1e9) + 6 * random.Uniform()));
    }
    for (const char* law : {"lr-power-nd", "loss-chinchilla"}) {
      const std::string fit = MakeFit(daemon.Channel(), law);
      if (fit.empty()) {
        std::printf("no fit of %s on this sweep\n", law);
        continue;
      }
      v1::PredictBatchRequest request = targets;
      request.add_fits(fit);
      MeasureBatch(daemon, request, (std::string("one fit of ") + law + ", 1000 replicates").c_str());
    }
    v1::PredictBatchRequest request = targets;
    request.add_laws("step-law-lr");
    MeasureBatch(daemon, request, "one published law");
    request = targets;
    request.add_studies("studies/s");
    MeasureBatch(daemon, request, "the study's current fits");
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace sextant::server

int main() { return sextant::server::Run(); }
