// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/forecast_columns.h"
#include "clients/cli/output/quantity.h"

namespace sextant::cli {
namespace {

using v1::CalibrationGroup;

std::string PercentText(bool has, double share) { return has ? FormatNumber(100 * share, 3) + " %" : "-"; }

std::vector<std::string> GroupRow(const std::string& by, const std::string& value,
                                  const CalibrationGroup& group) {
  std::string covered = "-";
  if (group.has_coverage()) {
    covered =
        fmt::format("{} of {}: {} [{}, {}]", group.covered(), group.intervals(),
                    PercentText(true, group.coverage().value()), PercentText(true, group.coverage().low()),
                    PercentText(true, group.coverage().high()));
  }
  return {by,
          value,
          std::to_string(group.scored()),
          covered,
          PercentText(group.has_nominal(), group.nominal()),
          PercentText(group.has_mean_bias(), group.mean_bias()),
          PercentText(group.has_mean_absolute_error(), group.mean_absolute_error()),
          PercentText(group.has_median_width(), group.median_width()),
          PercentText(group.has_mean_excess_loss(), group.mean_excess_loss()),
          group.fails() ? "fails" : ""};
}

void PrintForecastRows(const Session& session, const v1::ScoreForecastsResponse& response) {
  TextTable table({{"forecast", false},
                   {"quantity", false},
                   {"actual", true},
                   {"error", true},
                   {"interval", false},
                   {"excess loss", true},
                   {"run", false}});
  for (const v1::ForecastReport& report : response.forecasts()) {
    for (const v1::QuantityScore& score : report.scores()) {
      table.Add({IdOf(report.name()), score.quantity(), FormatNumber(score.actual(), 5),
                 PercentText(true, score.error()), score.verdict(),
                 PercentText(score.has_excess_loss(), score.excess_loss()), IdOf(score.run())});
    }
  }
  if (table.empty()) return;
  PrintTable(session, table);
  std::fputs("\n", stdout);
}

int PrintDelimitedScores(const Session& session, const v1::ScoreForecastsResponse& response) {
  const char delimiter = session.globals().output == OutputFormat::kTsv ? '\t' : ',';
  std::string out = DelimitedLine({"forecast", "quantity", "run", "actual", "error", "verdict", "excess_loss",
                                   "extrapolation_params", "extrapolation_tokens"},
                                  delimiter);
  for (const v1::ForecastReport& report : response.forecasts()) {
    for (const v1::QuantityScore& score : report.scores()) {
      out += DelimitedLine({report.name(), score.quantity(), score.run(), FormatRoundTrip(score.actual()),
                            FormatRoundTrip(score.error()), score.verdict(),
                            score.has_excess_loss() ? FormatRoundTrip(score.excess_loss()) : "",
                            FormatRoundTrip(report.extrapolation().params()),
                            FormatRoundTrip(report.extrapolation().tokens())},
                           delimiter);
    }
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return FlushStdout(session);
}

// Each reason once, with the runs that it keeps out: the first of them by name, all with --verbose or as
// JSON.
void NoteUncounted(const Session& session, const std::string& name, const v1::ForecastReport& report) {
  std::vector<std::pair<std::string, std::vector<std::string>>> reasons;
  for (const v1::UncountedRun& run : report.not_counted()) {
    const std::string id = Safe(IdOf(run.run()));
    session.Detail(name + ": run " + id + " is not counted, " + Safe(run.reason()));
    const auto same = std::find_if(reasons.begin(), reasons.end(),
                                   [&](const auto& reason) { return reason.first == run.reason(); });
    if (same == reasons.end()) {
      reasons.push_back({run.reason(), {id}});
    } else {
      same->second.push_back(id);
    }
  }
  for (const auto& [reason, ids] : reasons) {
    const std::string runs =
        ids.size() == 1 ? "run " + ids[0] + " is" : fmt::format("{} runs ({}, …) are", ids.size(), ids[0]);
    session.Note(name + ": " + runs + " not counted, " + Safe(reason));
  }
}

// What was not scored, and which runs were not counted, of the forecasts that say why.
void NoteGaps(const Session& session, const v1::ScoreForecastsResponse& response) {
  for (const v1::ForecastReport& report : response.forecasts()) {
    const std::string name = Safe(IdOf(report.name()));
    for (const v1::UnscoredQuantity& gap : report.unscored()) {
      session.Note(name + (gap.quantity().empty() ? "" : ", " + Safe(gap.quantity())) + ": not scored, " +
                   Safe(gap.reason()));
    }
    NoteUncounted(session, name, report);
    for (const std::string& warning : report.warnings()) session.Note(name + ": " + Safe(warning));
    for (const v1::QuantityScore& score : report.scores()) {
      if (!score.note().empty())
        session.Detail(name + ", " + Safe(score.quantity()) + ": " + Safe(score.note()));
    }
  }
  if (response.forecasts_left_out() > 0)
    session.Note(
        fmt::format("{} older forecasts are counted, but not listed", response.forecasts_left_out()));
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
}

}  // namespace

int PrintScores(const Session& session, const v1::ScoreForecastsResponse& response) {
  if (WantsJson(session)) return PrintJson(session, response);
  const OutputFormat format = session.globals().output;
  if (format == OutputFormat::kCsv || format == OutputFormat::kTsv)
    return PrintDelimitedScores(session, response);
  PrintForecastRows(session, response);
  if (response.total().scored() > 0) {
    TextTable table({{"by", false},
                     {"", false},
                     {"scored", true},
                     {"intervals that held", false},
                     {"stated", true},
                     {"bias", true},
                     {"error", true},
                     {"width", true},
                     {"excess loss", true},
                     {"", false}});
    table.Add(GroupRow("all", "", response.total()));
    for (const CalibrationGroup& group : response.groups())
      table.Add(GroupRow(group.by(), group.value(), group));
    PrintTable(session, table);
  }
  NoteGaps(session, response);
  return FlushStdout(session);
}

}  // namespace sextant::cli
