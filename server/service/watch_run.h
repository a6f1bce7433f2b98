// SPDX-License-Identifier: Apache-2.0
// The stream of ForecastService.WatchRun.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "server/core.h"
#include "sextant/v1/forecast_service.pb.h"

namespace sextant::server {

/// Looks at the run, sends what it finds, waits, and looks again; sends only what is new. Ends when the run
/// has ended, after `once`, and after kMaxOutlooks. Deletes itself.
///
/// One thing is under way at a time: a look (on an executor), a write, or an alarm. Each holds the shared
/// handle, not the stream, which may be gone when they come back. A client that does not read is cut off.
class RunWatch final : public grpc::ServerWriteReactor<v1::RunOutlook> {
 public:
  static RunWatch* Begin(Core& core, grpc::CallbackServerContext& context,
                         const v1::WatchRunRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  struct Handle {
    std::mutex mutex;
    RunWatch* stream = nullptr;  // null once the stream is done
    grpc::Alarm alarm;
  };
  /// What tells one state of a run from the next.
  struct Seen {
    storage::Micros update_time = -1;
    std::int64_t points = -1;
    bool operator==(const Seen&) const = default;
  };

  RunWatch(Core& core, grpc::CallbackServerContext& context, const v1::WatchRunRequest& request);

  // The handle's mutex is held in all of these.
  void Look();
  void Compute();
  void Found(const absl::Status& status, const Seen& seen, v1::RunOutlook outlook);
  void Wait();
  void FinishOnce(const grpc::Status& status);

  Core& core_;
  grpc::CallbackServerContext& context_;
  const v1::WatchRunRequest request_;
  const std::chrono::milliseconds every_;
  std::unique_ptr<QuotaTicket> ticket_;
  const std::shared_ptr<Handle> handle_ = std::make_shared<Handle>();
  // All below guarded by handle_->mutex.
  std::unique_ptr<IdleStreams::Place> place_;  // of a write
  v1::RunOutlook message_;
  Seen seen_;
  int sent_ = 0;
  bool finished_ = false;
};

}  // namespace sextant::server
