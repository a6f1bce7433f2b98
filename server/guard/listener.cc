// SPDX-License-Identifier: Apache-2.0
#include "server/guard/listener.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "server/guard/connections.h"
#include "server/guard/peer_name.h"
#include "server/log.h"

namespace sextant::server {
namespace {

constexpr char kUnix[] = "unix:";
constexpr int kAcceptsAtATime = 64;  // of one socket, before the others have their turn
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{10};

absl::Status CannotListen(const std::string& address, int error) {
  const char* advice = error == EADDRINUSE      ? "the port or path is taken"
                       : error == EADDRNOTAVAIL ? "the address is not of this machine"
                       : error == EACCES        ? "this user may not"
                                                : std::strerror(error);
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", advice,
                                             "; choose another with --listen (port 0: any free one)"));
}

int OpenReserve() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

// Ends it at once, and leaves nothing behind in the kernel.
void Refuse(int connection) {
  const linger now{1, 0};
  setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(connection);
}

// The 1st, 2nd, 4th, … of them: a flood does not fill the log.
void LogRefusal(const std::string& peer, const std::string& full) {
  static std::int64_t refused = 0;  // of the one thread that accepts
  ++refused;
  if ((refused & (refused - 1)) == 0) {
    Log().warn("connection of {} refused: {} ({} refused so far)", peer,
               full == "peer" ? "it has as many as one peer may have" : "as many are open as may be",
               refused);
  }
}

// A socket that a dead process left is in the way of the new one; any other file stays.
void RemoveStaleSocket(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path.c_str());
}

absl::StatusOr<addrinfo*> Resolve(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", gai_strerror(error),
                                               "; choose another with --listen"));
  }
  return found;
}

int PortOf(int descriptor) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
  return bound.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6&>(bound).sin6_port)
                                     : ntohs(reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

}  // namespace

Listener::~Listener() { Stop(); }

absl::StatusOr<int> Listener::Listen(const std::string& address, bool encrypted, Handler handler) {
  if (absl::StartsWith(address, kUnix)) {
    Socket socket{-1, encrypted, std::move(handler), address.substr(sizeof(kUnix) - 1)};
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (socket.path.size() >= sizeof(name.sun_path)) return CannotListen(address, ENAMETOOLONG);
    socket.path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    RemoveStaleSocket(socket.path);
    addrinfo found{};
    found.ai_family = AF_UNIX;
    found.ai_addr = reinterpret_cast<sockaddr*>(&name);
    found.ai_addrlen = sizeof(name);
    auto bound = Bind(address, found, 0, socket);
    if (!bound.ok()) return bound;
    sockets_.push_back(std::move(socket));
    return 0;
  }
  auto resolved = Resolve(address);
  if (!resolved.ok()) return resolved.status();
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(*resolved, freeaddrinfo);
  int port = 0;
  absl::Status failed;
  for (const addrinfo* at = all.get(); at != nullptr; at = at->ai_next) {
    Socket socket{-1, encrypted, handler, ""};
    auto bound = Bind(address, *at, port, socket);
    if (!bound.ok()) {
      failed = bound.status();
      continue;
    }
    if (port == 0) port = *bound;
    sockets_.push_back(std::move(socket));
  }
  // A name may have addresses of a family that this machine lacks: one that can be bound is enough.
  return port != 0 ? absl::StatusOr<int>(port) : failed;
}

absl::StatusOr<std::string> Listener::Adopt(int descriptor, bool encrypted, Handler handler) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("--listen systemd: descriptor ", descriptor, " is no socket that listens"));
  }
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  sockaddr_storage bound{};
  size = sizeof(bound);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
  sockets_.push_back({descriptor, encrypted, std::move(handler), ""});  // its path is systemd's to remove
  if (bound.ss_family == AF_UNIX) {
    const auto& name = reinterpret_cast<const sockaddr_un&>(bound);
    return absl::StrCat(kUnix, name.sun_path);
  }
  char host[NI_MAXHOST] = "";
  getnameinfo(reinterpret_cast<const sockaddr*>(&bound), size, host, sizeof(host), nullptr, 0,
              NI_NUMERICHOST);
  const bool v6 = bound.ss_family == AF_INET6;
  return absl::StrCat(v6 ? "[" : "", host, v6 ? "]:" : ":", PortOf(descriptor));
}

