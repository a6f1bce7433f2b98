// SPDX-License-Identifier: Apache-2.0
// A connection as cpp-httplib reads and writes it, with limits on time and on headers that the library has
// not.
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <string>

namespace sextant::server::http {

/// Owns the descriptor, which is non-blocking. Used by one thread; Close may come from another.
class SocketStream final : public httplib::Stream {
 public:
  SocketStream(int descriptor, std::string peer) : descriptor_(descriptor), peer_(std::move(peer)) {}
  ~SocketStream() override;
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

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
  /// False once the headers of the request are longer than they may be.
  bool CountHeaders(const char* data, std::size_t size);

  const int descriptor_;
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
