// SPDX-License-Identifier: Apache-2.0
// Sends runs to the service in chunks, in bounded memory, so that a broken upload can go on.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "clients/cli/session.h"
#include "clients/importers/run_record.h"
#include "sextant/v1/run_service.grpc.pb.h"

namespace sextant::cli {

/// What an upload came to.
struct UploadTotals {
  std::int64_t accepted = 0, duplicate = 0, rejected = 0;
  std::vector<importers::Reject> rejects;  ///< of the service; at most kMaxRejectsKept
};

inline constexpr std::size_t kMaxRejectsKept = 10'000;

/// One upload. The same runs in the same order give the same chunks, so that an upload id may be taken up
/// again by reading the source anew: chunks that are durable already are not sent. At most kWindow chunks are
/// on their way. Used from one thread.
class Uploader {
 public:
  /// `parent` is the study's name; with an empty `upload_id` the upload cannot be taken up again.
  Uploader(const Session& session, std::string parent, std::string upload_id, std::int64_t first_chunk);
  ~Uploader();
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;

  /// False when the stream has broken; Finish tells why.
  bool Add(v1::Run run);
  /// Sends the rest and waits until everything is durable.
  grpc::Status Finish();
  /// Gives up: the chunks that are durable stay.
  void Cancel();
  /// Valid after Finish; what is durable, if it failed.
  const UploadTotals& totals() const { return totals_; }

  static constexpr std::size_t kChunkBytes = 256 << 10;
  static constexpr int kChunkRuns = 2000;
  static constexpr int kWindow = 8;

 private:
  using Stream = grpc::ClientReaderWriter<v1::UploadRunsRequest, v1::UploadRunsResponse>;
  bool Open();
  bool Send(bool last);
  void ReadAnswers();
  grpc::Status Close();

  const Session& session_;
  std::string parent_, upload_id_;
  std::int64_t first_chunk_, next_index_ = 0;
  v1::RunBatch batch_;
  std::size_t batch_bytes_ = 0;

  std::unique_ptr<v1::RunService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<InterruptScope> interrupt_;
  std::unique_ptr<Stream> stream_;
  std::thread reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t durable_ = 0;  // guarded by mutex_, as are totals_ and ended_
  bool ended_ = false;
  UploadTotals totals_;
};

/// Where upload `id` of the study stands; NOT_FOUND if it never committed anything.
grpc::Status GetUpload(Session& session, const std::string& parent, const std::string& id,
                       v1::Upload* upload);

}  // namespace sextant::cli
