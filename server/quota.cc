// SPDX-License-Identifier: Apache-2.0
#include "server/quota.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "server/error.h"

namespace sextant::server {
namespace {

constexpr int kQuotaRetrySeconds = 2;
constexpr std::size_t kQuotaNetworkBytes = 8;  // a /64

}  // namespace

class Quota::Ticket final : public QuotaTicket {
 public:
  Ticket(Quota& quota, std::string host, std::int64_t amount)
      : quota_(quota), host_(std::move(host)), amount_(amount) {}
  ~Ticket() override {
    const std::lock_guard lock(quota_.mutex_);
    quota_.taken_ -= amount_;
    const auto found = quota_.peers_.find(host_);
    if (found != quota_.peers_.end() && (found->second -= amount_) == 0) quota_.peers_.erase(found);
  }

 private:
  Quota& quota_;
  const std::string host_;
  const std::int64_t amount_;
};

absl::StatusOr<std::unique_ptr<QuotaTicket>> Quota::Take(const std::string& peer, std::int64_t amount) {
  std::string host = HostOfPeer(peer);
  const std::lock_guard lock(mutex_);
  if (taken_ + amount > all_) {
    return QuotaExceeded(reason_, subject_,
                         absl::StrCat("the server has no room: ", all_, " ", subject_,
                                      " are the most at a time; try again later"),
                         kQuotaRetrySeconds);
  }
  if (!host.empty()) {
    const auto found = peers_.find(host);
    if ((found == peers_.end() ? 0 : found->second) + amount > per_peer_) {
      return QuotaExceeded(reason_, subject_,
                           absl::StrCat("this client has its share: ", per_peer_, " ", subject_,
                                        " are the most that one caller has at a time; try again later"),
                           kQuotaRetrySeconds);
    }
    peers_[host] += amount;
  }
  taken_ += amount;
  return std::make_unique<Ticket>(*this, std::move(host), amount);
}

std::int64_t Quota::taken() {
  const std::lock_guard lock(mutex_);
  return taken_;
}

std::string HostOfPeer(const std::string& peer) {
  if (absl::StartsWith(peer, "inproc")) return "";
  if (absl::StartsWith(peer, "token:")) return peer;
  if (!absl::StartsWith(peer, "ipv6:"))
    return peer.substr(0, absl::StartsWith(peer, "ipv4:") ? peer.rfind(':') : 5);
  // "ipv6:%5B::1%5D:443"
  std::string host = absl::StrReplaceAll(peer.substr(5, peer.rfind(':') - 5),
                                         {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}});
  host = host.substr(0, host.find('%'));  // the scope of a link-local address
  in6_addr network{};
  if (inet_pton(AF_INET6, host.c_str(), &network) != 1) return peer.substr(0, peer.rfind(':'));
  char text[INET6_ADDRSTRLEN] = "";
  if (!IN6_IS_ADDR_V4MAPPED(&network))
    std::fill(network.s6_addr + kQuotaNetworkBytes, network.s6_addr + sizeof(network.s6_addr),
              std::uint8_t{0});
  inet_ntop(AF_INET6, &network, text, sizeof(text));
  return absl::StrCat("ipv6:", text);
}

}  // namespace sextant::server
