// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/line_reader.h"

#include <cstring>

namespace sextant::importers {

LineReader::LineReader(ByteSource* source, std::size_t max_line_bytes)
    : source_(source), max_line_bytes_(max_line_bytes), block_(kHeadBytes, '\0') {}

absl::Status LineReader::Fill() {
  const auto got = source_->Read(block_.data(), block_.size());
  if (!got.ok()) return got.status();
  used_ = 0;
  filled_ = *got;
  return absl::OkStatus();
}

absl::StatusOr<LineReader::Result> LineReader::Next(std::string_view* line) {
  joined_.clear();
  bool too_long = false, any = false;
  ++line_number_;
  line_offset_ = next_offset_;
  while (true) {
    if (used_ == filled_) {
      if (const absl::Status filled = Fill(); !filled.ok()) return filled;
      if (filled_ == 0) break;
    }
    any = true;
    const char* start = block_.data() + used_;
    const std::size_t left = filled_ - used_;
    const char* end = static_cast<const char*>(std::memchr(start, '\n', left));
    const std::size_t length = end != nullptr ? static_cast<std::size_t>(end - start) : left;
    used_ += end != nullptr ? length + 1 : length;
    ended_ = end != nullptr;
    next_offset_ += static_cast<std::int64_t>(end != nullptr ? length + 1 : length);
    if (joined_.size() + length > max_line_bytes_) too_long = true;
    if (end != nullptr && joined_.empty() && !too_long) {
      *line = std::string_view(start, length);
      return Result::kLine;
    }
    if (too_long) {
      joined_.clear();
    } else {
      joined_.append(start, length);
    }
    if (end != nullptr) break;
  }
  if (too_long) return Result::kTooLong;
  if (!any) {
    --line_number_;
    return Result::kEnd;
  }
  *line = joined_;
  return Result::kLine;
}

absl::Status LineReader::Seek(std::int64_t offset, std::int64_t line_number) {
  used_ = filled_ = 0;
  next_offset_ = offset;
  line_number_ = line_number - 1;
  return source_->Seek(offset);
}

}  // namespace sextant::importers
