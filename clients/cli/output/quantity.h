// SPDX-License-Identifier: Apache-2.0
// Numbers and times for people.
#pragma once

#include <optional>
#include <string>

namespace google::protobuf {
class Timestamp;
}

namespace sextant::cli {

/// Four significant digits: 0.001933, 2.398, 1.94e-5, 3.2e15.
std::string FormatNumber(double value, int digits = 4);
/// A count with a decimal suffix: 214.7M, 100B, 1.4T, 512.
std::string FormatCount(double value, int digits = 4);
/// "[low, high]", or "" when either is missing.
std::string FormatInterval(const std::optional<double>& low, const std::optional<double>& high, bool count);
/// The shortest text that reads back as `value`: for machine formats.
std::string FormatRoundTrip(double value);
/// RFC 3339, in UTC; "" for a time that was never set.
std::string TimeText(const google::protobuf::Timestamp& time);

}  // namespace sextant::cli
