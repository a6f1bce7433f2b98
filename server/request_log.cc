// SPDX-License-Identifier: Apache-2.0
#include "server/request_log.h"

#include <chrono>
#include <string>

#include "server/log.h"

namespace sextant::server {
namespace {

using grpc::experimental::InterceptionHookPoints;

class RequestLog final : public grpc::experimental::Interceptor {
 public:
  explicit RequestLog(std::string method) : method_(std::move(method)) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const grpc::Status status = methods->GetSendStatus();
      const auto spent = std::chrono::steady_clock::now() - start_;
      Log().info("{} code={} us={}{}{}", method_, static_cast<int>(status.error_code()),
                 std::chrono::duration_cast<std::chrono::microseconds>(spent).count(), status.ok() ? "" : " ",
                 status.error_message());
    }
    methods->Proceed();
  }

 private:
  const std::string method_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

grpc::experimental::Interceptor* RequestLogFactory::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  return new RequestLog(info->method());
}

}  // namespace sextant::server
