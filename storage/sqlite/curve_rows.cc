#include "storage/sqlite/curve_rows.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "storage/curve_codec.h"

namespace sextant::storage::sqlite {
namespace {

constexpr int kChunkBits = 20;
constexpr std::int64_t kChunksPerRun = std::int64_t{1} << kChunkBits;

absl::StatusOr<std::int64_t> StoredBytes(Connection& connection, std::int64_t first_key,
                                         std::int64_t last_key) {
  auto statement = connection.Prepare(
      "SELECT coalesce(sum(length(data)), 0) FROM curve_chunks WHERE chunk_key BETWEEN ? AND ?");
  if (!statement.ok()) return statement.status();
  auto row = statement->Next(first_key).Next(last_key).Step();
  if (!row.ok()) return row.status();
  return statement->Int(0);
}

}  // namespace

absl::StatusOr<std::int64_t> WriteCurve(Connection& connection, std::int64_t run_key, const Curve& curve,
                                        std::size_t first_kept) {
  if (curve.size() > static_cast<std::size_t>(kChunksPerRun) * kPointsPerChunk) {
    return absl::InvalidArgumentError("a curve may have at most 2^30 points");
  }
  const std::size_t first_chunk = first_kept / kPointsPerChunk;
  std::int64_t grown = 0;
  if (first_kept % kPointsPerChunk != 0) {  // the partial chunk at the end is written anew
    const std::int64_t key = (run_key << kChunkBits) + static_cast<std::int64_t>(first_chunk);
    auto replaced = StoredBytes(connection, key, key);
    if (!replaced.ok()) return replaced.status();
    grown -= *replaced;
  }
  auto statement = connection.Prepare("INSERT OR REPLACE INTO curve_chunks VALUES (?, ?, ?)");
  if (!statement.ok()) return statement.status();
  for (std::size_t chunk = first_chunk; chunk * kPointsPerChunk < curve.size(); ++chunk) {
    const std::size_t begin = chunk * kPointsPerChunk;
    const std::size_t end = std::min(begin + kPointsPerChunk, curve.size());
    const std::vector<std::uint8_t> bytes = EncodeChunk(curve, begin, end);
    statement->Next((run_key << kChunkBits) + static_cast<std::int64_t>(chunk));
    statement->Next(static_cast<std::int64_t>(end - begin)).NextBlobView(bytes);
    if (absl::Status status = statement->Run(); !status.ok()) return status;
    grown += static_cast<std::int64_t>(bytes.size());
  }
  return grown;
}

absl::StatusOr<Curve> ReadCurve(Connection& connection, std::int64_t run_key, std::int64_t points) {
  Curve curve;
  if (points == 0) return curve;
  auto statement = connection.Prepare(
      "SELECT points, data FROM curve_chunks WHERE chunk_key BETWEEN ? AND ? ORDER BY chunk_key");
  if (!statement.ok()) return statement.status();
  statement->Next(run_key << kChunkBits).Next((run_key << kChunkBits) + kChunksPerRun - 1);
  for (;;) {
    auto row = statement->Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    absl::Status status = DecodeChunk(statement->Blob(1), static_cast<std::size_t>(statement->Int(0)), curve);
    if (!status.ok()) {
      return absl::DataLossError(absl::StrCat(connection.path(), ": ", std::string(status.message())));
    }
  }
  if (static_cast<std::int64_t>(curve.size()) != points) {
    return absl::DataLossError(absl::StrCat(connection.path(), ": a curve has ", curve.size(), " of ", points,
                                            " points: restore a backup"));
  }
  return curve;
}

absl::StatusOr<std::int64_t> DeleteCurve(Connection& connection, std::int64_t run_key) {
  const std::int64_t first = run_key << kChunkBits;
  const std::int64_t last = first + kChunksPerRun - 1;
  auto bytes = StoredBytes(connection, first, last);
  if (!bytes.ok()) return bytes.status();
  auto statement = connection.Prepare("DELETE FROM curve_chunks WHERE chunk_key BETWEEN ? AND ?");
  if (!statement.ok()) return statement.status();
  if (absl::Status status = statement->Next(first).Next(last).Run(); !status.ok()) return status;
  return *bytes;
}

}  // namespace sextant::storage::sqlite
