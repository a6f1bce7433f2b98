// SPDX-License-Identifier: Apache-2.0
// Listening sockets of one's own: gRPC's accept as many connections as there are descriptors and then never
// again (CVE-2023-4785).
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <netdb.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sextant::server {

/// Where connections come in. Listens from Listen on, accepts from Start to Stop.
class Listener {
 public:
  /// Gets each connection that was taken: non-blocking, closed on exec, without Nagle's delay. Called on the
  /// listener's thread.
  using Handler = std::function<void(int listening, int connection)>;

  Listener() = default;
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Binds HOST:PORT (all addresses of a name, on one port) or unix:PATH. Returns the port, 0 for a unix
  /// socket. UNAVAILABLE says what is wrong. `encrypted` as Connections::Admit has it.
  absl::StatusOr<int> Listen(const std::string& address, bool encrypted, Handler handler);
  /// Takes over a socket that listens already (systemd's, which keeps it open while this process is
  /// replaced). Returns the address it is bound to, as --listen has it, and FAILED_PRECONDITION where it does
  /// not listen.
  absl::StatusOr<std::string> Adopt(int descriptor, bool encrypted, Handler handler);
  absl::Status Start();
  /// Takes no more connections and closes the sockets. Idempotent.
  void Stop();

 private:
  struct Socket {
    int descriptor = -1;
    bool encrypted = false;
    Handler handler;
    std::string path;  // of a unix socket
  };

  absl::StatusOr<int> Bind(const std::string& address, const addrinfo& found, int port, Socket& socket);
  void Loop();
  void AcceptAll(const Socket& socket);
  void Take(const Socket& socket, int connection, const std::string& peer);

  std::vector<Socket> sockets_;
  int wake_ = -1;
  int reserve_ = -1;  // given up for a moment to refuse a connection when there is no other descriptor
  std::thread thread_;
};

/// The first of the descriptors that systemd passes, and how many there are; see sd_listen_fds(3).
inline constexpr int kFirstPassedSocket = 3;
int PassedSockets();

}  // namespace sextant::server
