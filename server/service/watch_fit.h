// SPDX-License-Identifier: Apache-2.0
// The stream of FitService.WatchFit.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "server/core.h"
#include "sextant/v1/fit_service.pb.h"

namespace sextant::server {

/// Sends the fit as it is and, if it is active, how far it has come every second, its first answer and its
/// end. Deletes itself.
///
/// The end of a fit, the end of a write, a tick and a cancellation come from different threads; one mutex
/// orders them. A shared handle stands between the stream and FitJobs, which may call after the stream is
/// gone.
class FitWatch final : public grpc::ServerWriteReactor<v1::Fit> {
 public:
  static FitWatch* Begin(Core& core, const grpc::CallbackServerContext& context,
                         const v1::WatchFitRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  struct Handle {
    std::mutex mutex;
    FitWatch* stream = nullptr;  // null once the stream is done
    std::unique_ptr<grpc::Alarm> tick;
  };

  FitWatch(Core& core, std::string name) : core_(core), name_(std::move(name)) {}

  // The handle's mutex is held in all of these.
  void Found(std::uint64_t watch, const absl::Status& status, v1::Fit fit);
  void Changed(const storage::Fit& fit);
  void Advance();
  void ScheduleTick();
  void Tick();
  void SetProgress(v1::Fit& fit) const;
  void FinishOnce(const grpc::Status& status);

  Core& core_;
  std::unique_ptr<QuotaTicket> ticket_;
  const std::string name_;
  const std::shared_ptr<Handle> handle_ = std::make_shared<Handle>();
  // All below guarded by handle_->mutex.
  v1::Fit first_, running_, answer_, last_;
  bool has_first_ = false, has_answer_ = false, has_last_ = false;
  bool writing_ = false, finished_ = false;
  std::uint64_t watch_ = 0;
};

}  // namespace sextant::server
