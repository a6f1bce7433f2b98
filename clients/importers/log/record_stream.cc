// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/record_stream.h"

#include <zlib.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/limits.h"
#include "clients/importers/log/wire.h"

namespace sextant::importers {
namespace {

constexpr std::size_t kTfHeaderBytes = 12;
constexpr std::int64_t kWandbBlockBytes = 32768;
constexpr std::int64_t kWandbChunkHeaderBytes = 7;
enum ChunkType { kPadding = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

}  // namespace

std::uint32_t MaskedCrc32c(std::string_view bytes) {
  // Castagnoli's polynomial, reflected.
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const std::uint32_t value = crc.checksum();
  return ((value >> 15) | (value << 17)) + 0xA282EAD8u;
}

bool BeginsWithTfRecord(std::string_view head) {
  return head.size() >= kTfHeaderBytes &&
         MaskedCrc32c(head.substr(0, 8)) == WireReader::Load<std::uint32_t>(head.substr(8));
}

absl::StatusOr<bool> ExactReader::Read(std::size_t bytes, std::string* out) {
  out->clear();
  while (out->size() < bytes) {
    // Grown step by step: a length that lies does not make a large buffer.
    const std::size_t filled = out->size();
    out->resize(std::min(bytes, filled + (std::size_t{1} << 20)));
    const auto got = source_->Read(out->data() + filled, out->size() - filled);
    if (!got.ok()) return got.status();
    out->resize(filled + *got);
    offset_ += static_cast<std::int64_t>(*got);
    if (*got == 0) return false;
  }
  return true;
}

absl::StatusOr<bool> ExactReader::Skip(std::uint64_t bytes) {
  std::string block;
  while (bytes > 0) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, 1 << 20));
    const auto read = Read(part, &block);
    if (!read.ok() || !*read) return read;
    bytes -= part;
  }
  return true;
}

absl::StatusOr<RecordResult> TfRecordReader::Next(std::string_view* payload) {
  record_offset_ = reader_.offset();
  const auto header = reader_.Read(kTfHeaderBytes, &header_);
  if (!header.ok()) return header.status();
  if (!*header) return RecordResult::kEnd;
  const auto length = WireReader::Load<std::uint64_t>(header_);
  if (MaskedCrc32c(std::string_view(header_).substr(0, 8)) !=
      WireReader::Load<std::uint32_t>(std::string_view(header_).substr(8))) {
    return RecordResult::kBroken;
  }
  if (length > kMaxRecordBytes) {
    const auto skipped = reader_.Skip(length);
    if (!skipped.ok()) return skipped.status();
    const auto tail = reader_.Read(4, &checksum_);
    if (!tail.ok()) return tail.status();
    return *skipped && *tail ? RecordResult::kTooLarge : RecordResult::kEnd;
  }
  const auto body = reader_.Read(static_cast<std::size_t>(length), &payload_);
  if (!body.ok()) return body.status();
  const auto tail = *body ? reader_.Read(4, &checksum_) : body;
  if (!tail.ok()) return tail.status();
  if (!*tail) return RecordResult::kEnd;
  if (MaskedCrc32c(payload_) != WireReader::Load<std::uint32_t>(checksum_)) return RecordResult::kBad;
  *payload = payload_;
  return RecordResult::kRecord;
}

absl::StatusOr<RecordResult> WandbRecordReader::NextChunk(int* type, std::string* data) {
  if (next_type_ != 0) {
    *type = std::exchange(next_type_, 0);
    *data = std::move(next_);
    return RecordResult::kRecord;
  }
  while (true) {
    const std::int64_t left = kWandbBlockBytes - reader_.offset() % kWandbBlockBytes;
    if (left < kWandbChunkHeaderBytes) {
      const auto skipped = reader_.Skip(static_cast<std::uint64_t>(left));
      if (!skipped.ok()) return skipped.status();
      if (!*skipped) return RecordResult::kEnd;
      continue;
    }
    std::string header;
    chunk_offset_ = reader_.offset();
    const auto read = reader_.Read(kWandbChunkHeaderBytes, &header);
    if (!read.ok()) return read.status();
    if (!*read) return RecordResult::kEnd;
    const auto length = WireReader::Load<std::uint16_t>(std::string_view(header).substr(4));
    *type = static_cast<unsigned char>(header[6]);
    const std::int64_t block_left = left - kWandbChunkHeaderBytes;
    bool good = length <= block_left && *type >= kFull && *type <= kLast;
    if (good) {
      const auto body = reader_.Read(length, data);
      if (!body.ok()) return body.status();
      if (!*body) return RecordResult::kEnd;  // cut short while the run is alive
      uLong crc = crc32(0, reinterpret_cast<const Bytef*>(&header[6]), 1);
      crc = crc32(crc, reinterpret_cast<const Bytef*>(data->data()), static_cast<uInt>(data->size()));
      good = static_cast<std::uint32_t>(crc) == WireReader::Load<std::uint32_t>(header);
    }
    if (good) return RecordResult::kRecord;
    const std::int64_t rest = (kWandbBlockBytes - reader_.offset() % kWandbBlockBytes) % kWandbBlockBytes;
    const auto skipped = reader_.Skip(static_cast<std::uint64_t>(rest));
    if (!skipped.ok()) return skipped.status();
    return RecordResult::kBad;
  }
}

absl::StatusOr<RecordResult> WandbRecordReader::Next(std::string_view* record) {
  if (!header_read_) {
    header_read_ = true;
    std::string magic;
    const auto read = reader_.Read(kWandbMagic.size(), &magic);
    if (!read.ok()) return read.status();
    if (magic != kWandbMagic) return RecordResult::kBroken;
  }
  record_.clear();
  bool joining = false;
  std::string data;
  while (true) {
    int type = 0;
    const auto chunk = NextChunk(&type, &data);
    if (!chunk.ok() || *chunk != RecordResult::kRecord) {
      // What is left of the record that the bad chunk belonged to is passed over without a word of its own.
      lost_ = chunk.ok() && *chunk == RecordResult::kBad;
      return chunk;
    }
    if (lost_ && (type == kMiddle || type == kLast)) continue;
    lost_ = false;
    const bool starts = type == kFull || type == kFirst;
    if (starts && joining) {
      next_type_ = type;
      next_ = std::move(data);
      return RecordResult::kCut;
    }
    if (!starts && (!joining || record_.size() + data.size() > kMaxRecordBytes)) {
      lost_ = type == kMiddle;
      return joining ? RecordResult::kTooLarge : RecordResult::kBad;
    }
    record_.append(data);
    joining = type == kFirst || type == kMiddle;
    if (!joining) {
      *record = record_;
      return RecordResult::kRecord;
    }
  }
}

}  // namespace sextant::importers
