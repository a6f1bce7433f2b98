// SPDX-License-Identifier: Apache-2.0
// sextant.v1.RunService.
#pragma once

#include "server/core.h"
#include "sextant/v1/run_service.grpc.pb.h"

namespace sextant::server {

/// Thread-safe. Uploads are streams of their own (server/service/upload.h).
class RunService final : public v1::RunService::CallbackService {
 public:
  explicit RunService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* context, const v1::GetRunRequest* request,
                                   v1::Run* response) override;
  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* context, const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* response) override;
  grpc::ServerUnaryReactor* GetCurve(grpc::CallbackServerContext* context, const v1::GetCurveRequest* request,
                                     v1::GetCurveResponse* response) override;
  grpc::ServerUnaryReactor* DeleteRun(grpc::CallbackServerContext* context,
                                      const v1::DeleteRunRequest* request,
                                      google::protobuf::Empty* response) override;
  grpc::ServerUnaryReactor* DeleteRuns(grpc::CallbackServerContext* context,
                                       const v1::DeleteRunsRequest* request,
                                       v1::DeleteRunsResponse* response) override;
  grpc::ServerUnaryReactor* ExcludeRuns(grpc::CallbackServerContext* context,
                                        const v1::ExcludeRunsRequest* request,
                                        v1::ExcludeRunsResponse* response) override;
  grpc::ServerUnaryReactor* LabelRuns(grpc::CallbackServerContext* context,
                                      const v1::LabelRunsRequest* request,
                                      v1::LabelRunsResponse* response) override;
  grpc::ServerBidiReactor<v1::UploadRunsRequest, v1::UploadRunsResponse>* UploadRuns(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetUpload(grpc::CallbackServerContext* context,
                                      const v1::GetUploadRequest* request, v1::Upload* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
