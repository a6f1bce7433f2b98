// SPDX-License-Identifier: Apache-2.0
#include "server/service/watch_fit.h"

#include <utility>

#include "server/convert/fit.h"
#include "server/service/read_fit.h"
#include "server/status.h"

namespace sextant::server {

FitWatch* FitWatch::Begin(Core& core, const grpc::CallbackServerContext& context,
                          const v1::WatchFitRequest& request) {
  const std::string& name = request.name();
  auto* stream = new FitWatch(core, name);
  stream->handle_->stream = stream;
  absl::Status status = core.calls.Admit(context, request);
  if (status.ok()) {
    auto ticket = core.watches.Take(core.calls.access().CallerKey(context));
    status = ticket.status();
    if (ticket.ok()) stream->ticket_ = *std::move(ticket);
  }
  if (status.ok()) {
    // The stream cannot be done before Look has run: nothing else finishes it but a cancellation, which the
    // handle accounts for.
    status = core.executor.Submit([handle = stream->handle_, &core, name] {
      v1::Fit fit;
      const auto active = core.jobs.OnEnd(name, [handle](const storage::Fit& changed) {
        const std::lock_guard lock(handle->mutex);
        if (handle->stream != nullptr) handle->stream->Changed(changed);
      });
      absl::Status found;
      if (active) {
        FitToProto(active->fit, fit);
      } else {
        found = StopExceptions([&] { return ReadFit(core, name, fit); });
      }
      const std::lock_guard lock(handle->mutex);
      if (handle->stream == nullptr) {
        if (active) core.jobs.Unwatch(name, active->id);
        return;
      }
      handle->stream->Found(active ? active->id : 0, found, std::move(fit));
    });
  }
  if (!status.ok()) {
    const std::lock_guard lock(stream->handle_->mutex);
    stream->FinishOnce(ToGrpc(status));
  }
  return stream;
}

void FitWatch::Found(std::uint64_t watch, const absl::Status& status, v1::Fit fit) {
  if (!status.ok()) return FinishOnce(ToGrpc(status));
  watch_ = watch;
  if (watch == 0) {
    last_ = std::move(fit);
    has_last_ = true;
  } else {
    first_ = std::move(fit);
    has_first_ = true;
  }
  Advance();
}

void FitWatch::Changed(const storage::Fit& fit) {
  // A running fit changes once: the first answer.
  const bool running = fit.state == storage::FitState::kRunning;
  FitToProto(fit, running ? answer_ : last_);
  (running ? has_answer_ : has_last_) = true;
  Advance();
}

void FitWatch::Advance() {
  if (finished_ || writing_) return;
  if (has_first_) {
    has_first_ = false;
    writing_ = true;
    StartWrite(&first_);
  } else if (has_answer_) {
    has_answer_ = false;
    writing_ = true;
    StartWrite(&answer_);
  } else if (has_last_) {
    finished_ = true;
    StartWriteAndFinish(&last_, grpc::WriteOptions(), grpc::Status::OK);
  }
}

void FitWatch::FinishOnce(const grpc::Status& status) {
  if (finished_) return;
  finished_ = true;
  Finish(status);
}

void FitWatch::OnWriteDone(bool ok) {
  const std::lock_guard lock(handle_->mutex);
  writing_ = false;
  if (ok) {
    Advance();
  } else {
    FinishOnce(grpc::Status::CANCELLED);
  }
}

void FitWatch::OnCancel() {
  const std::lock_guard lock(handle_->mutex);
  FinishOnce(grpc::Status::CANCELLED);
}

void FitWatch::OnDone() {
  std::uint64_t watch = 0;
  {
    const std::lock_guard lock(handle_->mutex);
    handle_->stream = nullptr;
    watch = watch_;
  }
  if (watch != 0) core_.jobs.Unwatch(name_, watch);
  delete this;
}

}  // namespace sextant::server
