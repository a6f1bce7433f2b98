// SPDX-License-Identifier: Apache-2.0
// How clients come in: the listening sockets, what gRPC makes of their connections, and what bounds both.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "server/guard/listener.h"
#include "server/options.h"

namespace sextant::server {

/// From Open, which is before the gRPC server is built, to Close, which is before it shuts down.
class Entrance {
 public:
  /// Binds options.listen and tells `builder` what connections may cost. Unix sockets are never encrypted:
  /// the system says who may open them. Errors: UNAVAILABLE (an address cannot be bound), those of
  /// MakeCredentials.
  static absl::StatusOr<std::unique_ptr<Entrance>> Open(const ServerOptions& options,
                                                        grpc::ServerBuilder& builder);

  /// Takes connections; the gRPC server runs.
  absl::Status Start() { return listener_.Start(); }
  void Close() { listener_.Stop(); }

  /// In the order of options.listen, with real ports.
  const std::vector<std::string>& addresses() const { return addresses_; }
  /// Of the first HOST:PORT; 0 without one.
  int port() const { return port_; }

 private:
  using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

  Entrance() = default;
  static Listener::Handler Into(Acceptor& acceptor);
  absl::Status Listen(const std::string& address, Acceptor& acceptor, bool encrypted);
  /// All sockets that systemd has passed.
  absl::Status AdoptAll(Acceptor& by_unix, Acceptor& by_network, const ServerOptions& options);

  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::vector<std::string> addresses_;
  int port_ = 0;
  Listener listener_;  // last: its thread uses the acceptors
};

}  // namespace sextant::server
