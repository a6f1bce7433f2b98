// Who may call: an optional bearer token, checked in one place that every method passes through.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>

#include <string>
#include <vector>

namespace sextant::server {

/// Immutable; thread-safe. Keeps hashes of the tokens only, and compares those in constant time.
class TokenCheck {
 public:
  /// Lets everyone in.
  TokenCheck() = default;
  /// One token a line; empty lines and lines that begin with # are skipped. Refused: a file that others can
  /// read, an empty one, tokens under 16 bytes.
  static absl::StatusOr<TokenCheck> FromFile(const std::string& path);

  /// UNAUTHENTICATED unless the call carries "authorization: Bearer TOKEN" with a known token.
  absl::Status Check(const grpc::CallbackServerContext& context) const;

 private:
  std::vector<std::string> hashes_;
};

}  // namespace sextant::server
