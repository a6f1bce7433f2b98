// SPDX-License-Identifier: Apache-2.0
// Bytes of a file or of standard input, with a look at the head before anything is consumed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/importers/limits.h"

namespace sextant::importers {

/// Not thread-safe. Reads whole files, pipes and standard input alike.
class ByteSource {
 public:
  /// `path`, or "-" for standard input. NOT_FOUND, PERMISSION_DENIED or FAILED_PRECONDITION (a directory),
  /// each naming the path.
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// Up to kHeadBytes from the start; consumes nothing. Call before the first Read.
  absl::StatusOr<std::string_view> Head();
  /// Pieces of what lies behind the head, in order, the end of the file the last; none of a pipe, or where
  /// the head is all. At most kPieces of kPieceBytes; consumes nothing. Call after Head.
  absl::StatusOr<std::vector<std::string>> Pieces();
  /// Fills up to `bytes`; 0 at the end.
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t bytes);
  /// Continues at `offset` from the start. FAILED_PRECONDITION for pipes.
  absl::Status Seek(std::int64_t offset);

  /// Adds what is read from the file to `*count` (null: to nothing), which must outlive the source.
  void CountInto(std::int64_t* count) { count_ = count; }

  const std::string& path() const { return path_; }
  /// What messages and records call this source: the path as printable text, "stdin" for "-".
  const std::string& name() const { return name_; }

 private:
  friend absl::StatusOr<std::string> PeekLine(const std::string& path);
  ByteSource(int fd, std::string path);
  absl::StatusOr<std::size_t> ReadFd(char* buffer, std::size_t bytes);

  int fd_;
  std::string path_, name_;
  std::string head_;
  std::size_t head_used_ = 0;
  bool head_read_ = false;
  std::int64_t* count_ = nullptr;
};

/// The beginning of `path` up to the end of its first line, at most kHeadBytes; of standard input ("-") too,
/// whose next source has it all the same. Not thread-safe.
absl::StatusOr<std::string> PeekLine(const std::string& path);

/// The rest of the source. INVALID_ARGUMENT when it is more than `max_bytes`.
absl::StatusOr<std::string> ReadWhole(ByteSource* source, std::size_t max_bytes);

}  // namespace sextant::importers
