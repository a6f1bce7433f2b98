// SPDX-License-Identifier: Apache-2.0
#include "server/guard/peer_name.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

namespace sextant::server {
namespace {

constexpr int kNetworkBytes = 8;  // a /64

}  // namespace

std::string PeerName(int connection, const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof(text));
    return text;
  }
  if (address.ss_family == AF_INET6) {
    in6_addr network = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&network)) {
      inet_ntop(AF_INET, network.s6_addr + 12, text, sizeof(text));
      return text;
    }
    std::fill(network.s6_addr + kNetworkBytes, network.s6_addr + sizeof(network.s6_addr), std::uint8_t{0});
    inet_ntop(AF_INET6, &network, text, sizeof(text));
    return absl::StrCat(text, "/64");
  }
  ucred user{};
  socklen_t size = sizeof(user);
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0) return "unix";
  return absl::StrCat("user ", user.uid);
}

}  // namespace sextant::server
