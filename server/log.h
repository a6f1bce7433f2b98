// SPDX-License-Identifier: Apache-2.0
// The service's log: one line an event on stderr.
#pragma once

#include <spdlog/logger.h>

#include <string>
#include <string_view>

namespace sextant::server {

/// Writes to stderr, never stdout, which belongs to the data of whoever embeds the service. Warnings and
/// errors until someone lowers the level. Thread-safe.
spdlog::logger& Log();

/// From now on each line is a JSON object: time, level, message. Before there are other threads.
void LogAsJson();
bool LogsJson();
/// A line at info with more members; `fields` are JSON members by comma. Only where LogsJson.
void LogFields(std::string_view message, const std::string& fields);

/// `text` as a JSON string, with its quotes and without what a terminal would obey; cut after 1 KiB.
std::string JsonString(std::string_view text);
/// Now, UTC, as RFC 3339 with milliseconds.
std::string NowAsText();

}  // namespace sextant::server
