// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/probe.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "clients/cli/session.h"

namespace sextant::cli {
namespace {

// 0, or the errno of why not.
int ConnectWithin(const sockaddr* address, socklen_t length, int family, double timeout_s) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  int error = connect(fd, address, length) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd waiting{fd, POLLOUT, 0};
    if (poll(&waiting, 1, static_cast<int>(1000 * timeout_s)) <= 0) {
      error = ETIMEDOUT;
    } else {
      socklen_t size = sizeof error;
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  close(fd);
  return error;
}

std::string AdviceFor(int error, const std::string& port) {
  switch (error) {
    case ECONNREFUSED:
      return "nothing listens there: start it with `sextantd --listen 127.0.0.1:" + port +
             " --db FILE`, or correct the port";
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "a firewall drops the packets or the host is down; a server that listens on 127.0.0.1 answers "
             "only its own "
             "machine";
    case ENOENT:
      return "the socket file is not there: is the server running?";
    case EACCES:
      return "the socket's permissions keep you out";
    default:
      return "see the server's log";
  }
}

ProbeResult ProbeUnix(const std::string& path, double timeout_s) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return {false, "the socket path is too long", "use a shorter one"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int error =
      ConnectWithin(reinterpret_cast<const sockaddr*>(&address), sizeof address, AF_UNIX, timeout_s);
  if (error == 0) return {true, "connected to " + path, ""};
  return {false, path + ": " + std::strerror(error), AdviceFor(error, "PORT")};
}

}  // namespace

ProbeResult ProbeServer(const std::string& server, double timeout_s) {
  const auto parsed = ParseTarget(server, {});
  if (!parsed.ok()) return {false, Safe(std::string(parsed.status().message())), "give HOST:PORT"};
  const std::string& target = parsed->address;
  if (target.rfind("unix:", 0) == 0) return ProbeUnix(target.substr(5), timeout_s);
  const std::size_t colon = target.rfind(':');
  if (colon == std::string::npos || colon + 1 == target.size()) {
    return {false, "'" + Safe(target) + "' has no port", "give HOST:PORT, for example 127.0.0.1:7433"};
  }
  std::string host = target.substr(0, colon);
  const std::string port = target.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  const int resolved = getaddrinfo(host.c_str(), port.c_str(), &hints, &raw);
  if (resolved != 0) {
    const bool bad_port = resolved == EAI_SERVICE || resolved == EAI_NONAME;
    return {false, "cannot resolve '" + Safe(target) + "': " + gai_strerror(resolved),
            bad_port ? "check the spelling of host and port" : "check the network's name service"};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(raw, freeaddrinfo);
  int error = 0;
  for (const addrinfo* at = raw; at != nullptr; at = at->ai_next) {
    error = ConnectWithin(at->ai_addr, at->ai_addrlen, at->ai_family, timeout_s);
    if (error == 0) return {true, "connected to " + target, ""};
  }
  return {false, target + ": " + std::strerror(error), AdviceFor(error, port)};
}

std::string ProxyWarning(const std::string& server) {
  const auto parsed = ParseTarget(server, {});
  if (!parsed.ok() || !parsed->is_local || parsed->address.rfind("unix:", 0) == 0) return {};
  const std::string& target = parsed->address;
  for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    const char* proxy = std::getenv(name);
    if (proxy == nullptr || proxy[0] == '\0') continue;
    const std::string host = target.substr(0, target.rfind(':'));
    for (const char* exempt : {"no_grpc_proxy", "no_proxy"}) {
      const char* list = std::getenv(exempt);
      if (list != nullptr && std::string(list).find(host) != std::string::npos) return {};
    }
    return std::string(name) + " is set and no_proxy does not name " + host +
           ": sextant goes round the proxy for this machine, other gRPC clients (Python, C++) may not";
  }
  return {};
}

}  // namespace sextant::cli
