// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <spdlog/formatter.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>

#include "base/printable.h"
#include "server/log_sink.h"

namespace sextant::server {
namespace {

constexpr std::size_t kMaxJsonTextBytes = 1024;
constexpr char kFieldsLogger[] = "fields";

std::atomic<bool> logs_json{false};

std::string TimeText(std::chrono::system_clock::time_point time) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = millis / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char date[32] = "", text[48] = "";
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text, sizeof(text), "%s.%03dZ", date, static_cast<int>(millis % 1000));
  return text;
}

// {"time":…,"level":…,"message":…}; of the logger for fields, the payload is members already.
class JsonLines final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string_view payload(message.payload.data(), message.payload.size());
    const auto level = spdlog::level::to_string_view(message.level);
    std::string line = "{\"time\":\"" + TimeText(message.time) + "\",\"level\":\"" +
                       std::string(level.data(), level.size()) + "\",";
    const std::string_view name(message.logger_name.data(), message.logger_name.size());
    line += name == kFieldsLogger ? std::string(payload) : "\"message\":" + JsonString(payload);
    line += "}\n";
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonLines>(); }
};

std::shared_ptr<LogSink> Sink() {
  static const auto sink = std::make_shared<LogSink>(STDERR_FILENO);
  return sink;
}

}  // namespace

spdlog::logger& Log() {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>("sextantd", Sink());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %L %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *logger;
}

void LogAsJson() {
  Log().set_formatter(std::make_unique<JsonLines>());
  logs_json = true;
}

bool LogsJson() { return logs_json; }

void LogFields(std::string_view message, const std::string& fields) {
  static spdlog::logger logger(kFieldsLogger, Sink());  // the formatter is the sink's
  logger.info("\"message\":{},{}", JsonString(message), fields);
}

std::string JsonString(std::string_view text) {
  std::string plain = Printable(text.substr(0, kMaxJsonTextBytes));
  std::string out = "\"";
  for (const char c : plain) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string NowAsText() { return TimeText(std::chrono::system_clock::now()); }

}  // namespace sextant::server
