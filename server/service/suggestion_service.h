// SPDX-License-Identifier: Apache-2.0
// sextant.v1.SuggestionService.
#pragma once

#include "server/core.h"
#include "sextant/v1/suggestion_service.grpc.pb.h"

namespace sextant::server {

/// Reads the study's runs in one snapshot and designs on a heavy thread.
class SuggestionService final : public v1::SuggestionService::CallbackService {
 public:
  explicit SuggestionService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* SuggestRuns(grpc::CallbackServerContext* context,
                                        const v1::SuggestRunsRequest* request,
                                        v1::SuggestRunsResponse* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
