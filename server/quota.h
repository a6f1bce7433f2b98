// SPDX-License-Identifier: Apache-2.0
// What callers may have under way at a time: of one kind, all together and each peer.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace sextant::server {

/// A part of a quota; given back when it is destroyed.
class QuotaTicket {
 public:
  virtual ~QuotaTicket() = default;
};

/// Thread-safe; outlives its tickets.
class Quota {
 public:
  /// `subject` names what is counted, in the plural ("uploads", "bytes of answers"); `reason` is the error's.
  Quota(std::string reason, std::string subject, std::int64_t all, std::int64_t per_peer)
      : reason_(std::move(reason)), subject_(std::move(subject)), all_(all), per_peer_(per_peer) {}
  Quota(const Quota&) = delete;
  Quota& operator=(const Quota&) = delete;

  /// Takes `amount` for a caller: a peer as gRPC names it (ServerContext::peer), or "token:ID".
  /// RESOURCE_EXHAUSTED, with the limit and when to try again, where there is not enough left. The process
  /// itself is no peer: only the sum counts.
  absl::StatusOr<std::unique_ptr<QuotaTicket>> Take(const std::string& peer, std::int64_t amount = 1);

  std::int64_t taken();

 private:
  class Ticket;

  const std::string reason_, subject_;
  const std::int64_t all_, per_peer_;
  std::mutex mutex_;
  std::int64_t taken_ = 0;                     // guarded by mutex_
  std::map<std::string, std::int64_t> peers_;  // guarded by mutex_
};

/// The machine (for IPv6: the /64) that a peer of gRPC is, without its port; "" for the process itself. A
/// caller known by "token:ID" is that.
std::string HostOfPeer(const std::string& peer);

}  // namespace sextant::server
