// SPDX-License-Identifier: Apache-2.0
#include "server/guard/entrance.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <grpcpp/resource_quota.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "server/credentials.h"
#include "server/guard/limits.h"

namespace sextant::server {
namespace {

// A client that pings more often than this is cut off; a peer that does not answer ours is taken for dead,
// which ends its streams.
constexpr int kMinClientPingMs = 15'000, kServerPingMs = 60'000, kPingTimeoutMs = 20'000;
// Upload chunks are megabytes: in gRPC's frames of 16 KiB, read 8 KiB at a time, much of an upload's CPU goes
// into waking threads.
constexpr int kMaxFrameBytes = 1 << 20, kReadBytes = 256 << 10;

bool IsUnix(const std::string& address) { return absl::StartsWith(address, "unix:"); }

void SetLimits(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinClientPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kServerPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrameBytes);
  builder.AddChannelArgument(GRPC_ARG_TCP_READ_CHUNK_SIZE, kReadBytes);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(kMaxStreamsPerConnection));
  grpc::ResourceQuota quota("connections");
  builder.SetResourceQuota(quota.Resize(kTransportBytes));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Entrance>> Entrance::Open(const ServerOptions& options,
                                                         grpc::ServerBuilder& builder) {
  std::unique_ptr<Entrance> entrance(new Entrance);
  if (options.listen.empty()) return entrance;
  SetLimits(builder);
  const auto add = [&](std::shared_ptr<grpc::ServerCredentials> credentials) -> Acceptor& {
    using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    entrance->acceptors_.push_back(
        builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, std::move(credentials)));
    return *entrance->acceptors_.back();
  };
  const bool encrypted = !options.tls_certificate.empty();
  auto credentials = MakeCredentials(options);
  if (!credentials.ok()) return credentials.status();
  Acceptor& by_network = add(*std::move(credentials));
  const auto may_be_unix = [](const std::string& address) {
    return IsUnix(address) || address == kSystemdSockets;
  };
  const bool mixed = encrypted && std::any_of(options.listen.begin(), options.listen.end(), may_be_unix);
  Acceptor& by_unix = mixed ? add(grpc::InsecureServerCredentials()) : by_network;
  for (const std::string& address : options.listen) {
    if (address == kSystemdSockets) {
      absl::Status status = entrance->AdoptAll(by_unix, by_network, options);
      if (!status.ok()) return status;
      continue;
    }
    const bool local = IsUnix(address);
    absl::Status status = entrance->Listen(address, local ? by_unix : by_network, encrypted && !local);
    if (!status.ok()) return status;
  }
  return entrance;
}

Listener::Handler Entrance::Into(Acceptor& acceptor) {
  return [&acceptor](int listening, int connection) {
    Acceptor::NewConnectionParameters parameters;
    parameters.listener_fd = listening;
    parameters.fd = connection;
    acceptor.HandleNewConnection(&parameters);
  };
}

absl::Status Entrance::AdoptAll(Acceptor& by_unix, Acceptor& by_network, const ServerOptions& options) {
  const int count = PassedSockets();
  if (count == 0) {
    return absl::InvalidArgumentError("--listen systemd: systemd has passed no socket (LISTEN_FDS)");
  }
  for (int i = 0; i < count; ++i) {
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    getsockname(kFirstPassedSocket + i, reinterpret_cast<sockaddr*>(&bound), &size);
    const bool local = bound.ss_family == AF_UNIX;
    const bool encrypted = !local && !options.tls_certificate.empty();
    auto address = listener_.Adopt(kFirstPassedSocket + i, encrypted, Into(local ? by_unix : by_network));
    if (!address.ok()) return address.status();
    if (!local && !encrypted && !options.insecure_non_loopback && !IsLocalAddress(*address)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--listen systemd: ", *address,
          " can be reached from other machines and the connection would not be "
          "encrypted: give --tls-cert and --tls-key, or accept it with --insecure-non-loopback"));
    }
    if (port_ == 0 && !local) port_ = std::atoi(address->substr(address->rfind(':') + 1).c_str());
    addresses_.push_back(*std::move(address));
  }
  return absl::OkStatus();
}

absl::Status Entrance::Listen(const std::string& address, Acceptor& acceptor, bool encrypted) {
  auto port = listener_.Listen(address, encrypted, Into(acceptor));
  if (!port.ok()) return port.status();
  if (port_ == 0) port_ = *port;
  addresses_.push_back(IsUnix(address) ? address
                                       : absl::StrCat(address.substr(0, address.rfind(':') + 1), *port));
  return absl::OkStatus();
}

}  // namespace sextant::server
