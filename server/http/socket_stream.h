// SPDX-License-Identifier: Apache-2.0
// A connection as cpp-httplib reads and writes it, with limits on time and on headers that the library has
// not.
#pragma once

#include <httplib.h>
#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

namespace sextant::server::http {

/// Owns the descriptor, which is non-blocking. Used by one thread; Close may come from another.
class SocketStream final : public httplib::Stream {
 public:
  /// `tls`: null for a connection in the clear.
  SocketStream(int descriptor, std::string peer, std::shared_ptr<SSL_CTX> tls);
  ~SocketStream() override;
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  /// Agrees with the client on how to encrypt; true at once where nothing is. False: the client does not.
  bool Handshake();
  /// Waits for the next request on the connection; false when none comes in time.
  bool AwaitRequest();
  /// Ends what waits, for good.
  void Close();

  bool is_readable() const override;
  /// False also when the client has gone.
  bool is_writable() const override;
  ssize_t read(char* data, size_t size) override;
  ssize_t write(const char* data, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return descriptor_; }

 private:
  using Clock = std::chrono::steady_clock;
  bool Wait(short events, Clock::time_point until) const;
  bool Fill(Clock::time_point until);
  /// As recv and send, whatever the connection is; `waits_for` is what poll is to wait for when they say
  /// EAGAIN.
  ssize_t Receive(char* data, std::size_t size, short* waits_for);
  ssize_t Send(const char* data, std::size_t size, short* waits_for);
  ssize_t SslResult(int result, std::size_t moved, short* waits_for);
  /// False once the headers of the request are longer than they may be.
  bool CountHeaders(const char* data, std::size_t size);

  const int descriptor_;
  const std::shared_ptr<SSL_CTX> tls_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  const std::string peer_;
  std::string buffer_;
  std::size_t taken_ = 0;  // of buffer_
  Clock::time_point receive_until_;
  std::size_t header_bytes_ = 0;
  int line_ends_ = 0;  // how much of an empty line has come
  bool in_headers_ = true;
  bool ended_ = false;  // by the client
  std::atomic<bool> closed_{false};
};

}  // namespace sextant::server::http
