// SPDX-License-Identifier: Apache-2.0
// Curves as compressed column chunks of up to 1024 points: differences, split into byte planes; planes of
// noise as they are, the others through zstd level 1. On training losses this comes near the entropy of their
// noise.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "storage/records.h"

namespace sextant::storage {

inline constexpr std::size_t kPointsPerChunk = 1024;

/// InvalidArgument unless every column is empty or as long as `step`.
absl::Status CheckCurve(const CurveView& curve);

/// Encodes points [begin, end) of a checked curve, 1 <= end - begin <= kPointsPerChunk. The bytes hold every
/// value bit for bit and a checksum. Thread-safe. The format is described in docs/schema.md.
std::vector<std::uint8_t> EncodeChunk(const CurveView& curve, std::size_t begin, std::size_t end);

/// Appends a chunk's points to `curve`. A column that only some chunks have is NaN in the others. DataLoss
/// when the bytes are not a whole chunk of `points` points; `curve` is then unchanged. Memory is bounded by
/// kPointsPerChunk, whatever the bytes say. Thread-safe on different curves.
absl::Status DecodeChunk(std::span<const std::uint8_t> bytes, std::size_t points, Curve& curve);

}  // namespace sextant::storage
