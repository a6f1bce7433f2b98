// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/fit_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/flag_terms.h"
#include "clients/cli/output/json.h"
#include "clients/cli/output/quantity.h"

namespace sextant::cli {
namespace {

using v1::Fit;

std::optional<double> Low(const v1::Parameter& p) {
  return p.has_low() ? std::optional(p.low()) : std::nullopt;
}
std::optional<double> High(const v1::Parameter& p) {
  return p.has_high() ? std::optional(p.high()) : std::nullopt;
}

std::string HoldoutText(const Fit& fit) {
  if (!fit.has_holdout()) return {};
  std::string text = fmt::format("{} runs, mean relative error {}", fit.holdout().runs(),
                                 FormatNumber(fit.holdout().mean_relative_error(), 3));
  if (fit.holdout().has_mean_excess_loss()) {
    text += ", mean excess loss " + FormatNumber(100 * fit.holdout().mean_excess_loss(), 3) + " %";
  }
  return text;
}

std::string RangeText(const Fit& fit) {
  std::string text;
  for (const v1::FittedRange& range : fit.fitted_ranges()) {
    text += (text.empty() ? "" : "\n") + range.variable() + "  " + FormatCount(range.low()) + " to " +
            FormatCount(range.high());
  }
  return text;
}

// The shares of what an average is of, the largest first.
std::string MembersText(const Fit& fit) {
  constexpr std::string_view kPrefix = "weight.";
  std::vector<std::pair<double, std::string>> members;
  for (const auto& [name, value] : fit.diagnostics()) {
    if (name.rfind(kPrefix, 0) == 0 && value > 0) members.emplace_back(-value, name.substr(kPrefix.size()));
  }
  std::sort(members.begin(), members.end());
  std::string text;
  for (const auto& [value, name] : members) {
    text += (text.empty() ? "" : ", ") + FormatNumber(-100 * value, 2) + " % " + name;
  }
  return text;
}

// The laws of an average: weight and error on the largest scales.
std::string AveragedText(const Fit& fit) {
  std::string text;
  for (const v1::AveragedLaw& law : fit.averaged()) {
    text += fmt::format("{}{}  weight {:.2f}, held-out error {} %", text.empty() ? "" : "\n", law.law(),
                        law.weight(), FormatNumber(100 * law.held_out_error(), 3));
  }
  return text;
}

std::string Summary(const Fit& fit, bool bold) {
  std::string runs = std::to_string(fit.runs_used());
  if (fit.runs() == "cell-best") {
    runs = fmt::format("the best settings of {} cells, of {} runs", fit.runs_used(), fit.runs_considered());
  } else if (fit.cells_used() > 0) {
    runs += fmt::format(" in {} cells", fit.cells_used());
  }
  std::vector<std::pair<std::string, std::string>> pairs{
      {"fit", fit.name()},
      {"law", fit.law() + (fit.predicts().empty() ? "" : " (predicts " + fit.predicts() + ")")},
      {"state", FitStateWord(fit.state())},
      {"error", fit.has_error() ? fit.error().message() : ""}};
  if (fit.state() == v1::FIT_SUCCEEDED) {
    pairs.insert(pairs.end(),
                 {{"estimator", fit.estimator()},
                  {"members", MembersText(fit)},
                  {"average of", AveragedText(fit)},
                  {"runs used", runs},
                  {"fitted range", RangeText(fit)},
                  {"objective", FormatNumber(fit.objective(), 6)},
                  {"starts", fmt::format("{} of {} at the optimum", fit.starts_at_optimum(), fit.starts())},
                  {"condition number", FormatNumber(fit.condition_number(), 3)},
                  {"held out", HoldoutText(fit)}});
  }
  for (auto& [name, value] : pairs) value = SafeLines(value);
  return RenderPairs(pairs, bold);
}

std::string ParameterTable(const Fit& fit, bool bold, bool markdown) {
  if (fit.parameters().empty()) return {};
  TextTable table({{"parameter", false}, {"estimate", true}, {"95 % interval", false}, {"", false}});
  for (const v1::Parameter& parameter : fit.parameters()) {
    table.Add({Safe(parameter.name()), FormatNumber(parameter.estimate(), 5),
               FormatInterval(Low(parameter), High(parameter), false),
               parameter.at_bound() ? "at its bound" : ""});
  }
  return "\n" + (markdown ? table.RenderMarkdown() : table.Render(bold));
}

}  // namespace

std::string FitStageText(const v1::FitProgress& progress) {
  if (!progress.has_fraction()) return Safe(progress.phase());
  return fmt::format("{} {:.0f} %", Safe(progress.phase()), std::floor(100 * progress.fraction()));
}

std::string ParameterLine(const Fit& fit) {
  std::string text;
  for (const v1::Parameter& parameter : fit.parameters()) {
    text += (text.empty() ? "" : ", ") + parameter.name() + " " + FormatNumber(parameter.estimate());
  }
  return text;
}

std::string FitStateWord(v1::FitState state) {
  switch (state) {
    case v1::FIT_RUNNING:
      return "running";
    case v1::FIT_SUCCEEDED:
      return "succeeded";
    case v1::FIT_FAILED:
      return "failed";
    case v1::FIT_CANCELLED:
      return "cancelled";
    default:
      return {};
  }
}

std::vector<RecordColumn> FitColumns() {
  const auto whole = [](auto get) { return [get](const Fit& fit) { return std::to_string((fit.*get)()); }; };
  const auto number = [](auto get) {
    return [get](const Fit& fit) { return FormatRoundTrip((fit.*get)()); };
  };
  const auto short_number = [](auto get) {
    return [get](const Fit& fit) { return FormatNumber((fit.*get)()); };
  };
  const auto text = [](const std::string& (Fit::*get)() const) {
    return [get](const Fit& fit) { return (fit.*get)(); };
  };
  return {
      MakeColumn<Fit>(
          "name", "fit", false, true, [](const Fit& fit) { return IdOf(fit.name()); }, text(&Fit::name)),
      MakeColumn<Fit>("law", "law", false, true, text(&Fit::law), text(&Fit::law)),
      MakeColumn<Fit>("predicts", "predicts", false, false, text(&Fit::predicts), text(&Fit::predicts)),
      MakeColumn<Fit>(
          "state", "state", false, true, [](const Fit& fit) { return FitStateWord(fit.state()); },
          [](const Fit& fit) { return v1::FitState_Name(fit.state()); }),
      MakeColumn<Fit>("estimator", "estimator", false, true, text(&Fit::estimator), text(&Fit::estimator)),
      MakeColumn<Fit>("runs_used", "runs", true, true, whole(&Fit::runs_used), whole(&Fit::runs_used)),
      MakeColumn<Fit>("parameters", "parameters", false, true, ParameterLine, ParameterLine),
      MakeColumn<Fit>("objective", "objective", true, false, short_number(&Fit::objective),
                      number(&Fit::objective)),
      MakeColumn<Fit>("condition_number", "condition", true, false, short_number(&Fit::condition_number),
                      number(&Fit::condition_number)),
      MakeColumn<Fit>("seed", "seed", true, false, whole(&Fit::seed), whole(&Fit::seed)),
      MakeColumn<Fit>(
          "create_time", "created", false, true, [](const Fit& fit) { return TimeText(fit.create_time()); },
          [](const Fit& fit) { return TimeText(fit.create_time()); })};
}

int PrintFit(const Session& session, const Fit& fit) {
  const OutputFormat format = session.globals().output;
  const bool markdown = format == OutputFormat::kMarkdown;
  if ((format != OutputFormat::kTable && !markdown) || !session.globals().fields.empty()) {
    return PrintRecord(session, FitColumns(), fit);
  }
  const bool bold = session.color_stdout();
  std::string out = markdown ? "" : Summary(fit, bold);
  out += ParameterTable(fit, bold, markdown);
  for (const std::string& warning : fit.warnings())
    out += (markdown ? "\n- " : "\nwarning: ") + InFlagTerms(Safe(warning));
  if (!fit.warnings().empty()) out += "\n";
  if (markdown && out.front() == '\n') out.erase(0, 1);
  std::fwrite(out.data(), 1, out.size(), stdout);
  return FlushStdout(session);
}

}  // namespace sextant::cli
