// SPDX-License-Identifier: Apache-2.0
// A whole server in this process, over a database of its own, reached through generated stubs.
#pragma once

#include <google/protobuf/empty.pb.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/server.h"
#include "sextant/v1/fit_service.grpc.pb.h"
#include "sextant/v1/law_service.grpc.pb.h"
#include "sextant/v1/prediction_service.grpc.pb.h"
#include "sextant/v1/run_service.grpc.pb.h"
#include "sextant/v1/study_service.grpc.pb.h"
#include "sextant/v1/system_service.grpc.pb.h"

namespace sextant::server {

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest();
  ~ServiceTest() override;

  /// Stops the server and starts another over the same file.
  void Restart();
  void Stop();
  /// Options to change before the first Start.
  ServerOptions options;
  void Start();

  void CreateStudy(const std::string& id);
  /// Uploads in one chunk; expects OK. Returns the last answer.
  v1::UploadRunsResponse Upload(const std::string& study, const std::vector<v1::Run>& runs,
                                const std::string& upload_id = "");
  /// Creates a fit and waits for its end.
  v1::Fit Fit(v1::CreateFitRequest request);

  std::string folder;
  std::unique_ptr<Server> server;
  std::unique_ptr<v1::StudyService::Stub> studies;
  std::unique_ptr<v1::RunService::Stub> runs;
  std::unique_ptr<v1::LawService::Stub> laws;
  std::unique_ptr<v1::FitService::Stub> fits;
  std::unique_ptr<v1::PredictionService::Stub> predictions;
  std::unique_ptr<v1::SystemService::Stub> system;
};

/// A context with a deadline, so that no test hangs.
class Context : public grpc::ClientContext {
 public:
  Context();
};

/// A run with everything that is required.
v1::Run SomeRun(const std::string& id, double params = 1e8, double tokens = 2e9, double rate = 1e-3);

/// A sweep whose best rate is exactly 2 N^-0.7 D^0.25, on a grid of rates around it in every (N, D) cell.
std::vector<v1::Run> RateSweep();

/// The ErrorInfo reason of a status, "" without one.
std::string Reason(const grpc::Status& status);

}  // namespace sextant::server
