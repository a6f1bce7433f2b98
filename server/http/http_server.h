// SPDX-License-Identifier: Apache-2.0
// HTTP beside gRPC: the Connect protocol for every method, the page, and what monitoring asks for.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "server/http/tls_context.h"
#include "server/observe/monitor_sources.h"

namespace sextant::server::http {

struct HttpOptions {
  std::vector<std::string> listen;  ///< HOST:PORT; port 0: any free one
  /// Origins ("https://example.org") whose pages may call from a browser; none by default.
  std::vector<std::string> allowed_origins;
  bool insecure_non_loopback = false;  ///< allow addresses that others can reach without TLS
  TlsFiles tls;                        ///< as of gRPC; empty: not encrypted
  MonitorSources monitoring;           ///< what /healthz and /readyz answer from
};

class Site;

/// From Start to Stop, or the destructor.
class HttpServer {
 public:
  /// Binds and serves. INVALID_ARGUMENT (an address others can reach, with neither TLS nor
  /// insecure_non_loopback; a certificate that cannot be used), UNAVAILABLE (an address cannot be bound).
  /// Calls go through `channel`, which leads into this process: they meet the checks, tokens, limits and
  /// errors that gRPC's meet.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpOptions& options,
                                                           std::shared_ptr<grpc::Channel> channel);
  /// The same for monitoring alone, on one address (`--metrics`): /metrics, /healthz, /readyz.
  static absl::StatusOr<std::unique_ptr<HttpServer>> StartMonitor(const std::string& address,
                                                                  bool insecure_non_loopback,
                                                                  MonitorSources sources);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// In the order of options.listen, with real ports.
  const std::vector<std::string>& addresses() const;
  int port() const;

  /// Takes no more connections; calls may end until `patience` is over and are cancelled then. Before the
  /// server behind the channel is shut down. Idempotent.
  void Stop(std::chrono::milliseconds patience);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sextant::server::http
