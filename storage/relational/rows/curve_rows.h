// SPDX-License-Identifier: Apache-2.0
// Rows of `curve_chunks`.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <limits>

#include "storage/encoded_curve.h"
#include "storage/records.h"
#include "storage/relational/sql/connection.h"

namespace sextant::storage::relational {

/// Writes the points of a checked curve that begins at point `offset` of the run, a multiple of
/// kPointsPerChunk. Of the `held` points that are stored the first `keep` stay as they are: chunks that hold
/// none but them are not written. Returns by how many bytes the stored chunks grew. InvalidArgument past 2^30
/// points.
absl::StatusOr<std::int64_t> WriteCurve(Connection& connection, std::int64_t run_key, const Curve& curve,
                                        std::int64_t keep, std::int64_t held, std::int64_t offset);
/// InvalidArgument past 2^30 points.
absl::Status CheckPoints(std::size_t points);
/// The key of a run's chunk.
constexpr std::int64_t ChunkKey(std::int64_t run_key, std::size_t chunk) {
  return (run_key << 20) + static_cast<std::int64_t>(chunk);
}

/// Writes the whole curve of a run that has none. Returns its bytes; InvalidArgument past 2^30 points.
absl::StatusOr<std::int64_t> WriteChunks(Connection& connection, std::int64_t run_key,
                                         const EncodedCurve& curve);
/// At most `count` points from `from` on, of a curve of `points`. DataLoss when a chunk is damaged or
/// missing.
absl::StatusOr<Curve> ReadCurve(Connection& connection, std::int64_t run_key, std::int64_t points,
                                std::int64_t from = 0,
                                std::int64_t count = std::numeric_limits<std::int64_t>::max());
/// Returns how many bytes went.
absl::StatusOr<std::int64_t> DeleteCurve(Connection& connection, std::int64_t run_key);

}  // namespace sextant::storage::relational
