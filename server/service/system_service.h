// SPDX-License-Identifier: Apache-2.0
// sextant.v1.SystemService.
#pragma once

#include "server/core.h"
#include "sextant/v1/system_service.grpc.pb.h"

namespace sextant::server {

class SystemService final : public v1::SystemService::CallbackService {
 public:
  explicit SystemService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context, const v1::PingRequest* request,
                                 v1::PingResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::ServerInfo* response) override;

  grpc::ServerWriteReactor<v1::BackUpResponse>* BackUp(grpc::CallbackServerContext* context,
                                                       const v1::BackUpRequest* request) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
