// SPDX-License-Identifier: Apache-2.0
// Whom a connection counts for.
#pragma once

#include <sys/socket.h>

#include <string>

namespace sextant::server {

/// An IPv4 address, also where it came over an IPv6 socket; the /64 of an IPv6 one, of which whoever has one
/// has 2^64; "user UID" of a unix socket.
std::string PeerName(int connection, const sockaddr_storage& address);

}  // namespace sextant::server
