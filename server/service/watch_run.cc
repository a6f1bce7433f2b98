// SPDX-License-Identifier: Apache-2.0
#include "server/service/watch_run.h"

#include <utility>

#include "base/status_macros.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"
#include "server/run_outlook.h"
#include "server/status.h"

namespace sextant::server {
namespace {

constexpr double kWatchLookEvery = 2;  // seconds, as the proto says

absl::StatusOr<storage::Run> ReadWatchedRun(const Core& core, const std::string& name) {
  const auto run = ParseRunName(name);
  ASSIGN_OR_RETURN(const auto snapshot, core.Read());
  auto stored = snapshot->GetRun(run->study, run->id);
  if (!stored.ok()) return Annotate(stored.status(), "run", name);
  return stored;
}

bool Ended(const v1::RunOutlook& outlook) { return outlook.state() != v1::RUNNING; }

}  // namespace

RunWatch::RunWatch(Core& core, grpc::CallbackServerContext& context, const v1::WatchRunRequest& request)
    : core_(core),
      context_(context),
      request_(request),
      every_(static_cast<std::int64_t>(
          1000 * (request.has_every_seconds() ? request.every_seconds() : kWatchLookEvery))) {}

RunWatch* RunWatch::Begin(Core& core, grpc::CallbackServerContext& context,
                          const v1::WatchRunRequest& request) {
  absl::Status status = core.calls.Admit(context, request);
  if (status.ok()) status = CheckWatchRequest(request);
  auto* stream = new RunWatch(core, context, status.ok() ? request : v1::WatchRunRequest());
  const std::shared_ptr<Handle> handle = stream->handle_;  // a stream that is finished may be gone
  const std::lock_guard lock(handle->mutex);
  handle->stream = stream;
  if (status.ok()) {
    auto ticket = core.run_watches.Take(core.calls.access().CallerKey(context));
    status = ticket.status();
    if (ticket.ok()) stream->ticket_ = *std::move(ticket);
  }
  if (status.ok()) {
    stream->Compute();
  } else {
    stream->FinishOnce(ToGrpc(status));
  }
  return stream;
}

// Whether there is anything new: cheap, on a thread that reads.
void RunWatch::Look() {
  const absl::Status submitted =
      core_.executor.Submit([handle = handle_, &core = core_, name = request_.name()] {
        absl::StatusOr<storage::Run> run = absl::UnknownError("not read");
        const absl::Status read = StopExceptions([&] {
          run = ReadWatchedRun(core, name);
          return run.status();
        });
        const std::lock_guard lock(handle->mutex);
        RunWatch* stream = handle->stream;
        if (stream == nullptr || stream->finished_) return;
        if (!read.ok()) return stream->FinishOnce(ToGrpc(read));
        if (Seen{run->update_time, run->curve_points} == stream->seen_) return stream->Wait();
        stream->Compute();
      });
  // A full queue: the next look may find room.
  if (!submitted.ok()) absl::IsUnavailable(submitted) ? FinishOnce(ToGrpc(submitted)) : Wait();
}

void RunWatch::Compute() {
  const absl::Status submitted = core_.heavy.Submit([handle = handle_, &core = core_, request = request_] {
    v1::RunOutlook outlook;
    Seen seen;
    const absl::Status status = StopExceptions([&]() -> absl::Status {
      // Read first: what comes while it computes is seen by the next look.
      ASSIGN_OR_RETURN(const auto run, ReadWatchedRun(core, request.name()));
      seen = {run.update_time, run.curve_points};
      return MakeOutlook(core, request, outlook);
    });
    const std::lock_guard lock(handle->mutex);
    RunWatch* stream = handle->stream;
    if (stream == nullptr || stream->finished_) return;
    stream->Found(status, seen, std::move(outlook));
  });
  if (submitted.ok()) return;
  if (sent_ == 0 || absl::IsUnavailable(submitted)) return FinishOnce(ToGrpc(submitted));
  Wait();
}

void RunWatch::Found(const absl::Status& status, const Seen& seen, v1::RunOutlook outlook) {
  if (!status.ok()) return FinishOnce(ToGrpc(status));
  seen_ = seen;
  message_ = std::move(outlook);
  ++sent_;
  if (request_.once() || Ended(message_) || sent_ >= kMaxOutlooks) {
    finished_ = true;
    StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
    return;
  }
  place_ = core_.calls.idle().Watch(context_, core_.stream_patience);
  StartWrite(&message_);
}

void RunWatch::Wait() {
  const auto due = std::chrono::system_clock::now() + every_;
  handle_->alarm.Set(due, [handle = handle_](bool ok) {
    const std::lock_guard lock(handle->mutex);
    if (ok && handle->stream != nullptr && !handle->stream->finished_) handle->stream->Look();
  });
}

void RunWatch::FinishOnce(const grpc::Status& status) {
  if (finished_) return;
  finished_ = true;
  Finish(status);
}

// A place ends calls from a thread of its own, and waits there for the mutex: it is given up without it.
void RunWatch::OnWriteDone(bool ok) {
  std::unique_ptr<IdleStreams::Place> place;  // destroyed after the lock is released
  const std::lock_guard lock(handle_->mutex);
  place = std::move(place_);
  if (finished_) return;
  if (ok) {
    Wait();
  } else {
    FinishOnce(grpc::Status::CANCELLED);
  }
}

void RunWatch::OnCancel() {
  const std::lock_guard lock(handle_->mutex);
  FinishOnce(grpc::Status::CANCELLED);
}

void RunWatch::OnDone() {
  const std::shared_ptr<Handle> handle = handle_;
  {
    const std::lock_guard lock(handle->mutex);
    handle->stream = nullptr;
  }
  handle->alarm.Cancel();
  delete this;
}

}  // namespace sextant::server
