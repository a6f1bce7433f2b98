// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "clients/cli/commands/predict_print.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/cli/output/text_table.h"
#include "sextant/v1/curve_service.pb.h"

namespace sextant::cli {
namespace {

std::string Percent(double share) { return FormatNumber(100 * share, 3) + " %"; }

/// Rates down, batches across.
void PrintGrid(const Session& session, const v1::PredictPenaltyResponse& response) {
  std::map<double, std::map<double, const v1::PenaltyPoint*>> rows;
  std::map<double, bool> batches;
  for (const v1::PenaltyPoint& point : response.points()) {
    rows[point.learning_rate()][point.batch_size_tokens()] = &point;
    batches[point.batch_size_tokens()] = true;
  }
  std::vector<TextColumn> columns = {{"RATE \\ BATCH", true}};
  for (const auto& [batch, unused] : batches) columns.push_back({FormatCount(batch), true});
  TextTable table(columns);
  for (const auto& [rate, cells] : rows) {
    std::vector<std::string> row = {FormatNumber(rate)};
    for (const auto& [batch, unused] : batches) {
      const auto cell = cells.find(batch);
      if (cell == cells.end()) {
        row.emplace_back();
        continue;
      }
      const v1::PenaltyPoint& point = *cell->second;
      std::string text = Percent(point.expected());
      if (point.has_low() && point.has_high()) {
        text += "\n[" + FormatNumber(100 * point.low(), 2) + ", " + FormatNumber(100 * point.high(), 2) + "]";
      }
      row.push_back(text);
    }
    table.Add(std::move(row));
  }
  PrintTable(session, table);
}

RecordColumn PenaltyColumn(const char* name, double (*get)(const v1::PenaltyPoint&)) {
  return MakeColumn<v1::PenaltyPoint>(
      name, name, true, true, [get](const v1::PenaltyPoint& p) { return FormatNumber(get(p)); },
      [get](const v1::PenaltyPoint& p) { return FormatRoundTrip(get(p)); });
}

}  // namespace

int PrintPenalties(const Session& session, const v1::PredictPenaltyResponse& response) {
  if (WantsJson(session)) return PrintJson(session, response);
  const OutputFormat format = session.globals().output;
  if (format == OutputFormat::kCsv || format == OutputFormat::kTsv) {
    using P = v1::PenaltyPoint;
    RecordPrinter printer(
        session,
        {PenaltyColumn("learning_rate", [](const P& p) { return p.learning_rate(); }),
         PenaltyColumn("batch_size_tokens", [](const P& p) { return p.batch_size_tokens(); }),
         PenaltyColumn("expected", [](const P& p) { return p.expected(); }),
         PenaltyColumn("low", [](const P& p) { return p.low(); }),
         PenaltyColumn("high", [](const P& p) { return p.high(); })},
        P::descriptor(), false);
    if (const int code = printer.Begin(); code != kExitOk) return code;
    for (const P& point : response.points()) printer.Add(point);
    return printer.End();
  }
  std::fputs("Expected excess loss over the optimum, by learning rate and batch size (tokens)\n\n", stdout);
  PrintGrid(session, response);
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return FlushStdout(session);
}

int PrintForecast(const Session& session, const v1::ForecastRunResponse& response) {
  if (WantsJson(session)) return PrintJson(session, response);
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"run", Safe(response.name())},
      {"end loss", FormatNumber(response.loss().value(), 5) + " " +
                       FormatInterval(response.loss().low(), response.loss().high(), false)},
      {"done", Percent(response.share_done())},
      {"peers used", std::to_string(response.peers_used())}};
  for (const std::string& label : response.labels()) pairs.emplace_back("label", Safe(label));
  std::fputs(RenderPairs(pairs, session.color_stdout()).c_str(), stdout);
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return FlushStdout(session);
}

}  // namespace sextant::cli
