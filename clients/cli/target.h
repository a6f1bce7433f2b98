// SPDX-License-Identifier: Apache-2.0
// What --server names: where a server is, and how the way to it is protected.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace sextant::cli {

/// PEM files of a connection with TLS; empty: the system's authorities, no certificate of one's own.
struct TlsFiles {
  std::string ca, certificate, key;
};

struct Target {
  std::string address;  ///< HOST:PORT or unix:PATH, without a scheme
  bool encrypted = false;
  /// No other machine sees what is sent: loopback, or a unix socket.
  bool is_local = false;
};

/// Reads "HOST:PORT", "unix:PATH", "https://HOST[:PORT]" or "grpcs://…" (TLS), "http://…" or "grpc://…"
/// (without). TLS files make a target without a scheme encrypted too. The port of a URL without one is 7433.
/// InvalidArgument says what is wrong.
absl::StatusOr<Target> ParseTarget(const std::string& server, const TlsFiles& files);

/// A channel to the target. Loopback never goes through a proxy. NotFound names a PEM file that cannot be
/// read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const Target& target, const TlsFiles& files);

/// FailedPrecondition where a token would go over a network in clear.
absl::Status MaySendToken(const Target& target);

}  // namespace sextant::cli
