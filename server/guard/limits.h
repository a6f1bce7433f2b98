// SPDX-License-Identifier: Apache-2.0
// What clients may make the server hold before a method of it runs. docs/operations.md lists them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sextant::server {

// Connections. Half of the descriptors at most go to them: the rest is for the database, its backups and
// exports.
inline constexpr int kMaxConnections = 2048;
inline constexpr int kShareOfDescriptors = 2;       ///< connections take 1 in this many
inline constexpr int kShareOfConnections = 4;       ///< one peer takes 1 in this many
inline constexpr int kHandshakeTimeoutMs = 10'000;  ///< TLS and the client's HTTP/2 settings
inline constexpr int kMaxIdleMs = 10 * 60 * 1000;   ///< of a connection without a call

// Header blocks. gRPC takes 8 KiB of decoded metadata.
inline constexpr std::uint32_t kMaxHeaderBlockBytes = 32 << 10;
inline constexpr int kMaxContinuations = 4;

// Streams of a connection: what its client is told, and where one is cut that does not listen. A client may
// not know yet that a stream is over, and learns the limit one round trip late.
inline constexpr std::size_t kMaxStreamsPerConnection = 256;
inline constexpr std::size_t kMaxStreamsBeforeCut = 2 * kMaxStreamsPerConnection;

// Messages that are not complete. A message has 4 MiB at most: these are 8, 16 and 32 of them.
inline constexpr std::int64_t kMaxUnfinishedPerConnection = 32 << 20;
inline constexpr std::int64_t kMaxUnfinishedPerPeer = 64 << 20;
inline constexpr std::int64_t kMaxUnfinished = 128 << 20;

/// What gRPC may hold of all connections together, bytes; past it, it refuses connections and resets streams.
inline constexpr std::size_t kTransportBytes = 256 << 20;

}  // namespace sextant::server
