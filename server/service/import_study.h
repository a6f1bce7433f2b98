// SPDX-License-Identifier: Apache-2.0
// The stream of StudyService.ImportStudy: a study as one SQLite file.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/core.h"
#include "server/service/file_download.h"
#include "sextant/v1/study_service.pb.h"

namespace sextant::server {

/// Writes the pieces to a scratch file, checks it, and copies its study into the store. Deletes itself.
class StudyImport final : public grpc::ServerReadReactor<v1::ImportStudyRequest> {
 public:
  static StudyImport* Begin(Core& core, grpc::CallbackServerContext& context, v1::Study& response);
  void OnReadDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  StudyImport(Core& core, const grpc::CallbackServerContext& context, v1::Study& response)
      : core_(core), context_(context), response_(response) {}
  absl::Status Take();
  absl::Status Store();
  void Work(Executor& executor, std::function<absl::Status()> work);
  absl::Status TakeRoom();

  Core& core_;
  const grpc::CallbackServerContext& context_;
  std::unique_ptr<QuotaTicket> ticket_;
  std::unique_ptr<IdleStreams::Place> place_;  // only while pieces are waited for
  v1::Study& response_;
  std::vector<std::unique_ptr<QuotaTicket>> scratch_;  // of kScratchStepBytes each
  ScratchFolder folder_;
  std::ofstream file_;
  std::string study_id_;  // empty: as in the file
  std::int64_t bytes_ = 0;
  bool begun_ = false;
  v1::ImportStudyRequest request_;
};

}  // namespace sextant::server
