// SPDX-License-Identifier: Apache-2.0
// HTTP/2 frames as a client writes them.
#pragma once

#include <cstdint>
#include <string>

#include "server/guard/frame_reader.h"

namespace sextant::server {

inline constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string BigEndian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
  return text;
}

/// A frame that says it is `length` long and holds `payload`.
inline std::string FrameOf(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                           const std::string& payload) {
  return BigEndian(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) +
         BigEndian(stream, 4) + payload;
}

/// The beginning of a message of `length` bytes, of which `bytes` follow.
inline std::string MessageOf(std::uint32_t length, std::size_t bytes) {
  return std::string(1, '\0') + BigEndian(length, 4) + std::string(bytes, 'm');
}

}  // namespace sextant::server
