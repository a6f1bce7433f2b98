// SPDX-License-Identifier: Apache-2.0
// Requests that are no messages of their type.
#pragma once

#include <grpcpp/support/server_interceptor.h>

namespace sextant::server {

/// gRPC's callback API ends a call whose request cannot be read with UNIMPLEMENTED and no message, as if
/// there were no such method. This makes it INVALID_ARGUMENT that says so.
class UnreadableFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override;
};

}  // namespace sextant::server
