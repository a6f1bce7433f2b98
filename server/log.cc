#include "server/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

namespace sextant::server {

spdlog::logger& Log() {
  static const auto logger = [] {
    auto made =
        std::make_shared<spdlog::logger>("sextantd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %L %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *logger;
}

}  // namespace sextant::server
