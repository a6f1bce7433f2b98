// SPDX-License-Identifier: Apache-2.0
// The connections that clients have open: how many, whose, and what each makes the server hold.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/guard/http2_watch.h"

namespace sextant::server {

/// Whom a connection counts for: an IPv4 address, the /64 of an IPv6 one, the user of a unix socket.
struct Peer {
  std::string name;
  int connections = 0;
  std::int64_t unfinished_bytes = 0;
};

/// One connection. Thread-safe.
struct Connection {
  std::shared_ptr<Peer> peer;
  int descriptor = -1;
  ino_t inode = 0;  ///< of the socket: says whether the descriptor still is this connection
  bool encrypted = false;
  std::mutex mutex;
  Http2Watch watch;     // guarded by mutex
  bool is_cut = false;  // guarded by mutex
  std::int64_t counted =
      0;              // unfinished bytes as the totals have them; guarded by the table's mutex, as descriptor
  std::string hello;  // guarded by mutex: the client's first TLS bytes, up to its random number
};

/// Thread-safe. One a process: the functions that stand in front of the libraries' (transport.cc) have no
/// argument to find it by.
class Connections {
 public:
  static Connections& OfProcess();

  struct Limits {
    int all = 0, per_peer = 0;
  };
  /// Set before the first connection. 0: no limit.
  void SetLimits(Limits limits);
  Limits limits() const;

  /// Takes a connection in, or says what is full: "all" or "peer"; "" when it was taken.
  std::string Admit(int descriptor, const std::string& peer, bool encrypted);

  /// The connection of a descriptor; null when it is none.
  std::shared_ptr<Connection> Find(int descriptor);
  /// The encrypted connection whose client began with this random number (32 bytes).
  std::shared_ptr<Connection> FindByRandom(const std::string& random);

  /// Bytes that came over `connection`, decrypted. False: it breaks a rule and has been shut down.
  bool Received(Connection& connection, const char* data, std::size_t size);
  void Sent(Connection& connection, const char* data, std::size_t size);
  /// Encrypted bytes that came: the first of them name the connection. False as above.
  bool ReceivedEncrypted(const std::shared_ptr<Connection>& connection, const char* data, std::size_t size);

  struct Counts {
    int open = 0;
    std::int64_t refused = 0, cut = 0, unfinished_bytes = 0;
  };
  Counts counts();

 private:
  std::string Full(const Peer& peer) const;
  void Drop(int descriptor);
  /// gRPC closes descriptors without a word: finds out which of the table are no longer what they were.
  /// False: not done, since it was done just now.
  bool DropClosed();
  void Release(Connection& connection);
  bool Name(const std::shared_ptr<Connection>& connection);
  const char* Account(Connection& connection, std::int64_t unfinished);
  const char* TooMuch(const Connection& connection) const;
  void Cut(Connection& connection, const char* why);

  mutable std::mutex mutex_;
  Limits limits_;
  int open_ = 0;
  std::int64_t refused_ = 0, cut_ = 0, unfinished_bytes_ = 0;
  std::chrono::steady_clock::time_point dropped_at_;
  std::vector<std::shared_ptr<Connection>> by_descriptor_;
  std::map<std::string, std::shared_ptr<Peer>> peers_;
  std::unordered_map<std::string, std::weak_ptr<Connection>> by_random_;
};

}  // namespace sextant::server
