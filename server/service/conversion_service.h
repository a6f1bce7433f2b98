// SPDX-License-Identifier: Apache-2.0
// sextant.v1.ConversionService.
#pragma once

#include "server/core.h"
#include "sextant/v1/conversion_service.grpc.pb.h"

namespace sextant::server {

/// Stateless arithmetic.
class ConversionService final : public v1::ConversionService::CallbackService {
 public:
  explicit ConversionService(Core& core) : core_(core) {}

  grpc::ServerUnaryReactor* ConvertSetting(grpc::CallbackServerContext* context,
                                           const v1::ConvertSettingRequest* request,
                                           v1::ConvertSettingResponse* response) override;

 private:
  Core& core_;
};

}  // namespace sextant::server
