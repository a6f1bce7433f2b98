// SPDX-License-Identifier: Apache-2.0
// grpc.reflection.v1 and v1alpha, whose messages are the same. Debian's gRPC has a plugin for v1alpha, but
// linking it turns reflection on for every server of the process, and a hardened server wants it off.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"

namespace sextant::server {

/// Answer from the descriptors compiled into the process. Thread-safe; open to callers without a token.
/// `services`: full names, for list_services.
class ReflectionService final : public grpc::reflection::v1::ServerReflection::CallbackService {
 public:
  explicit ReflectionService(std::vector<std::string> services) : services_(std::move(services)) {}

  grpc::ServerBidiReactor<grpc::reflection::v1::ServerReflectionRequest,
                          grpc::reflection::v1::ServerReflectionResponse>*
  ServerReflectionInfo(grpc::CallbackServerContext* context) override;

 private:
  const std::vector<std::string> services_;
};

class ReflectionAlphaService final : public grpc::reflection::v1alpha::ServerReflection::CallbackService {
 public:
  explicit ReflectionAlphaService(std::vector<std::string> services) : services_(std::move(services)) {}

  grpc::ServerBidiReactor<grpc::reflection::v1alpha::ServerReflectionRequest,
                          grpc::reflection::v1alpha::ServerReflectionResponse>*
  ServerReflectionInfo(grpc::CallbackServerContext* context) override;

 private:
  const std::vector<std::string> services_;
};

/// The answer to one request.
void AnswerReflection(const std::vector<std::string>& services,
                      const grpc::reflection::v1::ServerReflectionRequest& request,
                      grpc::reflection::v1::ServerReflectionResponse& response);

}  // namespace sextant::server
