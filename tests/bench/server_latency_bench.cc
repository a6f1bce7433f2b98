// SPDX-License-Identifier: Apache-2.0
// Latency of Predict against an empty RPC on the same server, over loopback, from another process.
//
//   build/bin/server_latency_bench [CALLS]
//
// The fit has 1000 bootstrap replicates. Calls alternate, one at a time, so that both see the same machine.
// Target: the medians' ratio is at most 1.3.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/server/daemon.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

constexpr int kReplicates = 1000;
constexpr double kTarget = 1.3;

double Quantile(std::vector<double> values, double q) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

std::string MakeFit(const std::shared_ptr<grpc::Channel>& channel, const std::string& law) {
  Context create_context, watch_context;
  v1::CreateFitRequest request;
  v1::Fit fit;
  request.set_parent("studies/s");
  request.set_law(law);
  request.set_estimator("band");
  request.set_bootstrap_replicates(kReplicates);
  auto fits = v1::FitService::NewStub(channel);
  if (!fits->CreateFit(&create_context, request, &fit).ok()) return "";
  v1::WatchFitRequest watch;
  watch.set_name(fit.name());
  auto stream = fits->WatchFit(&watch_context, watch);
  while (stream->Read(&fit)) {
  }
  stream->Finish();
  if (fit.state() != v1::FIT_SUCCEEDED)
    std::fprintf(stderr, "%s: %s\n", law.c_str(), fit.error().message().c_str());
  return fit.state() == v1::FIT_SUCCEEDED ? fit.name() : "";
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

template <typename Call>
double Microseconds(Call call) {
  const auto begin = steady_clock::now();
  const bool ok = call();
  const double spent = duration<double, std::micro>(steady_clock::now() - begin).count();
  if (!ok) {
    std::fprintf(stderr, "a call failed\n");
    std::exit(1);
  }
  return spent;
}

// Prints both and the ratio of the medians.
double Compare(const std::shared_ptr<grpc::Channel>& channel, const v1::PredictRequest& request, int calls,
               const char* what) {
  auto system = v1::SystemService::NewStub(channel);
  auto predictions = v1::PredictionService::NewStub(channel);
  std::vector<double> ping, predict;
  v1::PredictResponse answer;
  for (int i = -calls / 10; i < calls; ++i) {  // the first tenth warms up
    const double empty = Microseconds([&] {
      grpc::ClientContext context;
      v1::PingResponse response;
      return system->Ping(&context, v1::PingRequest(), &response).ok();
    });
    const double full = Microseconds([&] {
      grpc::ClientContext context;
      return predictions->Predict(&context, request, &answer).ok();
    });
    if (i < 0) continue;
    ping.push_back(empty);
    predict.push_back(full);
  }
  const double ratio = Quantile(predict, 0.5) / Quantile(ping, 0.5);
  std::printf(
      "%-28s Ping p50 %.1f us, p99 %.1f us; Predict p50 %.1f us, p99 %.1f us; ratio of medians %.3f\n", what,
      Quantile(ping, 0.5), Quantile(ping, 0.99), Quantile(predict, 0.5), Quantile(predict, 0.99), ratio);
  return ratio;
}

int Run(int calls) {
  std::string folder = (std::filesystem::temp_directory_path() / "sextant-latency-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  double ratio = 0;
  {
    const Daemon daemon(folder, folder + "/bench.db", {"--fsync", "normal"});
    if (!daemon.ready()) return 1;
    const auto channel = daemon.Channel();
    if (!Prepare(channel)) return 1;
    const std::string rate = MakeFit(channel, "lr-power-nd");
    if (rate.empty()) return 1;
    v1::PredictRequest request;
    request.set_params(1e9);
    request.set_tokens(1e11);
    request.add_fits(rate);
    ratio = Compare(channel, request, calls, "one fit, 1000 replicates:");
    request.clear_fits();
    request.add_laws("step-law-lr");
    Compare(channel, request, calls / 4, "one published law:");
    request.clear_laws();
    Compare(channel, request, calls / 4, "every published law:");
  }
  std::filesystem::remove_all(folder);
  std::printf("target: at most %.1f with one fit: %s\n", kTarget, ratio <= kTarget ? "met" : "missed");
  return 0;
}

}  // namespace
}  // namespace sextant::server

int main(int argc, char** argv) { return sextant::server::Run(argc > 1 ? std::atoi(argv[1]) : 20000); }
