// SPDX-License-Identifier: Apache-2.0
#include "server/service/watch_fit.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/convert/fit.h"
#include "server/convert/times.h"
#include "server/service/read_fit.h"
#include "server/status.h"

namespace sextant::server {
namespace {

constexpr std::chrono::seconds kBetweenTicks{1};

}  // namespace

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
    running_ = first_;
    SetProgress(first_);
    has_first_ = true;
    ScheduleTick();
  }
  Advance();
}

void FitWatch::Changed(const storage::Fit& fit) {
  // A running fit changes once: the first answer.
  const bool running = fit.state == storage::FitState::kRunning;
  FitToProto(fit, running ? answer_ : last_);
  (running ? has_answer_ : has_last_) = true;
  if (running) {
    running_ = answer_;
    SetProgress(answer_);
  }
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

void FitWatch::SetProgress(v1::Fit& fit) const {
  const auto stage = core_.jobs.StageOf(name_);
  if (!stage) return;
  v1::FitProgress& progress = *fit.mutable_progress();
  progress.set_phase(stage->phase);
  progress.clear_fraction();
  if (stage->total > 0) {
    progress.set_fraction(
        std::clamp(static_cast<double>(stage->done) / static_cast<double>(stage->total), 0.0, 1.0));
  }
  const double created = static_cast<double>(fit.create_time().seconds()) + 1e-9 * fit.create_time().nanos();
  progress.set_elapsed_seconds(std::max(0.0, 1e-6 * static_cast<double>(Now()) - created));
}

void FitWatch::ScheduleTick() {
  if (finished_) return;
  // A new one each time: an alarm cannot be set anew from what it calls.
  handle_->tick = std::make_unique<grpc::Alarm>();
  handle_->tick->Set(std::chrono::system_clock::now() + kBetweenTicks, [handle = handle_](bool is_due) {
    const std::lock_guard lock(handle->mutex);
    if (is_due && handle->stream != nullptr) handle->stream->Tick();
  });
}

void FitWatch::Tick() {
  if (finished_ || has_last_) return;
  if (!writing_ && !has_first_) {
    running_.clear_progress();
    SetProgress(running_);
    if (running_.has_progress()) {
      writing_ = true;
      StartWrite(&running_);
    }
  }
  ScheduleTick();
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
  std::unique_ptr<grpc::Alarm> tick;  // ends without the mutex, which what it calls takes
  {
    const std::lock_guard lock(handle_->mutex);
    handle_->stream = nullptr;
    watch = watch_;
    tick.swap(handle_->tick);
  }
  if (watch != 0) core_.jobs.Unwatch(name_, watch);
  delete this;
}

}  // namespace sextant::server
