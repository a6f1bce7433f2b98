// SPDX-License-Identifier: Apache-2.0
#include "server/log_sink.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/printable.h"

namespace sextant::server {

void LogSink::sink_it_(const spdlog::details::log_msg& message) {
  if (!TakesALine()) {
    ++dropped_;
    return;
  }
  if (dropped_ > 0) {
    const std::string note =
        "(" + std::to_string(dropped_) + " lines of the log were lost: nobody read them)\n";
    dropped_ = 0;
    Write(note.data(), note.size());
    if (!TakesALine()) {
      ++dropped_;
      return;
    }
  }
  spdlog::memory_buf_t formatted;
  formatter_->format(message, formatted);
  std::string line = Printable(std::string(formatted.data(), formatted.size() - 1));  // without its end
  if (line.size() >= kMaxLineBytes) line.resize(kMaxLineBytes - 1);
  line += '\n';
  Write(line.data(), line.size());
}

// A pipe is writable as long as kMaxLineBytes fit; a file or a terminal that is read always is.
bool LogSink::TakesALine() const {
  pollfd wait{descriptor_, POLLOUT, 0};
  return poll(&wait, 1, 0) == 1 && (wait.revents & POLLOUT) != 0;
}

void LogSink::Write(const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(descriptor_, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // closed, or a full disk
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

}  // namespace sextant::server
