// SPDX-License-Identifier: Apache-2.0
// Text helpers that foreign input needs: numbers with NaN and infinities, safe quoting, UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/printable.h"

namespace sextant::importers {

/// `text` without white space at its ends.
std::string_view Trim(std::string_view text);

std::string ToLower(std::string_view text);

/// A decimal number, with NaN, Infinity, inf and a leading '+' in any case; overflow is an infinity and
/// underflow zero. Absent when `text` is anything else, blank included.
std::optional<double> ParseDouble(std::string_view text);

std::optional<std::int64_t> ParseInt64(std::string_view text);
/// A count of steps that a log gives as a number: its whole part. Absent for NaN, below 0 and beyond
/// kMaxStep.
std::optional<std::int64_t> StepOf(std::optional<double> number);

/// The shortest decimal text that reads back as `value`.
std::string FormatRoundTrip(double value);

bool IsValidUtf8(std::string_view text);

/// `text` in quotes for a message: control characters and invalid UTF-8 as \xNN, at most `max_bytes` of it.
std::string Quoted(std::string_view text, std::size_t max_bytes = 60);

}  // namespace sextant::importers
