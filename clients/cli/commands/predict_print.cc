// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/predict_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/schedule_words.h"
#include "clients/cli/flag_terms.h"
#include "clients/cli/output/json.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/output/text_table.h"

namespace sextant::cli {
namespace {

using v1::Prediction;
using v1::Quantity;

struct Column {
  const char* name;   // of the field
  const char* title;  // of tables
  bool count;
  bool (Prediction::*has)() const;
  const Quantity& (Prediction::*get)() const;
};
constexpr Column kColumns[] = {
    {"learning_rate", "learning rate", false, &Prediction::has_learning_rate, &Prediction::learning_rate},
    {"batch_size_tokens", "batch (tokens)", true, &Prediction::has_batch_size_tokens,
     &Prediction::batch_size_tokens},
    {"critical_batch_size_tokens", "critical batch (tokens)", true,
     &Prediction::has_critical_batch_size_tokens, &Prediction::critical_batch_size_tokens},
    {"loss", "loss", false, &Prediction::has_loss, &Prediction::loss},
    {"params", "params", true, &Prediction::has_params, &Prediction::params},
    {"tokens", "tokens", true, &Prediction::has_tokens, &Prediction::tokens},
    {"weight_decay", "weight decay", false, &Prediction::has_weight_decay, &Prediction::weight_decay},
    {"adam_beta2", "beta2", false, &Prediction::has_adam_beta2, &Prediction::adam_beta2}};

// What the critical batch means, and what the batch asked for costs.
std::string CriticalBatchLines(const Prediction& prediction) {
  std::string text;
  if (!prediction.critical_batch_definition().empty()) {
    text += "\n" + Safe(prediction.critical_batch_definition());
  }
  if (prediction.has_batch_tradeoff()) {
    const v1::BatchTradeoff& tradeoff = prediction.batch_tradeoff();
    text += "\nat " + FormatCount(tradeoff.batch_size_tokens()) + ": +" +
            FormatNumber(100 * tradeoff.extra_steps_share().value(), 3) + " % steps, +" +
            FormatNumber(100 * tradeoff.extra_compute_share().value(), 3) + " % compute";
  }
  return text;
}

std::string CellText(const Column& column, const Prediction& prediction) {
  if (!(prediction.*column.has)()) return "-";
  const Quantity& q = (prediction.*column.get)();
  const auto optional = [](bool has, double value) { return has ? std::optional(value) : std::nullopt; };
  std::string text = column.count ? FormatCount(q.value()) : FormatNumber(q.value());
  const std::string interval =
      FormatInterval(optional(q.has_low(), q.low()), optional(q.has_high(), q.high()), column.count);
  if (!interval.empty()) text += " " + interval;
  const std::string law = FormatInterval(optional(q.has_parameter_low(), q.parameter_low()),
                                         optional(q.has_parameter_high(), q.parameter_high()), column.count);
  if (!law.empty()) text += "\nlaw alone " + law;
  if (column.get == &Prediction::critical_batch_size_tokens) text += CriticalBatchLines(prediction);
  const std::string band =
      FormatInterval(optional(q.has_near_optimal_low(), q.near_optimal_low()),
                     optional(q.has_near_optimal_high(), q.near_optimal_high()), column.count);
  if (!band.empty()) text += "\nnear-optimal " + band;
  return text;
}

// Warnings that several sources share are said once.
std::string WarningLines(const v1::PredictResponse& response, const std::set<std::string>& notes,
                         const std::string& bullet) {
  std::vector<std::pair<std::string, std::vector<std::string>>> grouped;
  for (const Prediction& prediction : response.predictions()) {
    for (const std::string& warning : prediction.warnings()) {
      if (notes.count(warning) > 0) continue;
      auto found =
          std::find_if(grouped.begin(), grouped.end(), [&](const auto& g) { return g.first == warning; });
      if (found == grouped.end()) found = grouped.insert(grouped.end(), {warning, {}});
      found->second.push_back(PredictionSource(prediction));
    }
  }
  std::string out;
  for (const auto& [warning, sources] : grouped) {
    std::string names = sources.front();
    for (std::size_t i = 1; i < sources.size(); ++i) names += ", " + sources[i];
    out += bullet + Safe(names) + ": " + InFlagTerms(Safe(warning)) + "\n";
  }
  return out;
}

// Standing remarks of laws that WarningLines leaves out.
int CountNotes(const v1::PredictResponse& response, const std::set<std::string>& notes) {
  std::set<std::string> found;
  for (const Prediction& prediction : response.predictions()) {
    for (const std::string& warning : prediction.warnings()) {
      if (notes.count(warning) > 0) found.insert(warning);
    }
  }
  return static_cast<int>(found.size());
}

std::string OtherLines(const v1::PredictResponse& response, const std::string& bullet) {
  std::string out;
  for (const Prediction& prediction : response.predictions()) {
    std::vector<std::pair<std::string, double>> other(prediction.other().begin(), prediction.other().end());
    std::sort(other.begin(), other.end());
    for (const auto& [name, value] : other) {
      out += bullet + Safe(PredictionSource(prediction)) + ": " + Safe(name) + " = " + FormatNumber(value) +
             "\n";
    }
  }
  return out;
}

std::string UnansweredLines(const v1::PredictResponse& response, const std::set<std::string>& inapplicable,
                            const std::string& bullet) {
  std::string out;
  int left_out = 0;
  for (const v1::Unanswered& item : response.unanswered()) {
    if (inapplicable.contains(item.source())) {
      ++left_out;
      continue;
    }
    const std::string quantity = item.quantity().empty() ? "" : " (" + item.quantity() + ")";
    out += bullet + Safe(item.source() + quantity) + ": " + InFlagTerms(Safe(item.reason())) + "\n";
  }
  if (left_out > 0) {
    out += bullet +
           fmt::format("{} conversion rules, growth factors and curve laws, which need other inputs (-v)\n",
                       left_out);
  }
  return out;
}

std::string Section(const std::string& title, const std::string& lines, bool bold) {
  if (lines.empty()) return {};
  return "\n" + (bold ? "\033[1m" + title + "\033[0m" : title) + "\n" + lines;
}

std::string TargetLine(const v1::PredictRequest& request) {
  std::string line = "Target: ";
  const auto add = [&line](const std::string& part) { line += (line.size() > 8 ? ", " : "") + part; };
  if (request.params() > 0) add("N = " + FormatCount(request.params(), 6) + " parameters");
  if (request.tokens() > 0) add("D = " + FormatCount(request.tokens(), 6) + " tokens");
  for (const auto& [name, value] : std::map<std::string, double>(request.at().begin(), request.at().end())) {
    add(Safe(name) + " = " + FormatNumber(value));
  }
  if (request.has_schedule()) add("schedule " + Safe(ScheduleText(request.schedule())));
  if (request.has_learning_rate())
    add("learning rate = " + FormatNumber(request.learning_rate()) + " (fixed)");
  if (request.has_batch_size_tokens()) {
    line += ", batch = " + FormatCount(request.batch_size_tokens(), 6) + " tokens (fixed)";
  }
  return line;
}

std::string IntervalLine(const v1::PredictRequest& request, const v1::PredictResponse& response) {
  bool any_interval = false, any_band = false, any_of_run = false;
  for (const Prediction& prediction : response.predictions()) {
    for (const Column& column : kColumns) {
      if (!(prediction.*column.has)()) continue;
      any_interval |= (prediction.*column.get)().has_low();
      any_of_run |= (prediction.*column.get)().has_parameter_low();
      any_band |= (prediction.*column.get)().has_near_optimal_low();
    }
  }
  std::string line;
  if (any_interval) {
    line += fmt::format("[low, high] is the {:.4g} % bootstrap interval",
                        100 * (request.has_interval() ? request.interval() : 0.9));
  }
  if (any_of_run) line += "; of a loss, that of a run there, law alone: of its parameters";
  if (any_band) {
    line += fmt::format("{}near-optimal: loss within {:.4g} % of the best", line.empty() ? "" : "; ",
                        100 * (request.has_tolerance() ? request.tolerance() : 0.0025));
  }
  return line.empty() ? line : line + "\n";
}

std::string Text(const v1::PredictRequest& request, const v1::PredictResponse& response,
                 const QuietLaws& quiet, bool bold, bool markdown) {
  std::vector<const Column*> shown;
  std::vector<TextColumn> titles{{"source", false}};
  for (const Column& column : kColumns) {
    const bool any = std::any_of(response.predictions().begin(), response.predictions().end(),
                                 [&](const Prediction& p) { return (p.*column.has)(); });
    if (!any) continue;
    shown.push_back(&column);
    titles.push_back({column.title, false});
  }
  TextTable table(std::move(titles));
  // Sources that answer the same quantity stand together.
  for (const Column* leading : shown) {
    for (const Prediction& prediction : response.predictions()) {
      const auto first =
          std::find_if(shown.begin(), shown.end(), [&](const Column* c) { return (prediction.*c->has)(); });
      if (first == shown.end() || *first != leading) continue;
      std::vector<std::string> row{Safe(PredictionSource(prediction))};
      for (const Column* column : shown) row.push_back(CellText(*column, prediction));
      table.Add(std::move(row));
    }
  }
  const std::string bullet = markdown ? "- " : "  ";
  std::string out = TargetLine(request) + "\n\n";
  if (!table.empty()) out += markdown ? table.RenderMarkdown() : table.Render(bold);
  const std::string key = IntervalLine(request, response);
  if (!key.empty()) out += "\n" + key;
  out += Section("Also", OtherLines(response, bullet), bold);
  out += Section("Warnings", WarningLines(response, quiet.notes, bullet), bold);
  out += Section("Not answered", UnansweredLines(response, quiet.inapplicable, bullet), bold);
  if (const int count = CountNotes(response, quiet.notes); count > 0) {
    out += fmt::format(
        "\n{} notes on these laws are left out: -v prints them, `sextant laws show LAW` has those of one "
        "law\n",
        count);
  }
  return out;
}

std::string Delimited(const v1::PredictResponse& response, char delimiter) {
  std::string out =
      DelimitedLine({"source", "quantity", "value", "low", "high", "near_optimal_low", "near_optimal_high",
                     "extrapolation_params", "extrapolation_tokens", "parameter_low", "parameter_high"},
                    delimiter);
  for (const Prediction& prediction : response.predictions()) {
    for (const Column& column : kColumns) {
      if (!(prediction.*column.has)()) continue;
      const Quantity& q = (prediction.*column.get)();
      const auto text = [](bool has, double value) { return has ? FormatRoundTrip(value) : std::string(); };
      out += DelimitedLine(
          {PredictionSource(prediction), column.name, FormatRoundTrip(q.value()), text(q.has_low(), q.low()),
           text(q.has_high(), q.high()), text(q.has_near_optimal_low(), q.near_optimal_low()),
           text(q.has_near_optimal_high(), q.near_optimal_high()),
           text(prediction.has_extrapolation(), prediction.extrapolation().params()),
           text(prediction.has_extrapolation(), prediction.extrapolation().tokens()),
           text(q.has_parameter_low(), q.parameter_low()), text(q.has_parameter_high(), q.parameter_high())},
          delimiter);
    }
  }
  return out;
}

}  // namespace

std::string PredictionSource(const Prediction& prediction) {
  std::string text;
  for (const std::string& law : prediction.laws()) text += (text.empty() ? "" : " + ") + law;
  if (prediction.fits().empty() || prediction.fits(0).rfind("studies/published/", 0) == 0) return text;
  const std::string& fit = prediction.fits(0);
  const std::string study = fit.substr(8, fit.find('/', 8) - 8);
  if (prediction.fits_size() == 1) return study + "/" + IdOf(fit);
  return study + " (" + std::to_string(prediction.fits_size()) + " fits)";
}

int PrintPredictions(const Session& session, const v1::PredictRequest& request,
                     const v1::PredictResponse& response, const QuietLaws& quiet) {
  const OutputFormat format = session.globals().output;
  std::string out;
  if (format == OutputFormat::kJson) {
    out = ToJson(response, true, session.globals().fields) + "\n";
  } else if (format == OutputFormat::kJsonl) {
    for (const Prediction& prediction : response.predictions()) {
      out += ToJson(prediction, false, session.globals().fields) + "\n";
    }
  } else if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    out = Delimited(response, format == OutputFormat::kTsv ? '\t' : ',');
    const std::string warnings = WarningLines(response, quiet.notes, "");
    if (!warnings.empty()) session.Note(warnings.substr(0, warnings.size() - 1));
  } else {
    out = Text(request, response, quiet, session.color_stdout(), format == OutputFormat::kMarkdown);
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return FlushStdout(session);
}

}  // namespace sextant::cli
