#include "server/calls.h"

namespace sextant::server {

grpc::ServerUnaryReactor* Calls::Offload(grpc::CallbackServerContext* context,
                                         std::function<absl::Status()> handler) const {
  return OffloadAsync(context, [handler = std::move(handler)](const Finish& finish) {
    absl::Status status = handler();
    if (status.ok()) finish(absl::OkStatus());
    return status;
  });
}

grpc::ServerUnaryReactor* Calls::OffloadAsync(grpc::CallbackServerContext* context,
                                              std::function<absl::Status(Finish)> handler) const {
  auto* reactor = context->DefaultReactor();
  absl::Status admitted = Admit(*context);
  if (admitted.ok()) {
    admitted = executor_.Submit([reactor, context, handler = std::move(handler)] {
      // Nobody waits for the answer of a call that was given up while it stood in the queue.
      if (context->IsCancelled()) {
        reactor->Finish(grpc::Status::CANCELLED);
        return;
      }
      const absl::Status status = StopExceptions(
          [&] { return handler([reactor](const absl::Status& ended) { reactor->Finish(ToGrpc(ended)); }); });
      if (!status.ok()) reactor->Finish(ToGrpc(status));
    });
  }
  if (!admitted.ok()) reactor->Finish(ToGrpc(admitted));
  return reactor;
}

}  // namespace sextant::server
