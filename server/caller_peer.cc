// SPDX-License-Identifier: Apache-2.0
#include "server/caller_peer.h"

#include "server/quota.h"

namespace sextant::server {

std::string PeerOf(const grpc::ServerContextBase& context) {
  std::string peer = context.peer();
  if (!HostOfPeer(peer).empty()) return peer;
  const auto found = context.client_metadata().find(kPeerMetadata);
  if (found == context.client_metadata().end()) return peer;
  return std::string(found->second.data(), found->second.size());
}

}  // namespace sextant::server
