// SPDX-License-Identifier: Apache-2.0
// Lines of a byte source, of bounded length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "clients/importers/byte_source.h"

namespace sextant::importers {

/// Splits at '\n'. Holds one line and one block in memory, whatever the input is. Not thread-safe.
class LineReader {
 public:
  enum class Result { kLine, kTooLong, kEnd };

  /// `source` must outlive the reader.
  LineReader(ByteSource* source, std::size_t max_line_bytes);

  /// The next line without its '\n'; valid until the next call. kTooLong: the line was skipped to its end.
  absl::StatusOr<Result> Next(std::string_view* line);
  /// 1-based number of the line last returned.
  std::int64_t line_number() const { return line_number_; }
  /// Byte offset where the line last returned starts.
  std::int64_t line_offset() const { return line_offset_; }
  /// Whether the line last returned ended in '\n'; if not, the source ends within it.
  bool ended() const { return ended_; }
  /// Goes on at a line start known from line_offset() and line_number().
  absl::Status Seek(std::int64_t offset, std::int64_t line_number);

 private:
  absl::Status Fill();

  ByteSource* source_;
  std::size_t max_line_bytes_;
  std::string block_;
  std::size_t used_ = 0, filled_ = 0;
  std::string joined_;  // a line that spans blocks
  bool ended_ = false;
  std::int64_t line_number_ = 0, line_offset_ = 0, next_offset_ = 0;
};

}  // namespace sextant::importers
