// SPDX-License-Identifier: Apache-2.0
#include "server/unreadable.h"

#include "server/error.h"
#include "server/status.h"

namespace sextant::server {
namespace {

using grpc::experimental::InterceptionHookPoints;

class Unreadable final : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const grpc::Status status = methods->GetSendStatus();
      // No method of ours says that: a method that there is not never gets as far as here.
      if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && status.error_message().empty()) {
        methods->ModifySendStatus(ToGrpc(InvalidField(
            "request", "cannot be read: its bytes are no message of the method's request type")));
      }
    }
    methods->Proceed();
  }
};

}  // namespace

grpc::experimental::Interceptor* UnreadableFactory::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo*) {
  return new Unreadable;
}

}  // namespace sextant::server
