// SPDX-License-Identifier: Apache-2.0
// One line a call: method, code, time.
#pragma once

#include <grpcpp/support/server_interceptor.h>

namespace sextant::server {

/// Logs at info when a call's status is sent. Set on the builder only when asked for.
class RequestLogFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override;
};

}  // namespace sextant::server
