// SPDX-License-Identifier: Apache-2.0
// Where lines of the log go: a descriptor that may be a pipe which nobody reads.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <mutex>

namespace sextant::server {

/// Writes lines to a descriptor without ever waiting for it: a line that it does not take at once is dropped,
/// and how many were is said once it takes lines again. Control and direction characters are written as
/// escapes, and lines end after kMaxLineBytes: who names a study does not write the log. Thread-safe.
class LogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// A pipe takes so many bytes whole or not at all (PIPE_BUF).
  static constexpr std::size_t kMaxLineBytes = 4096;

  explicit LogSink(int descriptor) : descriptor_(descriptor) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}
  bool TakesALine() const;
  void Write(const char* data, std::size_t size);

  const int descriptor_;
  std::int64_t dropped_ = 0;
};

}  // namespace sextant::server
