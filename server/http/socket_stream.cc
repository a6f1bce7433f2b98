// SPDX-License-Identifier: Apache-2.0
#include "server/http/socket_stream.h"

#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "server/http/limits.h"

namespace sextant::server::http {
namespace {

constexpr std::size_t kReadBytes = 16 << 10;

}  // namespace

SocketStream::SocketStream(int descriptor, std::string peer, std::shared_ptr<SSL_CTX> tls)
    : descriptor_(descriptor), tls_(std::move(tls)), peer_(std::move(peer)) {}

SocketStream::~SocketStream() {
  ssl_.reset();
  close(descriptor_);
}

bool SocketStream::Handshake() {
  if (tls_ == nullptr) return true;
  ssl_.reset(SSL_new(tls_.get()));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), descriptor_) != 1) return false;
  const auto until = Clock::now() + kToShakeHands;
  for (;;) {
    ERR_clear_error();
    const int result = SSL_accept(ssl_.get());
    if (result == 1) return true;
    short wait = 0;
    if (SslResult(result, 0, &wait) >= 0 || errno != EAGAIN || !Wait(wait, until)) return false;
  }
}

// SSL_read_ex and SSL_write_ex, and not the two that guard/transport.cc stands in front of: that counts the
// frames of gRPC's connections.
ssize_t SocketStream::SslResult(int result, std::size_t moved, short* waits_for) {
  if (result == 1) return static_cast<ssize_t>(moved);
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      *waits_for = POLLIN;
      break;
    case SSL_ERROR_WANT_WRITE:
      *waits_for = POLLOUT;
      break;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      errno = ECONNRESET;
      return -1;
  }
  errno = EAGAIN;
  return -1;
}

ssize_t SocketStream::Receive(char* data, std::size_t size, short* waits_for) {
  *waits_for = POLLIN;
  if (ssl_ == nullptr) return recv(descriptor_, data, size, 0);
  std::size_t moved = 0;
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), data, size, &moved);
  return SslResult(result, moved, waits_for);
}

ssize_t SocketStream::Send(const char* data, std::size_t size, short* waits_for) {
  *waits_for = POLLOUT;
  if (ssl_ == nullptr) return send(descriptor_, data, size, MSG_NOSIGNAL);
  std::size_t moved = 0;
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), data, size, &moved);
  const ssize_t sent = SslResult(result, moved, waits_for);
  if (sent == 0) errno = ECONNRESET;
  return sent == 0 ? -1 : sent;
}

void SocketStream::Close() {
  closed_ = true;
  shutdown(descriptor_, SHUT_RDWR);
}

bool SocketStream::Wait(short events, Clock::time_point until) const {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (closed_ || left <= 0) return false;
    pollfd wait{descriptor_, events, 0};
    const int ready = poll(&wait, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready > 0) return !closed_ && (wait.revents & (POLLERR | POLLNVAL)) == 0;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool SocketStream::Fill(Clock::time_point until) {
  buffer_.resize(kReadBytes);
  taken_ = 0;
  for (;;) {
    short wait = POLLIN;
    const ssize_t got = Receive(buffer_.data(), buffer_.size(), &wait);
    if (got > 0) {
      buffer_.resize(static_cast<std::size_t>(got));
      return true;
    }
    ended_ = got == 0;
    const bool again = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (!again || !Wait(wait, until)) {
      buffer_.clear();
      return false;
    }
  }
}

bool SocketStream::AwaitRequest() {
  header_bytes_ = 0;
  line_ends_ = 0;
  in_headers_ = true;
  if (taken_ == buffer_.size() && !Fill(Clock::now() + kBetweenRequests)) return false;
  receive_until_ = Clock::now() + kToReceive;
  return true;
}

bool SocketStream::is_readable() const {
  if (taken_ < buffer_.size() || (ssl_ != nullptr && SSL_pending(ssl_.get()) > 0)) return true;
  return Wait(POLLIN, receive_until_);
}

bool SocketStream::is_writable() const {
  pollfd wait{descriptor_, POLLOUT | POLLRDHUP, 0};
  if (closed_ || poll(&wait, 1, 0) < 0) return false;
  return (wait.revents & (POLLERR | POLLHUP | POLLRDHUP | POLLNVAL)) == 0;
}

bool SocketStream::CountHeaders(const char* data, std::size_t size) {
  for (std::size_t i = 0; i < size && in_headers_; ++i) {
    if (++header_bytes_ > kMaxHeaderBytes) return false;
    if (data[i] == '\n') {
      // The request line and every header end in one; an empty line ends them all.
      if (++line_ends_ == 2) in_headers_ = false;
    } else if (data[i] != '\r') {
      line_ends_ = 0;
    }
  }
  return true;
}

ssize_t SocketStream::read(char* data, size_t size) {
  if (size == 0) return 0;
  if (taken_ == buffer_.size() && !Fill(receive_until_)) return ended_ ? 0 : -1;
  const std::size_t count = std::min(size, buffer_.size() - taken_);
  std::memcpy(data, buffer_.data() + taken_, count);
  taken_ += count;
  return CountHeaders(data, count) ? static_cast<ssize_t>(count) : -1;
}

ssize_t SocketStream::write(const char* data, size_t size) {
  std::size_t sent = 0;
  while (sent < size) {
    short wait = POLLOUT;
    const ssize_t took = Send(data + sent, size - sent, &wait);
    if (took > 0) {
      sent += static_cast<std::size_t>(took);
      continue;
    }
    const bool again = took < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (!again || !Wait(wait, Clock::now() + kToSend)) return -1;
  }
  return static_cast<ssize_t>(size);
}

void SocketStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip = peer_;
  port = 0;
}

void SocketStream::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

}  // namespace sextant::server::http
