// SPDX-License-Identifier: Apache-2.0
// sextant.v1.AccessService.
#pragma once

#include "server/core.h"
#include "sextant/v1/access_service.grpc.pb.h"

namespace sextant::server {

/// Thread-safe. Tokens are read from the store, and take effect here as soon as they are durable.
class AccessService final : public v1::AccessService::CallbackService {
 public:
  explicit AccessService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* CreateToken(grpc::CallbackServerContext* context,
                                        const v1::CreateTokenRequest* request,
                                        v1::CreateTokenResponse* response) override;
  grpc::ServerUnaryReactor* ListTokens(grpc::CallbackServerContext* context,
                                       const v1::ListTokensRequest* request,
                                       v1::ListTokensResponse* response) override;
  grpc::ServerUnaryReactor* RevokeToken(grpc::CallbackServerContext* context,
                                        const v1::RevokeTokenRequest* request,
                                        v1::AccessToken* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
