// SPDX-License-Identifier: Apache-2.0
#include "server/http/socket_stream.h"

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

SocketStream::~SocketStream() { close(descriptor_); }

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
    const ssize_t got = recv(descriptor_, buffer_.data(), buffer_.size(), 0);
    if (got > 0) {
      buffer_.resize(static_cast<std::size_t>(got));
      return true;
    }
    ended_ = got == 0;
    const bool again = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (!again || !Wait(POLLIN, until)) {
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

bool SocketStream::is_readable() const { return taken_ < buffer_.size() || Wait(POLLIN, receive_until_); }

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
    const ssize_t took = send(descriptor_, data + sent, size - sent, MSG_NOSIGNAL);
    if (took > 0) {
      sent += static_cast<std::size_t>(took);
      continue;
    }
    const bool again = took < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (!again || !Wait(POLLOUT, Clock::now() + kToSend)) return -1;
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
