// SPDX-License-Identifier: Apache-2.0
// gRPC's context of a call with room for who calls, so that a token is hashed once a call however often it is
// asked whose it is.
#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "server/access/access.h"

namespace sextant::server {

/// What Access knows of the call that a context belongs to. Thread-safe.
class CallContext final : public grpc::CallbackServerContext {
 private:
  friend class Access;
  mutable std::once_flag once_;
  mutable Access::Found found_;  // after once_
};

/// Makes them for a gRPC server. Owns those that gRPC does not give back: of requests that never came.
class CallContexts final : public grpc::ContextAllocator {
 public:
  grpc::CallbackServerContext* NewCallbackServerContext() override;
  void Release(grpc::CallbackServerContext* context) override;
  // Calls of unknown methods have gRPC's own.
  using grpc::ContextAllocator::Release;

 private:
  std::mutex mutex_;
  // By address; guarded by mutex_.
  std::unordered_map<grpc::CallbackServerContext*, std::unique_ptr<CallContext>> made_;
};

}  // namespace sextant::server
