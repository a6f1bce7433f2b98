// SPDX-License-Identifier: Apache-2.0
// sextant.v1.LawService.
#pragma once

#include "server/core.h"
#include "sextant/v1/law_service.grpc.pb.h"

namespace sextant::server {

/// Thread-safe. Reads come from the law table, in memory.
class LawService final : public v1::LawService::CallbackService {
 public:
  explicit LawService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* GetLaw(grpc::CallbackServerContext* context, const v1::GetLawRequest* request,
                                   v1::Law* response) override;
  grpc::ServerUnaryReactor* ListLaws(grpc::CallbackServerContext* context, const v1::ListLawsRequest* request,
                                     v1::ListLawsResponse* response) override;
  grpc::ServerUnaryReactor* CreateLaw(grpc::CallbackServerContext* context,
                                      const v1::CreateLawRequest* request, v1::Law* response) override;
  grpc::ServerUnaryReactor* EvaluateLaw(grpc::CallbackServerContext* context,
                                        const v1::EvaluateLawRequest* request,
                                        v1::EvaluateLawResponse* response) override;
  grpc::ServerUnaryReactor* DeleteLaw(grpc::CallbackServerContext* context,
                                      const v1::DeleteLawRequest* request,
                                      google::protobuf::Empty* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
