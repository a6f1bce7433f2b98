// SPDX-License-Identifier: Apache-2.0
// The stream of RunService.UploadRuns.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <mutex>
#include <vector>

#include "server/core.h"
#include "server/service/upload_chunk.h"
#include "sextant/v1/run_service.pb.h"

namespace sextant::server {

/// Reads a message, has it checked on the executor and committed by the writer, answers, and then reads the
/// next: a stream holds at most one chunk, and every answer speaks of what is durable. Deletes itself.
///
/// Reading and handling form one chain: a read is asked for when the message before it has been dealt with,
/// and only the chain ends the stream. Answers are written beside it, so that a client which sends everything
/// before it reads anything is not waited for: while one answer is on its way, those that follow are merged
/// into one. A cancellation needs no reaction: the read that is under way, or the next one, fails.
class UploadStream final : public grpc::ServerBidiReactor<v1::UploadRunsRequest, v1::UploadRunsResponse> {
 public:
  static UploadStream* Begin(Core& core, grpc::CallbackServerContext& context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  UploadStream(Core& core, grpc::CallbackServerContext& context) : core_(core), context_(context) {}

  absl::Status Handle();
  absl::Status TakeHeader(const v1::UploadHeader& header);
  absl::Status TakeChunk(v1::UploadChunk& chunk);
  void Committed(const absl::Status& status, PreparedChunk& chunk, const storage::Upload& upload);
  /// Sends where the upload stands, then reads on, or ends after the last chunk. Nothing may follow it.
  void Answer(std::vector<v1::Reject> rejects = {});
  /// Ends the stream once the answers are out. Nothing may follow it.
  void End(const grpc::Status& status);

  Core& core_;
  grpc::CallbackServerContext& context_;
  std::unique_ptr<QuotaTicket> ticket_;
  std::unique_ptr<IdleStreams::Place> place_;
  // Of the chain alone.
  v1::UploadRunsRequest request_;
  bool has_header_ = false, resumable_ = false, ending_ = false;
  storage::Study study_;
  storage::Upload upload_;
  RefusedRuns refused_;
  // Of the chain and of the writes.
  std::mutex mutex_;
  v1::UploadRunsResponse sending_, waiting_;
  bool is_sending_ = false, is_waiting_ = false, is_ended_ = false;
  grpc::Status end_status_;
};

}  // namespace sextant::server
