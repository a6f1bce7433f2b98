// SPDX-License-Identifier: Apache-2.0
#include "storage/forecast_seal.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "base/sha256.h"

namespace sextant::storage {
namespace {

class SealedText {
 public:
  void Add(std::string_view name, std::string_view text) {
    Line(name, std::to_string(text.size()) + ":" + std::string(text));
  }
  void Add(std::string_view name, double value) {
    char text[32];
    // SQLite does not keep the sign of a zero.
    const auto end = std::to_chars(text, text + sizeof text, value == 0 ? 0.0 : value).ptr;
    Line(name, std::isnan(value) ? "-" : std::string(text, end));
  }
  void AddInteger(std::string_view name, std::int64_t value) { Line(name, std::to_string(value)); }
  std::string Take() { return std::move(text_); }

 private:
  void Line(std::string_view name, const std::string& value) {
    text_.append(name).append(" ").append(value).append("\n");
  }
  std::string text_ = "sextant forecast 1\n";
};

}  // namespace

std::string ForecastText(const Forecast& f) {
  SealedText text;
  text.Add("id", f.id);
  text.AddInteger("seal_time", f.seal_time);
  text.Add("params", f.params);
  text.Add("tokens", f.tokens);
  text.Add("batch_size_tokens", f.batch_size_tokens);
  text.Add("learning_rate", f.learning_rate);
  text.Add("loss", f.loss);
  text.Add("interval", f.interval);
  text.Add("tolerance", f.tolerance);
  text.AddInteger("at", static_cast<std::int64_t>(f.at.size()));
  for (const auto& [name, value] : f.at) {
    text.Add("name", name);
    text.Add("value", value);
  }
  text.Add("param_count", f.param_count);
  text.Add("loss_unit", f.loss_unit);
  text.AddInteger("quantities", static_cast<std::int64_t>(f.quantities.size()));
  for (const ForecastQuantity& quantity : f.quantities) {
    text.Add("name", quantity.name);
    text.Add("value", quantity.value);
    text.Add("low", quantity.low);
    text.Add("high", quantity.high);
    text.Add("near_optimal_low", quantity.near_optimal_low);
    text.Add("near_optimal_high", quantity.near_optimal_high);
    text.Add("parameter_low", quantity.parameter_low);
    text.Add("parameter_high", quantity.parameter_high);
  }
  text.AddInteger("sources", static_cast<std::int64_t>(f.sources.size()));
  for (const ForecastSource& source : f.sources) {
    text.Add("name", source.name);
    text.Add("law", source.law_id);
    text.Add("estimator", source.estimator);
    text.Add("data_digest", source.data_digest);
    text.Add("quantity", source.quantity);
  }
  text.Add("extrapolation_params", f.extrapolation_params);
  text.Add("extrapolation_tokens", f.extrapolation_tokens);
  text.Add("rate_kind", f.rate_kind);
  text.Add("version", f.version);
  return text.Take();
}

std::string SealOf(const Forecast& forecast) { return Sha256Hex(ForecastText(forecast)); }

}  // namespace sextant::storage
