// SPDX-License-Identifier: Apache-2.0
// What an HTTP client may make the server hold. docs/operations.md shows these to operators.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sextant::server::http {

inline constexpr int kMaxConnections = 128, kMaxConnectionsPerPeer = 32;  ///< a thread each
inline constexpr std::size_t kMaxHeaderBytes = 64 << 10;  ///< of one request: its line and its headers
/// JSON takes more than the message of 4 MiB that it stands for; streams carry several messages.
inline constexpr std::size_t kMaxBodyBytes = 16 << 20;
/// Bodies under way.
inline constexpr std::int64_t kMaxBodies = 256 << 20, kMaxBodiesPerPeer = 64 << 20;
/// Each makes some thousand predictions.
inline constexpr int kMaxReports = 4, kMaxReportsPerPeer = 2;
inline constexpr int kMaxMessagesPerBody = 10'000;

inline constexpr std::chrono::seconds kToShakeHands{10};     ///< of TLS, as gRPC's connections
inline constexpr std::chrono::seconds kBetweenRequests{15};  ///< on an open connection
inline constexpr std::chrono::seconds kToReceive{60};        ///< a whole request
inline constexpr std::chrono::seconds kToSend{30};           ///< until the client takes some bytes
inline constexpr int kRequestsPerConnection = 1000;

}  // namespace sextant::server::http
