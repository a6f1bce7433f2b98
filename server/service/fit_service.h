// SPDX-License-Identifier: Apache-2.0
// sextant.v1.FitService.
#pragma once

#include "server/core.h"
#include "sextant/v1/fit_service.grpc.pb.h"

namespace sextant::server {

/// Thread-safe. Fits run in FitJobs; what has ended is read from the store.
class FitService final : public v1::FitService::CallbackService {
 public:
  explicit FitService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* CreateFit(grpc::CallbackServerContext* context,
                                      const v1::CreateFitRequest* request, v1::Fit* response) override;
  grpc::ServerUnaryReactor* GetFit(grpc::CallbackServerContext* context, const v1::GetFitRequest* request,
                                   v1::Fit* response) override;
  grpc::ServerUnaryReactor* ListFits(grpc::CallbackServerContext* context, const v1::ListFitsRequest* request,
                                     v1::ListFitsResponse* response) override;
  grpc::ServerWriteReactor<v1::Fit>* WatchFit(grpc::CallbackServerContext* context,
                                              const v1::WatchFitRequest* request) override;
  grpc::ServerUnaryReactor* CancelFit(grpc::CallbackServerContext* context,
                                      const v1::CancelFitRequest* request, v1::Fit* response) override;
  grpc::ServerUnaryReactor* DeleteFit(grpc::CallbackServerContext* context,
                                      const v1::DeleteFitRequest* request,
                                      google::protobuf::Empty* response) override;
  grpc::ServerUnaryReactor* CompareFits(grpc::CallbackServerContext* context,
                                        const v1::CompareFitsRequest* request,
                                        v1::CompareFitsResponse* response) override;

 private:
  absl::Status ListPublished(const v1::ListFitsRequest& request, int size, v1::ListFitsResponse& response);

  Core& core_;
};

}  // namespace sextant::server
