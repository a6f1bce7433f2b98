// Rows of `curve_chunks`.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>

#include "storage/records.h"
#include "storage/sqlite/connection.h"

namespace sextant::storage::sqlite {

/// Writes the points of a checked curve from `first_kept` on: the chunks before the one it falls in are
/// stored already and stay. Returns by how many bytes the stored chunks grew. InvalidArgument past 2^30
/// points.
absl::StatusOr<std::int64_t> WriteCurve(Connection& connection, std::int64_t run_key, const Curve& curve,
                                        std::size_t first_kept);
/// The whole curve; empty without chunks. DataLoss when a chunk is damaged or missing.
absl::StatusOr<Curve> ReadCurve(Connection& connection, std::int64_t run_key, std::int64_t points);
/// Returns how many bytes went.
absl::StatusOr<std::int64_t> DeleteCurve(Connection& connection, std::int64_t run_key);

}  // namespace sextant::storage::sqlite
