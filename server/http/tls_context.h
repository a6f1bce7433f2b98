// SPDX-License-Identifier: Apache-2.0
// TLS of the HTTP addresses: the same three files as gRPC's.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

namespace sextant::server::http {

/// PEM files; `client_ca` may be empty, then clients are not asked for a certificate.
struct TlsFiles {
  std::string certificate, key, client_ca;
  bool wanted() const { return !certificate.empty(); }
};

/// What connections are encrypted with. TLS 1.2 or later, HTTP/1.1 by ALPN. Thread-safe.
class TlsContext {
 public:
  /// NOT_FOUND and INVALID_ARGUMENT name the file.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Load(const TlsFiles& files);

  /// The context for a new connection. Files that have changed are read again, at most every ten seconds;
  /// while they do not fit together the ones before stay.
  std::shared_ptr<SSL_CTX> Current();

 private:
  using Times = std::array<std::filesystem::file_time_type, 3>;

  explicit TlsContext(TlsFiles files) : files_(std::move(files)) {}
  absl::Status Read();
  Times ChangeTimes() const;

  const TlsFiles files_;
  std::mutex mutex_;
  std::shared_ptr<SSL_CTX> context_;                 // guarded by mutex_
  Times read_of_{};                                  // guarded by mutex_
  std::chrono::steady_clock::time_point looked_at_;  // guarded by mutex_
};

}  // namespace sextant::server::http
