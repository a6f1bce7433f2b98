// The stream of RunService.UploadRuns.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "server/core.h"
#include "server/service/upload_chunk.h"
#include "sextant/v1/run_service.pb.h"

namespace sextant::server {

/// Reads a message, has it checked on the executor and committed by the writer, answers, and only then reads
/// the next: a stream holds at most one chunk, and every answer speaks of what is durable. Exactly one
/// operation is under way at any time (a read, a write, or work elsewhere), so the members need no lock and a
/// cancellation needs no reaction: the operation that is under way fails or ends, and finishes the stream.
/// Deletes itself.
class UploadStream final : public grpc::ServerBidiReactor<v1::UploadRunsRequest, v1::UploadRunsResponse> {
 public:
  static UploadStream* Begin(Core& core, const grpc::CallbackServerContext& context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  explicit UploadStream(Core& core) : core_(core) {}

  absl::Status Handle();
  absl::Status TakeHeader(const v1::UploadHeader& header);
  absl::Status TakeChunk(const v1::UploadChunk& chunk);
  void Committed(const absl::Status& status, PreparedChunk& chunk, const storage::Upload& upload);
  void Answer();

  Core& core_;
  v1::UploadRunsRequest request_;
  v1::UploadRunsResponse response_;
  bool has_header_ = false, resumable_ = false, ending_ = false;
  storage::Study study_;
  storage::Upload upload_;
};

}  // namespace sextant::server
