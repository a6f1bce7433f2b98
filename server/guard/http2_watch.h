// SPDX-License-Identifier: Apache-2.0
// What one client makes the server hold before any method sees it: header blocks, streams, messages that are
// not complete. gRPC 1.51 bounds none of the three (CVE-2023-33953 is one of them).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "server/guard/frame_reader.h"

namespace sextant::server {

/// Follows both directions of one HTTP/2 connection by its frame headers and gRPC's message prefixes; decodes
/// nothing, holds a few dozen bytes a stream that is open. Not thread-safe.
class Http2Watch {
 public:
  /// Bytes from the client, its preface first. Returns nullptr, or what it did that no client of gRPC does:
  /// then the connection is to be cut, and nothing more may be fed.
  const char* Received(const char* data, std::size_t size);
  /// Bytes that were sent to the client: they end streams.
  void Sent(const char* data, std::size_t size);

  /// Bytes received of messages that are not complete, over all open streams.
  std::int64_t unfinished_bytes() const { return unfinished_bytes_; }
  /// Streams that the server has not ended, nor the client reset.
  std::size_t open_streams() const { return open_streams_; }

 private:
  struct Stream {
    bool client_done = false, server_done = false;
    std::uint8_t prefix_bytes = 0;      // of the five before a message that have come
    std::uint32_t message_length = 0;   // as far as the prefix has come
    std::uint32_t message_left = 0;     // bytes of the message that are missing
    std::int64_t unfinished_bytes = 0;  // bytes of it that are held
  };

  bool BeginReceived(const Frame& frame);
  bool BeginHeaderBlock(const Frame& frame);
  bool ReceivedPayload(const Frame& frame, const char* data, std::size_t size);
  void ReceivedMessageBytes(Stream& stream, const char* data, std::size_t size);
  void BeginSent(const Frame& frame);
  void EndByServer(Stream& stream);
  /// Drops a stream that both sides have ended; one that the server alone has ended stays as a mark, so that
  /// what is still under way on it is not taken for something else.
  void Settle(std::map<std::uint32_t, Stream>::iterator found);
  void Hold(Stream& stream, std::int64_t bytes);

  FrameReader received_, sent_;
  std::size_t preface_left_ = 24;
  const char* wrong_ = nullptr;
  std::map<std::uint32_t, Stream> streams_;
  std::uint32_t last_stream_ = 0;
  std::size_t open_streams_ = 0;
  std::int64_t unfinished_bytes_ = 0;
  // The header block that is open.
  std::uint32_t block_bytes_ = 0;
  int continuations_ = 0;
  // The DATA frame that is open.
  bool reads_padding_ = false;
  std::uint32_t data_left_ = 0;  // without padding
};

}  // namespace sextant::server
