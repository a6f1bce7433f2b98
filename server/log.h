// SPDX-License-Identifier: Apache-2.0
// The service's log: one line an event on stderr.
#pragma once

#include <spdlog/logger.h>

namespace sextant::server {

/// Writes to stderr, never stdout, which belongs to the data of whoever embeds the service. Warnings and
/// errors until someone lowers the level. Thread-safe.
spdlog::logger& Log();

}  // namespace sextant::server
