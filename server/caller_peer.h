// SPDX-License-Identifier: Apache-2.0
// Whom a call counts for.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

namespace sextant::server {

/// Metadata with which the HTTP server of this process says for whom it calls, as gRPC names peers.
inline constexpr char kPeerMetadata[] = "sextant-http-peer";

/// The other end of the connection; of calls from within this process, whom they are made for. Others may
/// send that metadata: it counts for nothing then.
std::string PeerOf(const grpc::ServerContextBase& context);

}  // namespace sextant::server
