// The streams of StudyService.ExportStudy and ImportStudy: a study as one SQLite file.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <string>

#include "server/core.h"
#include "sextant/v1/study_service.pb.h"

namespace sextant::server {

/// A folder of its own under the system's temporary one, removed with all it holds.
class ScratchFolder {
 public:
  /// RESOURCE_EXHAUSTED or INTERNAL when it cannot be made.
  absl::Status Create();
  ~ScratchFolder();
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Copies the study to a scratch file, then sends that piece by piece. Deletes itself.
class StudyExport final : public grpc::ServerWriteReactor<v1::ExportStudyResponse> {
 public:
  static StudyExport* Begin(Core& core, const grpc::CallbackServerContext& context,
                            const v1::ExportStudyRequest& request);
  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  explicit StudyExport(Core& core) : core_(core) {}
  absl::Status Open(const std::string& name);
  /// The next piece, or the end. On the executor; nothing may follow it.
  void Send();
  void Work(std::function<void()> work);

  Core& core_;
  ScratchFolder folder_;
  std::ifstream file_;
  v1::ExportStudyResponse response_;
};

/// Writes the pieces to a scratch file, checks it, and copies its study into the store. Deletes itself.
class StudyImport final : public grpc::ServerReadReactor<v1::ImportStudyRequest> {
 public:
  static StudyImport* Begin(Core& core, const grpc::CallbackServerContext& context, v1::Study& response);
  void OnReadDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  StudyImport(Core& core, v1::Study& response) : core_(core), response_(response) {}
  absl::Status Take();
  absl::Status Store();
  void Work(std::function<absl::Status()> work);

  Core& core_;
  v1::Study& response_;
  ScratchFolder folder_;
  std::ofstream file_;
  std::string study_id_;  // empty: as in the file
  std::int64_t bytes_ = 0;
  bool begun_ = false;
  v1::ImportStudyRequest request_;
};

}  // namespace sextant::server
