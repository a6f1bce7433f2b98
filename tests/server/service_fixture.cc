// SPDX-License-Identifier: Apache-2.0
#include "tests/server/service_fixture.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "google/rpc/error_details.pb.h"

namespace sextant::server {

Context::Context() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60)); }

ServiceTest::ServiceTest() {
  std::string name = (std::filesystem::temp_directory_path() / "sextant-server-XXXXXX").string();
  folder = mkdtemp(name.data());
  options.database = folder + "/test.db";
  options.full_fsync = false;  // tests kill processes, not machines
  options.threads = 2;
  // A socket, as most clients use; the in-process transport has tests of its own.
  options.listen = {"unix:" + folder + "/socket"};
}

ServiceTest::~ServiceTest() {
  Stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

void ServiceTest::Start() {
  auto made = Server::Create(options);
  ASSERT_TRUE(made.ok()) << made.status();
  server = *std::move(made);
  const auto channel = grpc::CreateChannel(server->addresses()[0], grpc::InsecureChannelCredentials());
  studies = v1::StudyService::NewStub(channel);
  runs = v1::RunService::NewStub(channel);
  laws = v1::LawService::NewStub(channel);
  fits = v1::FitService::NewStub(channel);
  predictions = v1::PredictionService::NewStub(channel);
  system = v1::SystemService::NewStub(channel);
}

void ServiceTest::Stop() {
  if (server) server->Shutdown(std::chrono::seconds(2));
  server.reset();
}

void ServiceTest::Restart() {
  Stop();
  Start();
}

void ServiceTest::CreateStudy(const std::string& id) {
  Context context;
  v1::CreateStudyRequest request;
  v1::Study study;
  request.set_study_id(id);
  const grpc::Status status = studies->CreateStudy(&context, request, &study);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

v1::UploadRunsResponse ServiceTest::Upload(const std::string& study, const std::vector<v1::Run>& rows,
                                           const std::string& upload_id) {
  Context context;
  auto stream = runs->UploadRuns(&context);
  v1::UploadRunsRequest request;
  request.mutable_header()->set_parent("studies/" + study);
  request.mutable_header()->set_upload_id(upload_id);
  stream->Write(request);
  request.mutable_chunk()->set_last(true);
  for (const v1::Run& run : rows) *request.mutable_chunk()->mutable_batch()->add_runs() = run;
  stream->Write(request);
  stream->WritesDone();
  v1::UploadRunsResponse response, last;
  while (stream->Read(&response)) last = response;
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return last;
}

v1::Fit ServiceTest::Fit(v1::CreateFitRequest request) {
  v1::Fit fit;
  {
    Context context;
    const grpc::Status status = fits->CreateFit(&context, request, &fit);
    EXPECT_TRUE(status.ok()) << status.error_message();
    if (!status.ok()) return fit;
  }
  Context context;
  v1::WatchFitRequest watch;
  watch.set_name(fit.name());
  auto stream = fits->WatchFit(&context, watch);
  while (stream->Read(&fit)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return fit;
}

v1::Run SomeRun(const std::string& id, double params, double tokens, double rate) {
  v1::Run run;
  run.set_run_id(id);
  run.set_params_non_embedding(params);
  run.set_tokens(tokens);
  run.set_learning_rate(rate);
  run.set_batch_size_tokens(65536);
  run.set_loss_nats(3.0);
  run.set_source(id + ".log:1");
  return run;
}

std::vector<v1::Run> RateSweep() {
  std::vector<v1::Run> sweep;
  for (const double params : {1e7, 4e7, 1.6e8}) {
    for (const double tokens : {1e9, 4e9, 1.6e10}) {
      const double best = 2 * std::pow(params, -0.7) * std::pow(tokens, 0.25);
      for (int step = -4; step <= 4; ++step) {
        v1::Run run = SomeRun(absl::StrCat("n", params, "-d", tokens, "-", step + 4), params, tokens,
                              best * std::pow(1.1, step));
        const double distance = std::log(1.1) * step;
        run.set_loss_nats((2 + 400 / std::pow(params, 0.34)) * (1 + 0.05 * distance * distance));
        sweep.push_back(run);
      }
    }
  }
  return sweep;
}

std::string Reason(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return "";
  for (const auto& any : details.details()) {
    if (any.UnpackTo(&info)) return info.reason();
  }
  return "";
}

}  // namespace sextant::server