int PassedSockets() {
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || std::atoi(pid) != getpid()) return 0;
  return std::max(0, std::atoi(count));
}

absl::StatusOr<int> Listener::Bind(const std::string& address, const addrinfo& found, int port,
                                   Socket& socket) {
  const int descriptor = ::socket(found.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return CannotListen(address, errno);
  const int on = 1, off = 0;
  if (found.ai_family != AF_UNIX) setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_storage name{};
  std::memcpy(&name, found.ai_addr, found.ai_addrlen);
  if (found.ai_family == AF_INET6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(name);
    // [::] serves IPv4 too.
    if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr))
      setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (port != 0) v6.sin6_port = htons(static_cast<std::uint16_t>(port));
  } else if (found.ai_family == AF_INET && port != 0) {
    reinterpret_cast<sockaddr_in&>(name).sin_port = htons(static_cast<std::uint16_t>(port));
  }
  if (bind(descriptor, reinterpret_cast<sockaddr*>(&name), found.ai_addrlen) != 0 ||
      listen(descriptor, SOMAXCONN) != 0) {
    const int error = errno;
    close(descriptor);
    return CannotListen(address, error);
  }
  socket.descriptor = descriptor;
  return found.ai_family == AF_UNIX ? 0 : PortOf(descriptor);
}

absl::Status Listener::Start() {
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  reserve_ = OpenReserve();
  if (wake_ < 0 || reserve_ < 0)
    return absl::ResourceExhaustedError("no descriptor is free: raise ulimit -n");
  thread_ = std::thread([this] { Loop(); });
  return absl::OkStatus();
}

void Listener::Stop() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    while (write(wake_, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  for (const Socket& socket : sockets_) {
    close(socket.descriptor);
    if (!socket.path.empty()) RemoveStaleSocket(socket.path);
  }
  sockets_.clear();
  for (int* descriptor : {&wake_, &reserve_}) {
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
  }
}

void Listener::Loop() {
  std::vector<pollfd> waits = {{wake_, POLLIN, 0}};
  for (const Socket& socket : sockets_) waits.push_back({socket.descriptor, POLLIN, 0});
  for (;;) {
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      Log().error("the listening sockets cannot be waited for: {}", std::strerror(errno));
      return;
    }
    if (waits[0].revents != 0) return;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (waits[i + 1].revents != 0) AcceptAll(sockets_[i]);
    }
  }
}

void Listener::AcceptAll(const Socket& socket) {
  for (int i = 0; i < kAcceptsAtATime; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    const int connection = accept4(socket.descriptor, reinterpret_cast<sockaddr*>(&address), &size,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection >= 0) {
      Take(socket, connection, PeerName(connection, address));
    } else if (errno == EMFILE || errno == ENFILE) {
      // Left in the queue it would be reported again and again.
      close(reserve_);
      const int refused = accept4(socket.descriptor, nullptr, nullptr, SOCK_CLOEXEC);
      if (refused >= 0) Refuse(refused);
      reserve_ = OpenReserve();
      if (refused < 0) std::this_thread::sleep_for(kPauseWithoutDescriptors);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno == ENOBUFS || errno == ENOMEM) {
      std::this_thread::sleep_for(kPauseWithoutDescriptors);
      return;
    }
  }
}

void Listener::Take(const Socket& socket, int connection, const std::string& peer) {
  const std::string full = Connections::OfProcess().Admit(connection, peer, socket.encrypted);
  if (!full.empty()) {
    LogRefusal(peer, full);
    return Refuse(connection);
  }
  const int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // does nothing on a unix socket
  socket.handler(socket.descriptor, connection);
}

}  // namespace sextant::server
