// SPDX-License-Identifier: Apache-2.0
#include "server/calls.h"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <memory>

#include "base/give_up.h"
#include "server/limits.h"

namespace sextant::server {
namespace {

std::function<absl::Status(Finish)> FinishAfter(std::function<absl::Status()> handler) {
  return [handler = std::move(handler)](const Finish& finish) {
    absl::Status status = handler();
    if (status.ok()) finish(absl::OkStatus());
    return status;
  };
}

}  // namespace

Calls::Calls(const Access& access, Executor& executor, Executor& heavy)
    : access_(access),
      executor_(executor),
      heavy_(heavy),
      answers_("ANSWER_LIMIT", "bytes of answers that are not read yet", kMaxAnswersBytes,
               kMaxAnswersBytesPerPeer),
      heavy_calls_("HEAVY_LIMIT", "long computations", kMaxHeavyCalls, kMaxHeavyCallsPerPeer) {}

grpc::ServerUnaryReactor* Calls::Offload(grpc::CallbackServerContext* context,
                                         const google::protobuf::Message& request,
                                         std::function<absl::Status()> handler) const {
  return OffloadAsync(context, request, FinishAfter(std::move(handler)));
}

grpc::ServerUnaryReactor* Calls::OffloadAsync(grpc::CallbackServerContext* context,
                                              const google::protobuf::Message& request,
                                              std::function<absl::Status(Finish)> handler) const {
  auto* reactor = context->DefaultReactor();
  absl::Status admitted = Admit(*context, request);
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

namespace {

absl::Status TooLong() {
  return WithReason(
      absl::DeadlineExceededError(absl::StrCat(
          "it takes longer than ", kComputationPatience.count(),
          " s, which is the most that one call may: ask about fewer runs (filter) or fewer points")),
      "COMPUTATION_LIMIT");
}

}  // namespace

/// A call whose answer counts until the client has it. Deletes itself.
class Calls::LargeCall final : public grpc::ServerUnaryReactor {
 public:
  LargeCall(const Calls& calls, grpc::CallbackServerContext& context,
            const google::protobuf::Message& request, const google::protobuf::Message& response)
      : calls_(calls), context_(context), request_(request), response_(response) {}

  void OnDone() override { delete this; }

  absl::Status Start(Executor& executor, Quota* computations,
                     std::function<absl::Status(server::Finish)> handler) {
    if (absl::Status admitted = calls_.Admit(context_, request_); !admitted.ok()) return admitted;
    if (computations != nullptr) {
      auto ticket = computations->Take(calls_.access().CallerKey(context_));
      if (!ticket.ok()) return ticket.status();
      computation_ = *std::move(ticket);
    }
    return executor.Submit([this, handler = std::move(handler)] {
      const auto end = std::chrono::steady_clock::now() + kComputationPatience;
      // What takes long asks it now and then (base/give_up.h).
      const std::function<bool()> given_up = [this, end] {
        return context_.IsCancelled() || std::chrono::steady_clock::now() >= end;
      };
      absl::Status status = CheckCancelled(context_);
      if (status.ok()) {
        const GiveUpScope scope(given_up);
        status = StopExceptions([&] { return handler([this](const absl::Status& ended) { End(ended); }); });
      }
      if (absl::IsCancelled(status) && !context_.IsCancelled()) status = TooLong();
      if (!status.ok()) End(status);
    });
  }

  /// Nothing may follow it.
  void End(absl::Status status) {
    computation_.reset();
    if (status.ok()) status = StopExceptions([this] { return Hold(); });
    Finish(ToGrpc(status));
  }

 private:
  absl::Status Hold() {
    const auto bytes = static_cast<std::int64_t>(response_.ByteSizeLong());
    if (bytes <= kSmallAnswerBytes) return absl::OkStatus();
    auto ticket = calls_.answers_.Take(calls_.access().CallerKey(context_),
                                       2 * bytes);  // the message, and its bytes on the way
    if (!ticket.ok()) return ticket.status();
    answer_ = *std::move(ticket);
    place_ = calls_.idle_.Watch(context_, kAnswerPatience);
    return absl::OkStatus();
  }

  const Calls& calls_;
  grpc::CallbackServerContext& context_;
  const google::protobuf::Message& request_;
  const google::protobuf::Message& response_;
  std::unique_ptr<QuotaTicket> computation_, answer_;
  std::unique_ptr<IdleStreams::Place> place_;
};

grpc::ServerUnaryReactor* Calls::OffloadLarge(grpc::CallbackServerContext* context,
                                              const google::protobuf::Message& request,
                                              const google::protobuf::Message& response,
                                              std::function<absl::Status()> handler) const {
  auto* call = new LargeCall(*this, *context, request, response);
  const absl::Status status = call->Start(executor_, nullptr, FinishAfter(std::move(handler)));
  if (!status.ok()) call->End(status);
  return call;
}

grpc::ServerUnaryReactor* Calls::OffloadHeavy(grpc::CallbackServerContext* context,
                                              const google::protobuf::Message& request,
                                              const google::protobuf::Message& response,
                                              std::function<absl::Status()> handler) const {
  return OffloadHeavyAsync(context, request, response, FinishAfter(std::move(handler)));
}

grpc::ServerUnaryReactor* Calls::OffloadHeavyAsync(
    grpc::CallbackServerContext* context, const google::protobuf::Message& request,
    const google::protobuf::Message& response, std::function<absl::Status(server::Finish)> handler) const {
  auto* call = new LargeCall(*this, *context, request, response);
  const absl::Status status = call->Start(heavy_, &heavy_calls_, std::move(handler));
  if (!status.ok()) call->End(status);
  return call;
}

absl::Status CheckCancelled(const grpc::CallbackServerContext& context) {
  return context.IsCancelled() ? absl::CancelledError("the call was given up") : absl::OkStatus();
}

}  // namespace sextant::server
