// SPDX-License-Identifier: Apache-2.0
#include "storage/relational/rows/curve_rows.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "storage/curve_codec.h"
#include "storage/curve_parts.h"

namespace sextant::storage::relational {
namespace {

constexpr int kChunkBits = 20;
constexpr std::int64_t kChunksPerRun = std::int64_t{1} << kChunkBits;

absl::Status PutChunk(Statement& statement, std::int64_t run_key, std::size_t chunk, std::size_t points,
                      std::span<const std::uint8_t> bytes) {
  statement.Next(ChunkKey(run_key, chunk));
  return statement.Next(static_cast<std::int64_t>(points)).NextBlobView(bytes).Run();
}

constexpr char kPutChunk[] =
    "INSERT INTO curve_chunks VALUES (?, ?, ?) "
    "ON CONFLICT (chunk_key) DO UPDATE SET points = excluded.points, data = excluded.data";

absl::StatusOr<std::int64_t> StoredBytes(Connection& connection, std::int64_t first_key,
                                         std::int64_t last_key) {
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "SELECT coalesce(sum(length(data)), 0) FROM curve_chunks WHERE chunk_key BETWEEN ? AND ?"));
  RETURN_IF_ERROR(statement.Next(first_key).Next(last_key).Step().status());
  return statement.Int(0);
}

}  // namespace

absl::Status CheckPoints(std::size_t points) {
  if (points <= static_cast<std::size_t>(kChunksPerRun) * kPointsPerChunk) return absl::OkStatus();
  return absl::InvalidArgumentError("a curve may have at most 2^30 points");
}

absl::StatusOr<std::int64_t> WriteCurve(Connection& connection, std::int64_t run_key, const Curve& curve,
                                        std::int64_t keep, std::int64_t held, std::int64_t offset) {
  const auto first_point = static_cast<std::size_t>(offset);
  const std::size_t points = first_point + curve.size();
  RETURN_IF_ERROR(CheckPoints(points));
  const std::size_t first_chunk = static_cast<std::size_t>(keep) / kPointsPerChunk;
  const std::size_t chunks_held = (static_cast<std::size_t>(held) + kPointsPerChunk - 1) / kPointsPerChunk;
  std::int64_t grown = 0;
  if (first_chunk < chunks_held) {  // what is written anew
    const std::int64_t first_key = run_key << kChunkBits;
    ASSIGN_OR_RETURN(auto replaced,
                     StoredBytes(connection, first_key + static_cast<std::int64_t>(first_chunk),
                                 first_key + static_cast<std::int64_t>(chunks_held) - 1));
    grown -= replaced;
  }
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(kPutChunk));
  for (std::size_t chunk = first_chunk; chunk * kPointsPerChunk < points; ++chunk) {
    const std::size_t begin = chunk * kPointsPerChunk - first_point;
    const std::size_t end = std::min(begin + kPointsPerChunk, curve.size());
    const std::vector<std::uint8_t> bytes = EncodeChunk(curve, begin, end);
    RETURN_IF_ERROR(PutChunk(statement, run_key, chunk, end - begin, bytes));
    grown += static_cast<std::int64_t>(bytes.size());
  }
  return grown;
}

absl::StatusOr<std::int64_t> WriteChunks(Connection& connection, std::int64_t run_key,
                                         const EncodedCurve& curve) {
  RETURN_IF_ERROR(CheckPoints(curve.points()));
  ASSIGN_OR_RETURN(auto statement, connection.Prepare(kPutChunk));
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < curve.chunks(); ++i) {
    RETURN_IF_ERROR(PutChunk(statement, run_key, i, curve.chunk_points(i), curve.chunk(i)));
    bytes += static_cast<std::int64_t>(curve.chunk(i).size());
  }
  return bytes;
}

absl::StatusOr<Curve> ReadCurve(Connection& connection, std::int64_t run_key, std::int64_t points,
                                std::int64_t from, std::int64_t count) {
  Curve curve;
  from = std::clamp<std::int64_t>(from, 0, points);
  count = std::clamp<std::int64_t>(count, 0, points - from);
  if (count == 0) return curve;
  constexpr auto kChunk = static_cast<std::int64_t>(kPointsPerChunk);
  const std::int64_t first = from / kChunk, last = (from + count - 1) / kChunk;
  ASSIGN_OR_RETURN(
      auto statement,
      connection.Prepare(
          "SELECT points, data FROM curve_chunks WHERE chunk_key BETWEEN ? AND ? ORDER BY chunk_key"));
  statement.Next((run_key << kChunkBits) + first).Next((run_key << kChunkBits) + last);
  for (;;) {
    ASSIGN_OR_RETURN(auto row, statement.Step());
    if (!row) break;
    absl::Status status = DecodeChunk(statement.Blob(1), static_cast<std::size_t>(statement.Int(0)), curve);
    if (!status.ok()) {
      return absl::DataLossError(absl::StrCat(connection.path(), ": ", std::string(status.message())));
    }
  }
  const std::int64_t held = std::min((last + 1) * kChunk, points) - first * kChunk;
  if (static_cast<std::int64_t>(curve.size()) != held) {
    return absl::DataLossError(absl::StrCat(connection.path(), ": a curve has ", curve.size(), " of ", held,
                                            " points: restore a backup"));
  }
  return held == count ? std::move(curve) : Slice(curve, from - first * kChunk, count);
}

absl::StatusOr<std::int64_t> DeleteCurve(Connection& connection, std::int64_t run_key) {
  const std::int64_t first = run_key << kChunkBits;
  const std::int64_t last = first + kChunksPerRun - 1;
  auto bytes = StoredBytes(connection, first, last);
  if (!bytes.ok()) return bytes.status();
  ASSIGN_OR_RETURN(auto statement,
                   connection.Prepare("DELETE FROM curve_chunks WHERE chunk_key BETWEEN ? AND ?"));
  RETURN_IF_ERROR(statement.Next(first).Next(last).Run());
  return *bytes;
}

}  // namespace sextant::storage::relational
