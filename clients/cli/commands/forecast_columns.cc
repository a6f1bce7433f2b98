// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/forecast_columns.h"

#include <algorithm>
#include <optional>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"

namespace sextant::cli {
namespace {

using v1::Forecast;
using v1::Prediction;
using v1::Quantity;

// "2 of 3 inside": how many scored intervals held.
std::string ScoresText(const Forecast& forecast) {
  int inside = 0, stated = 0;
  for (const v1::QuantityScore& score : forecast.scores()) {
    if (score.verdict() == "no-interval") continue;
    ++stated;
    inside += score.verdict() == "inside" ? 1 : 0;
  }
  if (forecast.scores().empty()) return "";
  return stated == 0 ? "no interval" : std::to_string(inside) + " of " + std::to_string(stated) + " inside";
}

std::string SourcesText(const Forecast& forecast) {
  std::string text;
  for (const v1::ForecastSource& source : forecast.sources()) {
    text += (text.empty() ? "" : ", ") +
            (source.name().find('/') == std::string::npos ? source.name() : IdOf(source.name()));
  }
  return text;
}

std::string ScoreLines(const Forecast& forecast) {
  std::string text;
  for (const v1::QuantityScore& score : forecast.scores()) {
    text += (text.empty() ? "" : "\n") + score.quantity() + " was " + FormatNumber(score.actual(), 5) + " (" +
            score.verdict() + ", by " + IdOf(score.run()) + ")";
  }
  return text;
}

// A column of the prediction. Machine formats have the value; JSON has all.
RecordColumn PredictedColumn(const char* name, const char* title, bool count, bool (Prediction::*has)() const,
                             const Quantity& (Prediction::*get)() const) {
  return MakeColumn<Forecast>(
      name, title, true, true,
      [=](const Forecast& f) {
        return QuantityText((f.prediction().*has)(), (f.prediction().*get)(), count);
      },
      [=](const Forecast& f) {
        return (f.prediction().*has)() ? FormatRoundTrip((f.prediction().*get)().value()) : std::string();
      });
}

RecordColumn BoundColumn(const char* name, bool (Quantity::*has)() const, double (Quantity::*get)() const) {
  const auto text = [=](const Forecast& f) {
    const Quantity& loss = f.prediction().loss();
    return (loss.*has)() ? FormatRoundTrip((loss.*get)()) : std::string();
  };
  RecordColumn column = MakeColumn<Forecast>(name, name, true, false, text, text);
  column.in_record = false;  // the loss is shown with its interval
  return column;
}

}  // namespace

std::string QuantityText(bool has, const Quantity& quantity, bool count) {
  if (!has) return "-";
  const auto optional = [](bool known, double value) { return known ? std::optional(value) : std::nullopt; };
  const std::string value = count ? FormatCount(quantity.value()) : FormatNumber(quantity.value());
  const std::string interval = FormatInterval(optional(quantity.has_low(), quantity.low()),
                                              optional(quantity.has_high(), quantity.high()), count);
  return interval.empty() ? value : value + " " + interval;
}

std::vector<RecordColumn> ForecastColumns() {
  const auto text = [](const char* name, const char* title, bool in_list, auto get) {
    return MakeColumn<Forecast>(name, title, false, in_list, get, get);
  };
  const auto count = [](const char* name, const char* title, auto get) {
    return MakeColumn<Forecast>(
        name, title, true, true, [get](const Forecast& f) { return FormatCount(get(f)); },
        [get](const Forecast& f) { return FormatRoundTrip(get(f)); });
  };
  return {text("name", "forecast", true, [](const Forecast& f) { return IdOf(f.name()); }),
          text("seal_time", "sealed", true, [](const Forecast& f) { return TimeText(f.seal_time()); }),
          count("params", "params", [](const Forecast& f) { return f.inputs().params(); }),
          count("tokens", "tokens", [](const Forecast& f) { return f.inputs().tokens(); }),
          PredictedColumn("learning_rate", "learning rate", false, &Prediction::has_learning_rate,
                          &Prediction::learning_rate),
          PredictedColumn("batch_size_tokens", "batch (tokens)", true, &Prediction::has_batch_size_tokens,
                          &Prediction::batch_size_tokens),
          PredictedColumn("loss", "loss", false, &Prediction::has_loss, &Prediction::loss),
          BoundColumn("loss_low", &Quantity::has_low, &Quantity::low),
          BoundColumn("loss_high", &Quantity::has_high, &Quantity::high),
          text("scores", "scored", true, ScoresText),
          text("outcome", "outcome", false, ScoreLines),
          text("sources", "sources", false, SourcesText),
          text("interval", "interval", false,
               [](const Forecast& f) { return FormatNumber(f.inputs().interval()); }),
          text("version", "version", false, [](const Forecast& f) { return f.version(); }),
          text("seal", "seal", false, [](const Forecast& f) { return f.seal(); }),
          text("seal_broken", "changed since", false, [](const Forecast& f) {
            return std::string(f.seal_broken() ? "yes: not what was sealed" : "");
          })};
}

}  // namespace sextant::cli
