// SPDX-License-Identifier: Apache-2.0
// HTTP/2 frames out of a byte stream that comes in any pieces (RFC 9113, section 4.1).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sextant::server {

enum FrameType : std::uint8_t { kData = 0, kHeaders = 1, kRstStream = 3, kSettings = 4, kContinuation = 9 };
enum FrameFlag : std::uint8_t { kEndStream = 0x1, kEndHeaders = 0x4, kPadded = 0x8 };

struct Frame {
  std::uint32_t length = 0;  ///< of the payload, bytes
  std::uint8_t type = 0, flags = 0;
  std::uint32_t stream = 0;
};

/// Keeps at most one frame header. Not thread-safe.
class FrameReader {
 public:
  /// Calls `begin(frame)` once the header of a frame is there and `payload(frame, data, size)` for each piece
  /// of its payload; either returns false to stop. Returns false when stopped: then nothing more may be fed.
  template <typename Begin, typename Payload>
  bool Feed(const char* data, std::size_t size, Begin&& begin, Payload&& payload) {
    while (size > 0) {
      if (left_ == 0) {
        header_[have_++] = static_cast<std::uint8_t>(*data++);
        --size;
        if (have_ < kHeaderBytes) continue;
        have_ = 0;
        Parse();
        if (!begin(frame_)) return false;
        continue;
      }
      const std::size_t take = std::min<std::size_t>(size, left_);
      if (!payload(frame_, data, take)) return false;
      data += take;
      size -= take;
      left_ -= static_cast<std::uint32_t>(take);
    }
    return true;
  }

 private:
  static constexpr int kHeaderBytes = 9;

  void Parse() {
    frame_.length = static_cast<std::uint32_t>(header_[0] << 16 | header_[1] << 8 | header_[2]);
    frame_.type = header_[3];
    frame_.flags = header_[4];
    frame_.stream =
        (static_cast<std::uint32_t>(header_[5]) << 24 | static_cast<std::uint32_t>(header_[6]) << 16 |
         static_cast<std::uint32_t>(header_[7]) << 8 | header_[8]) &
        0x7fffffffU;
    left_ = frame_.length;
  }

  std::uint8_t header_[kHeaderBytes] = {};
  int have_ = 0;
  Frame frame_;
  std::uint32_t left_ = 0;  // of the payload
};

}  // namespace sextant::server
