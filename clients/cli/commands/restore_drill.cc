// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/restore_drill.h"

#include <grpcpp/grpcpp.h>
#include <stdlib.h>

#include <filesystem>

#include "clients/cli/embedded.h"
#include "clients/cli/failure.h"
#include "sextant/v1/fit_service.grpc.pb.h"
#include "sextant/v1/prediction_service.grpc.pb.h"
#include "sextant/v1/run_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"
#include "sextant/v1/system_service.grpc.pb.h"

namespace sextant::cli {
namespace {

constexpr int kDrillPage = 1000;
// A target that every law of learning rates or losses has an answer for.
constexpr double kDrillParams = 1e8, kDrillTokens = 1e10;

class DrillFolder {
 public:
  DrillFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sextant-drill-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~DrillFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  DrillFolder(const DrillFolder&) = delete;
  DrillFolder& operator=(const DrillFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

DrillStep Step(const std::string& what, bool good, const std::string& detail) {
  return {what, good ? "ok" : "problem", Safe(detail)};
}

std::string Why(const grpc::Status& status) { return status.error_message(); }

/// Reads one study whole: its runs and fits as it counts them, one curve, one prediction.
DrillStep DrillStudy(const std::shared_ptr<grpc::Channel>& channel, const v1::Study& study) {
  const auto runs = v1::RunService::NewStub(channel);
  const auto fits = v1::FitService::NewStub(channel);
  std::int64_t run_count = 0, fit_count = 0, points = 0, predictions = 0;
  std::string with_curve;
  v1::ListRunsRequest runs_request;
  runs_request.set_parent(study.name());
  runs_request.set_page_size(kDrillPage);
  do {
    grpc::ClientContext context;
    v1::ListRunsResponse page;
    const grpc::Status status = runs->ListRuns(&context, runs_request, &page);
    if (!status.ok()) return Step(study.name(), false, "runs: " + Why(status));
    run_count += page.runs_size();
    for (const v1::Run& run : page.runs()) {
      if (with_curve.empty() && run.curve_point_count() > 0) with_curve = run.name();
    }
    runs_request.set_page_token(page.next_page_token());
  } while (!runs_request.page_token().empty());
  if (!with_curve.empty()) {
    grpc::ClientContext context;
    v1::GetCurveRequest request;
    v1::GetCurveResponse curve;
    request.set_name(with_curve);
    const grpc::Status status = runs->GetCurve(&context, request, &curve);
    if (!status.ok()) return Step(study.name(), false, with_curve + ": " + Why(status));
    points = curve.curve().step_size();
  }
  v1::ListFitsRequest fits_request;
  fits_request.set_parent(study.name());
  do {
    grpc::ClientContext context;
    v1::ListFitsResponse page;
    const grpc::Status status = fits->ListFits(&context, fits_request, &page);
    if (!status.ok()) return Step(study.name(), false, "fits: " + Why(status));
    fit_count += page.fits_size();
    fits_request.set_page_token(page.next_page_token());
  } while (!fits_request.page_token().empty());
  if (study.fit_count() > 0) {
    grpc::ClientContext context;
    v1::PredictRequest request;
    v1::PredictResponse response;
    request.add_studies(study.name());
    request.set_params(kDrillParams);
    request.set_tokens(kDrillTokens);
    // A study whose fits answer no such target is no fault of the backup.
    const grpc::Status status =
        v1::PredictionService::NewStub(channel)->Predict(&context, request, &response);
    if (status.ok()) predictions = response.predictions_size();
  }
  const bool whole = run_count == study.run_count() && fit_count == study.fit_count();
  return Step(study.name(), whole,
              std::to_string(run_count) + " of " + std::to_string(study.run_count()) + " runs, " +
                  std::to_string(fit_count) + " of " + std::to_string(study.fit_count()) +
                  " fits, a curve of " + std::to_string(points) + " points, " + std::to_string(predictions) +
                  " predictions");
}

}  // namespace

std::vector<DrillStep> DrillRestore(const std::string& file) {
  std::vector<DrillStep> steps;
  const DrillFolder folder;
  const std::string copy = folder.path() + "/restored.db";
  std::error_code error;
  if (folder.path().empty() || !std::filesystem::copy_file(file, copy, error)) {
    steps.push_back(Step("copy", false, file + ": " + (error ? error.message() : "no temporary folder")));
    return steps;
  }
  steps.push_back(Step("copy", true, std::to_string(std::filesystem::file_size(copy, error)) + " bytes"));
  auto server = EmbeddedServer::Open(copy);
  if (!server.ok()) {
    steps.push_back(Step("open", false, std::string(server.status().message())));
    return steps;
  }
  const auto channel = (*server)->channel();
  {
    grpc::ClientContext context;
    v1::GetServerInfoRequest request;
    v1::ServerInfo info;
    request.set_check_integrity(true);
    const grpc::Status status = v1::SystemService::NewStub(channel)->GetServerInfo(&context, request, &info);
    const bool whole = status.ok() && info.integrity() == "ok";
    steps.push_back(Step("integrity", whole, status.ok() ? info.integrity() : Why(status)));
  }
  v1::ListStudiesRequest request;
  do {
    grpc::ClientContext context;
    v1::ListStudiesResponse page;
    const grpc::Status status = v1::StudyService::NewStub(channel)->ListStudies(&context, request, &page);
    if (!status.ok()) {
      steps.push_back(Step("studies", false, Why(status)));
      return steps;
    }
    for (const v1::Study& study : page.studies()) {
      if (!study.read_only()) steps.push_back(DrillStudy(channel, study));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return steps;
}

}  // namespace sextant::cli
