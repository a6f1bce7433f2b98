// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/output/quantity.h"

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>

#include <charconv>
#include <cmath>

namespace sextant::cli {
namespace {

// "1.94e-05" as "1.94e-5".
std::string ShortExponent(std::string text) {
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;
  std::string exponent = text.substr(e + 1);
  const bool negative = exponent[0] == '-';
  exponent.erase(0, exponent.find_first_not_of("+-0"));
  return text.substr(0, e) + "e" + (negative ? "-" : "") + (exponent.empty() ? "0" : exponent);
}

}  // namespace

std::string FormatNumber(double value, int digits) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return ShortExponent(fmt::format("{:.{}g}", value, digits));
}

std::string FormatCount(double value, int digits) {
  static constexpr struct {
    double unit;
    const char* suffix;
  } kUnits[] = {{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}};
  const double magnitude = std::fabs(value);
  if (!(magnitude < 1e16)) return FormatNumber(value, digits);
  for (const auto& [unit, suffix] : kUnits) {
    // Rounding must not give 1000K.
    if (magnitude >= unit * (1 - 0.5 * std::pow(10.0, -digits))) {
      return FormatNumber(value / unit, digits) + suffix;
    }
  }
  return FormatNumber(value, digits);
}

std::string FormatInterval(const std::optional<double>& low, const std::optional<double>& high, bool count) {
  if (!low || !high) return {};
  const auto text = [&](double value) { return count ? FormatCount(value, 3) : FormatNumber(value, 3); };
  return "[" + text(*low) + ", " + text(*high) + "]";
}

std::string FormatRoundTrip(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return error == std::errc() ? std::string(buffer, end) : std::string();
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return time.seconds() == 0 ? std::string() : google::protobuf::util::TimeUtil::ToString(time);
}

}  // namespace sextant::cli
