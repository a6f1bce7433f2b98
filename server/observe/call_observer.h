// SPDX-License-Identifier: Apache-2.0
// Sees every call: counts it, writes the line of a change into the audit log, and that of a request into the
// log.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include "server/access/access.h"
#include "server/observe/audit_log.h"
#include "server/observe/metrics.h"

namespace sextant::server {

/// What calls are reported to. Outlives the gRPC server.
struct Observers {
  Metrics& metrics;
  const Access& access;
  AuditLog* audit = nullptr;  ///< none
  bool log_requests = false;
};

class CallObserverFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit CallObserverFactory(const Observers& observers) : observers_(observers) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override;

 private:
  const Observers observers_;
};

/// The id of the trace in a W3C traceparent header ("00-<32 hex>-<16 hex>-<2 hex>"), or "" for anything else.
std::string TraceIdOf(std::string_view traceparent);

}  // namespace sextant::server
