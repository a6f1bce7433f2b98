// SPDX-License-Identifier: Apache-2.0
// The record framings of TensorBoard and W&B files, over a byte source.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "clients/importers/byte_source.h"

namespace sextant::importers {

/// CRC-32C as TFRecord masks it: rotate right by 15, add 0xA282EAD8.
std::uint32_t MaskedCrc32c(std::string_view bytes);

/// Whether `head` begins as TFRecord does: a length with its checksum.
bool BeginsWithTfRecord(std::string_view head);

/// Reads exactly what is asked for, and knows where it is. Not thread-safe.
class ExactReader {
 public:
  explicit ExactReader(ByteSource* source) : source_(source) {}
  /// Fills `out` with `bytes`; false when the source ends before (what there is was read).
  absl::StatusOr<bool> Read(std::size_t bytes, std::string* out);
  /// Reads past `bytes` without keeping them.
  absl::StatusOr<bool> Skip(std::uint64_t bytes);
  std::int64_t offset() const { return offset_; }

 private:
  ByteSource* source_;
  std::int64_t offset_ = 0;
};

enum class RecordResult {
  kRecord,
  kBad,       ///< this record cannot be used; reading can go on
  kTooLarge,  ///< this record is beyond kMaxRecordBytes; reading can go on
  kCut,       ///< the end of this record is missing; reading can go on
  kBroken,    ///< nothing behind this point can be read
  kEnd,
};

/// TFRecord framing: length, its checksum, payload, its checksum. Not thread-safe.
class TfRecordReader {
 public:
  explicit TfRecordReader(ByteSource* source) : reader_(source) {}
  /// The next payload, valid until the next call. A last record that is cut short is the end, as while a run
  /// is alive. Payloads beyond kMaxRecordBytes are skipped as kTooLarge.
  absl::StatusOr<RecordResult> Next(std::string_view* payload);
  /// Where the record last returned starts.
  std::int64_t offset() const { return record_offset_; }

 private:
  ExactReader reader_;
  std::string header_, payload_, checksum_;
  std::int64_t record_offset_ = 0;
};

/// What W&B's transaction logs begin with.
inline constexpr std::string_view kWandbMagic("\x3A\x57\x26\x42\xE1\xBE\x00", 7);

/// W&B's transaction log: LevelDB-like blocks of 32 KiB counted from the start of the file, IEEE CRC-32 over
/// type and data, a seven-byte header. Not thread-safe.
class WandbRecordReader {
 public:
  explicit WandbRecordReader(ByteSource* source) : reader_(source) {}
  /// The next joined record, valid until the next call. After a bad chunk (kBad) reading resumes at the next
  /// block; a record beyond kMaxRecordBytes is passed over to its end, as one kTooLarge. kCut: another record
  /// begins where a record should go on. At the end of the file it may still be written, and is the end.
  absl::StatusOr<RecordResult> Next(std::string_view* record);
  /// Behind what was read; for kCut, where the record should have gone on.
  std::int64_t offset() const { return next_type_ != 0 ? chunk_offset_ : reader_.offset(); }

 private:
  absl::StatusOr<RecordResult> NextChunk(int* type, std::string* data);

  ExactReader reader_;
  std::string record_, next_;  // next_: the chunk behind a record that was cut, of next_type_
  int next_type_ = 0;
  std::int64_t chunk_offset_ = 0;  // where the last chunk begins
  bool header_read_ = false;
  bool lost_ = false;  // the rest of the current record
};

}  // namespace sextant::importers
