// grpc.reflection.v1.ServerReflection. Debian's gRPC serves v1alpha only, and clients ask for v1 first.
#pragma once

#include <string>
#include <vector>

#include "grpc/reflection/v1/reflection.grpc.pb.h"

namespace sextant::server {

/// Answers from the descriptors compiled into the process. Thread-safe; open to callers without a token, as
/// v1alpha is.
class ReflectionService final : public grpc::reflection::v1::ServerReflection::CallbackService {
 public:
  /// `services`: full names, for list_services.
  explicit ReflectionService(std::vector<std::string> services) : services_(std::move(services)) {}

  grpc::ServerBidiReactor<grpc::reflection::v1::ServerReflectionRequest,
                          grpc::reflection::v1::ServerReflectionResponse>*
  ServerReflectionInfo(grpc::CallbackServerContext* context) override;

 private:
  const std::vector<std::string> services_;
};

/// The answer to one request.
void AnswerReflection(const std::vector<std::string>& services,
                      const grpc::reflection::v1::ServerReflectionRequest& request,
                      grpc::reflection::v1::ServerReflectionResponse& response);

}  // namespace sextant::server
