// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_server.h"

#include <absl/strings/str_cat.h>
#include <sys/socket.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/status_macros.h"
#include "server/guard/listener.h"
#include "server/guard/peer_name.h"
#include "server/http/handlers.h"
#include "server/http/limits.h"
#include "server/http/monitor_site.h"
#include "server/http/socket_stream.h"
#include "server/options.h"

namespace sextant::server::http {
namespace {

// The library's parser and router over connections of our own.
class Router final : public httplib::Server {
 public:
  Router() {
    // Content that is made piece by piece stops where the library takes its listening socket for closed. It
    // has none.
    svr_sock_ = 0;
    set_payload_max_length(kMaxBodyBytes);
  }
  void StopAnswers() { svr_sock_ = INVALID_SOCKET; }

  void Serve(SocketStream& stream) {
    if (!stream.Handshake()) return;
    for (int left = kRequestsPerConnection; left > 0 && stream.AwaitRequest(); --left) {
      bool closed = false;
      const bool answered = process_request(stream, left == 1, closed, nullptr);
      if (Site::LeftBytes() || !answered || closed) return;
    }
  }
};

// The answer to a connection too many.
std::string BusyAnswer() {
  constexpr char kBody[] = R"({"code":"unavailable","message":"as many connections as may be are open"})";
  return absl::StrCat(
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: application/json\r\n",
      "Content-Length: ", sizeof(kBody) - 1, "\r\nConnection: close\r\n\r\n", kBody);
}

std::string NameOfPeer(int connection) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getpeername(connection, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "unknown";
  return PeerName(connection, address);
}

}  // namespace

struct HttpServer::Impl {
  explicit Impl(std::unique_ptr<Site> answers) : site(std::move(answers)) { site->Install(router); }

  absl::Status Listen(const char* flag, const std::vector<std::string>& listen, bool insecure_non_loopback);

  // On the listener's thread.
  void Take(int connection) {
    const std::string peer = NameOfPeer(connection);
    auto stream = std::make_shared<SocketStream>(connection, peer, tls ? tls->Current() : nullptr);
    {
      const std::lock_guard lock(mutex);
      if (stopped || static_cast<int>(open.size()) >= kMaxConnections ||
          open_of_peer[peer] >= kMaxConnectionsPerPeer) {
        if (open_of_peer[peer] == 0) open_of_peer.erase(peer);
        return Refuse(connection);
      }
      ++open_of_peer[peer];
      open.insert(stream);
    }
    try {
      std::thread([this, stream, peer] {
        router.Serve(*stream);
        Drop(stream, peer);
      }).detach();
    } catch (const std::system_error&) {  // no thread is to be had
      Refuse(connection);
      Drop(stream, peer);
    }
  }

  // Over TLS nobody could read it before a handshake.
  void Refuse(int connection) const {
    if (tls) return;
    const std::string answer = BusyAnswer();
    send(connection, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void Drop(const std::shared_ptr<SocketStream>& stream, const std::string& peer) {
    stream->Close();
    const std::lock_guard lock(mutex);
    open.erase(stream);
    if (--open_of_peer[peer] == 0) open_of_peer.erase(peer);
    all_done.notify_all();
  }

  void Stop(std::chrono::milliseconds patience) {
    listener.Stop();
    site->Stop(patience);
    std::unique_lock lock(mutex);
    stopped = true;
    router.StopAnswers();
    for (const auto& stream : open) stream->Close();
    all_done.wait(lock, [this] { return open.empty(); });
  }

  const std::unique_ptr<Site> site;
  Router router;
  std::unique_ptr<TlsContext> tls;  // null: in the clear
  std::mutex mutex;
  std::condition_variable all_done;
  bool stopped = false;                          // guarded by mutex
  std::set<std::shared_ptr<SocketStream>> open;  // guarded by mutex
  std::map<std::string, int> open_of_peer;       // guarded by mutex
  std::vector<std::string> addresses;
  int port = 0;
  Listener listener;  // last: its thread uses the rest
};

absl::Status HttpServer::Impl::Listen(const char* flag, const std::vector<std::string>& listen,
                                      bool insecure_non_loopback) {
  const char* remedy =
      std::string_view(flag) == "--metrics" ? "use a loopback address" : "give --tls-cert and --tls-key";
  for (const std::string& address : listen) {
    if (address.rfind(':') == std::string::npos || address.rfind("unix:", 0) == 0) {
      return absl::InvalidArgumentError(absl::StrCat(flag, " ", address, ": use HOST:PORT"));
    }
    if (tls == nullptr && !insecure_non_loopback && !IsLocalAddress(address)) {
      return absl::InvalidArgumentError(absl::StrCat(
          flag, " ", address,
          " can be reached from other machines and the connection would not be encrypted: ", remedy,
          ", or accept it with --insecure-non-loopback"));
    }
    ASSIGN_OR_RETURN(const int bound,
                     listener.Listen(address, false, [this](int, int connection) { Take(connection); }));
    if (port == 0) port = bound;
    addresses.push_back(absl::StrCat(address.substr(0, address.rfind(':') + 1), bound));
  }
  return listener.Start();
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpOptions& options,
                                                              std::shared_ptr<grpc::Channel> channel) {
  auto impl = std::make_unique<Impl>(std::make_unique<Handlers>(options, std::move(channel)));
  if (options.tls.wanted()) {
    ASSIGN_OR_RETURN(impl->tls, TlsContext::Load(options.tls));
  }
  RETURN_IF_ERROR(impl->Listen("--http", options.listen, options.insecure_non_loopback));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::StartMonitor(const std::string& address,
                                                                     bool insecure_non_loopback,
                                                                     MonitorSources sources) {
  auto impl = std::make_unique<Impl>(std::make_unique<MonitorSite>(std::move(sources)));
  RETURN_IF_ERROR(impl->Listen("--metrics", {address}, insecure_non_loopback));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { Stop(std::chrono::milliseconds(0)); }

const std::vector<std::string>& HttpServer::addresses() const { return impl_->addresses; }

int HttpServer::port() const { return impl_->port; }

void HttpServer::Stop(std::chrono::milliseconds patience) { impl_->Stop(patience); }

}  // namespace sextant::server::http
