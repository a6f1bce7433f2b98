// SPDX-License-Identifier: Apache-2.0
// sextant.v1.StudyService.
#pragma once

#include "server/core.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::server {

/// Thread-safe. Reads run on the executor, changes on the writer thread.
class StudyService final : public v1::StudyService::CallbackService {
 public:
  explicit StudyService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* CreateStudy(grpc::CallbackServerContext* context,
                                        const v1::CreateStudyRequest* request, v1::Study* response) override;
  grpc::ServerUnaryReactor* GetStudy(grpc::CallbackServerContext* context, const v1::GetStudyRequest* request,
                                     v1::Study* response) override;
  grpc::ServerUnaryReactor* ListStudies(grpc::CallbackServerContext* context,
                                        const v1::ListStudiesRequest* request,
                                        v1::ListStudiesResponse* response) override;
  grpc::ServerUnaryReactor* UpdateStudy(grpc::CallbackServerContext* context,
                                        const v1::UpdateStudyRequest* request, v1::Study* response) override;
  grpc::ServerWriteReactor<v1::ExportStudyResponse>* ExportStudy(
      grpc::CallbackServerContext* context, const v1::ExportStudyRequest* request) override;
  grpc::ServerReadReactor<v1::ImportStudyRequest>* ImportStudy(grpc::CallbackServerContext* context,
                                                               v1::Study* response) override;
  grpc::ServerUnaryReactor* DeleteStudy(grpc::CallbackServerContext* context,
                                        const v1::DeleteStudyRequest* request,
                                        google::protobuf::Empty* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
