// SPDX-License-Identifier: Apache-2.0
// sextant.v1.ComparisonService.
#pragma once

#include "server/core.h"
#include "sextant/v1/comparison_service.grpc.pb.h"

namespace sextant::server {

/// Reads the finished runs of two studies in one snapshot and compares them on a heavy thread.
class ComparisonService final : public v1::ComparisonService::CallbackService {
 public:
  explicit ComparisonService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* CompareStudies(grpc::CallbackServerContext* context,
                                           const v1::CompareStudiesRequest* request,
                                           v1::CompareStudiesResponse* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
