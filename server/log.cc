// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <unistd.h>

#include <memory>

#include "server/log_sink.h"

namespace sextant::server {

spdlog::logger& Log() {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>("sextantd", std::make_shared<LogSink>(STDERR_FILENO));
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %L %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *logger;
}

}  // namespace sextant::server
