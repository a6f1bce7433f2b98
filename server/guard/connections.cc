// SPDX-License-Identifier: Apache-2.0
#include "server/guard/connections.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>

#include "server/guard/limits.h"
#include "server/log.h"

namespace sextant::server {
namespace {

// Where the client's random number stands in the first TLS record: after the record's and the message's
// header and the version (RFC 8446, sections 5.1 and 4.1.2).
constexpr std::size_t kRandomAt = 11, kRandomBytes = 32, kHelloBytes = kRandomAt + kRandomBytes;
constexpr std::size_t kMaxRandoms = 4 * kMaxConnections;

// Asking the kernel about every descriptor takes half a millisecond at the most connections there may be.
constexpr std::chrono::milliseconds kDropEvery{20};

ino_t InodeOf(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

}  // namespace

Connections& Connections::OfProcess() {
  static auto* connections = new Connections;  // never destroyed: gRPC's threads outlive main's statics
  return *connections;
}

void Connections::SetLimits(Limits limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

Connections::Limits Connections::limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

std::string Connections::Full(const Peer& peer) const {
  if (limits_.per_peer > 0 && peer.connections >= limits_.per_peer) return "peer";
  return limits_.all > 0 && open_ >= limits_.all ? "all" : "";
}

std::string Connections::Admit(int descriptor, const std::string& name, bool encrypted) {
  const std::lock_guard lock(mutex_);
  Drop(descriptor);  // whoever had that number is gone
  auto found = peers_.find(name);
  const auto peer = found == peers_.end() ? std::make_shared<Peer>(Peer{name, 0, 0}) : found->second;
  std::string reason = Full(*peer);
  if (!reason.empty() && DropClosed()) reason = Full(*peer);
  if (!reason.empty()) {
    ++refused_;
    return reason;
  }
  auto connection = std::make_shared<Connection>();
  connection->peer = peer;
  connection->descriptor = descriptor;
  connection->inode = InodeOf(descriptor);
  connection->encrypted = encrypted;
  peers_[name] = peer;
  ++peer->connections;
  ++open_;
  const auto at = static_cast<std::size_t>(descriptor);
  if (by_descriptor_.size() <= at) by_descriptor_.resize(at + 1);
  by_descriptor_[at] = std::move(connection);
  return "";
}

void Connections::Drop(int descriptor) {
  if (static_cast<std::size_t>(descriptor) >= by_descriptor_.size()) return;
  std::shared_ptr<Connection>& slot = by_descriptor_[static_cast<std::size_t>(descriptor)];
  if (!slot) return;
  --open_;
  Release(*slot);
  slot->descriptor = -1;
  if (--slot->peer->connections == 0) peers_.erase(slot->peer->name);
  slot.reset();
}

bool Connections::DropClosed() {
  const auto now = std::chrono::steady_clock::now();
  if (now - dropped_at_ < kDropEvery) return false;
  dropped_at_ = now;
  for (std::size_t i = 0; i < by_descriptor_.size(); ++i) {
    const int descriptor = static_cast<int>(i);
    if (by_descriptor_[i] && InodeOf(descriptor) != by_descriptor_[i]->inode) Drop(descriptor);
  }
  return true;
}

void Connections::Release(Connection& connection) {
  connection.peer->unfinished_bytes -= connection.counted;
  unfinished_bytes_ -= connection.counted;
  connection.counted = 0;
}

std::shared_ptr<Connection> Connections::Find(int descriptor) {
  const std::lock_guard lock(mutex_);
  if (descriptor < 0 || static_cast<std::size_t>(descriptor) >= by_descriptor_.size()) return nullptr;
  return by_descriptor_[static_cast<std::size_t>(descriptor)];
}

std::shared_ptr<Connection> Connections::FindByRandom(const std::string& random) {
  const std::lock_guard lock(mutex_);
  const auto found = by_random_.find(random);
  return found == by_random_.end() ? nullptr : found->second.lock();
}

bool Connections::Received(Connection& connection, const char* data, std::size_t size) {
  const std::lock_guard lock(connection.mutex);
  if (connection.is_cut) return false;
  const char* wrong = connection.watch.Received(data, size);
  if (wrong == nullptr) wrong = Account(connection, connection.watch.unfinished_bytes());
  if (wrong == nullptr) return true;
  Cut(connection, wrong);
  return false;
}

void Connections::Sent(Connection& connection, const char* data, std::size_t size) {
  const std::lock_guard lock(connection.mutex);
  if (connection.is_cut) return;
  connection.watch.Sent(data, size);
  Account(connection, connection.watch.unfinished_bytes());
}

bool Connections::ReceivedEncrypted(const std::shared_ptr<Connection>& connection, const char* data,
                                    std::size_t size) {
  const std::lock_guard lock(connection->mutex);
  if (connection->is_cut) return false;
  if (connection->hello.size() == kHelloBytes) return true;
  connection->hello.append(data, std::min(size, kHelloBytes - connection->hello.size()));
  if (connection->hello.size() < kHelloBytes || Name(connection)) return true;
  Cut(*connection, "the random number of another connection");
  return false;
}

// False when another connection has that name: bytes of the two would be taken for each other's.
bool Connections::Name(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  if (by_random_.size() >= kMaxRandoms) {
    for (auto at = by_random_.begin(); at != by_random_.end();)
      at = at->second.expired() ? by_random_.erase(at) : std::next(at);
  }
  std::weak_ptr<Connection>& named = by_random_[connection->hello.substr(kRandomAt, kRandomBytes)];
  const auto other = named.lock();
  if (other && other->descriptor >= 0) return false;
  named = connection;
  return true;
}

// What is to be said against it, with the totals as they are now; null: nothing. The one that holds most of
// what is too much is cut, not whoever comes last.
const char* Connections::Account(Connection& connection, std::int64_t unfinished) {
  const std::lock_guard lock(mutex_);
  if (connection.descriptor < 0 || unfinished == connection.counted) return nullptr;
  const std::int64_t more = unfinished - connection.counted;
  connection.counted = unfinished;
  connection.peer->unfinished_bytes += more;
  unfinished_bytes_ += more;
  if (more < 0) return nullptr;
  const char* wrong = TooMuch(connection);
  if (wrong != nullptr && DropClosed()) wrong = TooMuch(connection);
  return wrong;
}

const char* Connections::TooMuch(const Connection& connection) const {
  const std::int64_t of_peer = connection.peer->unfinished_bytes;
  if (connection.counted > kMaxUnfinishedPerConnection)
    return "messages that do not end: too much for a connection";
  if (of_peer > kMaxUnfinishedPerPeer) return "messages that do not end: too much for a peer";
  const auto peers = static_cast<std::int64_t>(std::max<std::size_t>(1, peers_.size()));
  if (unfinished_bytes_ > kMaxUnfinished && of_peer > kMaxUnfinished / peers)
    return "messages that do not end: too much for the server";
  return nullptr;
}

void Connections::Cut(Connection& connection, const char* why) {
  connection.is_cut = true;
  const std::lock_guard lock(mutex_);
  ++cut_;
  Release(connection);
  if (connection.descriptor >= 0 && InodeOf(connection.descriptor) == connection.inode) {
    shutdown(connection.descriptor, SHUT_RDWR);
  }
  if ((cut_ & (cut_ - 1)) == 0) {  // the 1st, 2nd, 4th, … of them: a flood does not fill the log
    Log().warn("connection of {} cut: {} ({} cut so far)", connection.peer->name, why, cut_);
  }
}

Connections::Counts Connections::counts() {
  const std::lock_guard lock(mutex_);
  DropClosed();
  return {open_, refused_, cut_, unfinished_bytes_};
}

}  // namespace sextant::server
