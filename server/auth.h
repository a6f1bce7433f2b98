// SPDX-License-Identifier: Apache-2.0
// Who may call: an optional bearer token, checked in one place that every method passes through.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace sextant::server {

/// Thread-safe. Keeps hashes of the tokens only, and compares those in constant time.
class TokenCheck {
 public:
  /// Lets everyone in.
  TokenCheck() = default;
  TokenCheck(TokenCheck&& other) noexcept : hashes_(other.hashes_.load()) {}
  /// One token a line; empty lines and lines that begin with # are skipped. Refused: a file that others can
  /// read, an empty one, tokens under 16 bytes.
  static absl::StatusOr<TokenCheck> FromFile(const std::string& path);

  /// From now on, the tokens of `other`.
  void Replace(const TokenCheck& other) { hashes_.store(other.hashes_.load()); }

  /// UNAUTHENTICATED unless the call carries "authorization: Bearer TOKEN" with a known token.
  absl::Status Check(const grpc::CallbackServerContext& context) const;

 private:
  using Hashes = std::vector<std::string>;
  std::atomic<std::shared_ptr<const Hashes>> hashes_{std::make_shared<const Hashes>()};
};

}  // namespace sextant::server
