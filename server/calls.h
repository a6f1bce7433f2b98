// SPDX-License-Identifier: Apache-2.0
// What every unary method passes through: the token check, the right thread, and the edge where exceptions
// stop and statuses are translated.
#pragma once

#include <absl/status/status.h>
#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <string>
#include <utility>

#include "server/access/access.h"
#include "server/executor.h"
#include "server/idle_streams.h"
#include "server/quota.h"
#include "server/status.h"

namespace sextant::server {

/// Ends a call; called once, from any thread.
using Finish = std::function<void(absl::Status)>;

/// Thread-safe; outlives every call.
class Calls {
 public:
  /// `executor` blocks shortly, `heavy` for long.
  Calls(const Access& access, Executor& executor, Executor& heavy);

  /// Whether the caller may do what `request` asks. Every method begins with it.
  absl::Status Admit(const grpc::CallbackServerContext& context,
                     const google::protobuf::Message& request) const {
    return access_.Check(context, request);
  }
  /// The same for a stream of requests of that type, of which none has come yet: Admit follows with the
  /// first.
  absl::Status AdmitStream(const grpc::CallbackServerContext& context,
                           const google::protobuf::Descriptor* request) const {
    return access_.CheckMethod(context, request);
  }
  const Access& access() const { return access_; }

  /// Runs `handler() -> absl::Status` here and now: for methods that only read memory.
  template <typename Handler>
  grpc::ServerUnaryReactor* Inline(grpc::CallbackServerContext* context,
                                   const google::protobuf::Message& request, Handler&& handler) const {
    auto* reactor = context->DefaultReactor();
    absl::Status status = Admit(*context, request);
    if (status.ok()) status = StopExceptions(handler);
    reactor->Finish(ToGrpc(status));
    return reactor;
  }

  /// Runs `handler` on a thread that may block, and finishes with its status.
  grpc::ServerUnaryReactor* Offload(grpc::CallbackServerContext* context,
                                    const google::protobuf::Message& request,
                                    std::function<absl::Status()> handler) const;

  /// The same for a method whose `response` may be large: what it takes counts against the answers under way,
  /// of all and of this peer (RESOURCE_EXHAUSTED, ANSWER_LIMIT), until the client has read it; a client that
  /// does not read is cut off.
  grpc::ServerUnaryReactor* OffloadLarge(grpc::CallbackServerContext* context,
                                         const google::protobuf::Message& request,
                                         const google::protobuf::Message& response,
                                         std::function<absl::Status()> handler) const;

  /// As OffloadLarge, for work that takes a processor for long: few at a time, a few of a peer (HEAVY_LIMIT),
  /// at low priority. `handler` asks the context now and then whether the call was given up.
  grpc::ServerUnaryReactor* OffloadHeavy(grpc::CallbackServerContext* context,
                                         const google::protobuf::Message& request,
                                         const google::protobuf::Message& response,
                                         std::function<absl::Status()> handler) const;

  /// The same for a handler that ends the call by its Finish, as OffloadAsync's.
  grpc::ServerUnaryReactor* OffloadHeavyAsync(grpc::CallbackServerContext* context,
                                              const google::protobuf::Message& request,
                                              const google::protobuf::Message& response,
                                              std::function<absl::Status(Finish)> handler) const;

  /// Runs `handler` on a thread that may block; the call ends when the handler's Finish is called. A status
  /// that the handler returns, if not OK, ends the call instead: then it must not call Finish.
  grpc::ServerUnaryReactor* OffloadAsync(grpc::CallbackServerContext* context,
                                         const google::protobuf::Message& request,
                                         std::function<absl::Status(Finish)> handler) const;

  /// Ends calls whose client does nothing.
  IdleStreams& idle() const { return idle_; }

 private:
  class LargeCall;

  const Access& access_;
  Executor& executor_;
  Executor& heavy_;
  mutable Quota answers_, heavy_calls_;
  mutable IdleStreams idle_;
};

/// CANCELLED once the call was given up or its time is over; for work that goes on for long.
absl::Status CheckCancelled(const grpc::CallbackServerContext& context);

}  // namespace sextant::server
