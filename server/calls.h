// What every unary method passes through: the token check, the right thread, and the edge where exceptions
// stop and statuses are translated.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "server/auth.h"
#include "server/executor.h"
#include "server/status.h"

namespace sextant::server {

/// Ends a call; called once, from any thread.
using Finish = std::function<void(absl::Status)>;

/// Thread-safe; outlives every call.
class Calls {
 public:
  Calls(const TokenCheck& tokens, Executor& executor) : tokens_(tokens), executor_(executor) {}

  absl::Status Admit(const grpc::CallbackServerContext& context) const { return tokens_.Check(context); }

  /// Runs `handler() -> absl::Status` here and now: for methods that only read memory.
  template <typename Handler>
  grpc::ServerUnaryReactor* Inline(grpc::CallbackServerContext* context, Handler&& handler) const {
    auto* reactor = context->DefaultReactor();
    absl::Status status = Admit(*context);
    if (status.ok()) status = StopExceptions(handler);
    reactor->Finish(ToGrpc(status));
    return reactor;
  }

  /// Runs `handler` on a thread that may block, and finishes with its status.
  grpc::ServerUnaryReactor* Offload(grpc::CallbackServerContext* context,
                                    std::function<absl::Status()> handler) const;

  /// Runs `handler` on a thread that may block; the call ends when the handler's Finish is called. A status
  /// that the handler returns, if not OK, ends the call instead: then it must not call Finish.
  grpc::ServerUnaryReactor* OffloadAsync(grpc::CallbackServerContext* context,
                                         std::function<absl::Status(Finish)> handler) const;

 private:
  const TokenCheck& tokens_;
  Executor& executor_;
};

}  // namespace sextant::server
