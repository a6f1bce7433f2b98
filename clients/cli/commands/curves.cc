// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/edit_distance.h"
#include "base/numbers.h"
#include "base/status_macros.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/importers/csv.h"
#include "clients/importers/text.h"
#include "sextant/v1/curve_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::CurveService;

// What one message carries. Longer curves are thinned by averaging neighbours: extrapolation works on a few
// hundred bins of ln x anyway.
constexpr std::size_t kMaxPointsSent = 200'000;

struct ExtrapolateOptions {
  std::string file, x, y, law;
  std::vector<std::string> at;
  std::optional<double> interval;
  std::optional<std::int64_t> seed;
  bool forms = false;
};

struct Columns {
  std::vector<double> x, y;
  std::int64_t skipped = 0;
};

int FindColumn(const std::vector<std::string>& header, const std::string& name) {
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (importers::Trim(header[i]) == name) return static_cast<int>(i);
  }
  return -1;
}

absl::StatusOr<Columns> ReadColumns(const ExtrapolateOptions& options) {
  ASSIGN_OR_RETURN(auto source, importers::ByteSource::Open(options.file));
  ASSIGN_OR_RETURN(auto head, source->Head());
  const std::string name = source->name();
  const std::string_view first_line = importers::WithoutByteOrderMark(head.substr(0, head.find('\n')));
  importers::LineReader lines(source.get(), importers::kMaxCsvLineBytes);
  importers::CsvReader reader(&lines, importers::DetectDelimiter(first_line));
  importers::CsvRow row;
  auto more = reader.Next(&row);
  if (!more.ok()) return more.status();
  if (!*more || !row.error.empty()) return absl::InvalidArgumentError(name + " has no header line");
  row.fields[0] = std::string(importers::WithoutByteOrderMark(row.fields[0]));
  const std::vector<std::string> header = row.fields;
  const int x = FindColumn(header, options.x), y = FindColumn(header, options.y);
  for (const auto& [column, wanted] : {std::pair{x, options.x}, std::pair{y, options.y}}) {
    if (column >= 0) continue;
    const std::string near = Nearest(wanted, header);
    return absl::InvalidArgumentError(
        name + " has no column " + importers::Quoted(wanted) +
        (near.empty() ? "" : "; did you mean " + importers::Quoted(near) + "?"));
  }
  Columns columns;
  while (true) {
    more = reader.Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) return columns;
    const std::size_t needed = static_cast<std::size_t>(std::max(x, y)) + 1;
    std::optional<double> at, value;
    if (row.error.empty() && row.fields.size() >= needed) {
      at = importers::ParseDouble(importers::Trim(row.fields[static_cast<std::size_t>(x)]));
      value = importers::ParseDouble(importers::Trim(row.fields[static_cast<std::size_t>(y)]));
    }
    if (!at || !value || !std::isfinite(*at) || !std::isfinite(*value)) {
      ++columns.skipped;
      continue;
    }
    columns.x.push_back(*at);
    columns.y.push_back(*value);
  }
}

// Averages neighbours in x, whatever the order of the rows. Rows that no curve can use would spoil their
// neighbours: their number is returned.
std::size_t Thin(Columns& columns) {
  std::vector<std::pair<double, double>> points;
  for (std::size_t i = 0; i < columns.x.size(); ++i) {
    if (columns.x[i] > 0 && columns.y[i] > 0) points.emplace_back(columns.x[i], columns.y[i]);
  }
  const std::size_t dropped = columns.x.size() - points.size();
  std::sort(points.begin(), points.end());
  columns.x.resize(points.size());
  columns.y.resize(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) std::tie(columns.x[i], columns.y[i]) = points[i];
  const std::size_t group = (columns.x.size() + kMaxPointsSent - 1) / kMaxPointsSent;
  if (group <= 1) return dropped;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < columns.x.size(); i += group, ++kept) {
    const std::size_t end = std::min(i + group, columns.x.size());
    double x = 0, y = 0;
    for (std::size_t k = i; k < end; ++k) {
      x += columns.x[k];
      y += columns.y[k];
    }
    columns.x[kept] = x / static_cast<double>(end - i);
    columns.y[kept] = y / static_cast<double>(end - i);
  }
  columns.x.resize(kept);
  columns.y.resize(kept);
  return dropped;
}

int PrintExtrapolation(const Session& session, const v1::ExtrapolateCurveResponse& response) {
  if (WantsJson(session)) return PrintJson(session, response);
  const auto column = [](const char* name, double (v1::ExtrapolatedPoint::*get)() const, auto format) {
    return MakeColumn<v1::ExtrapolatedPoint>(
        name, name, true, true, [=](const auto& point) { return format((point.*get)()); },
        [get](const auto& point) { return FormatRoundTrip((point.*get)()); });
  };
  const auto six = [](double value) { return FormatNumber(value, 6); };
  RecordPrinter printer(
      session,
      {column("x", &v1::ExtrapolatedPoint::x, FormatRoundTrip),
       column("value", &v1::ExtrapolatedPoint::value, six), column("low", &v1::ExtrapolatedPoint::low, six),
       column("high", &v1::ExtrapolatedPoint::high, six)},
      v1::ExtrapolatedPoint::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  for (const auto& point : response.points()) printer.Add(point);
  const int code = printer.End();
  session.Note(Safe(response.law()) + ", " + std::to_string(response.points_used()) + " points used");
  for (const std::string& warning : response.warnings()) session.Note(Safe(warning));
  return code;
}

int RunExtrapolate(Session& session, const ExtrapolateOptions& options) {
  v1::ExtrapolateCurveRequest request;
  for (const std::string& list : options.at) {
    std::size_t start = 0;
    while (start <= list.size()) {
      const std::size_t end = std::min(list.find(',', start), list.size());
      const std::string text = list.substr(start, end - start);
      const auto value = ParseNumber(text);
      if (!value) {
        return session.FailUsage("--at takes numbers, separated by commas, not '" + Safe(text) + "'",
                                 "for example --at 1e6,10M");
      }
      request.add_at(*value);
      start = end + 1;
    }
  }
  auto columns = ReadColumns(options);
  if (!columns.ok()) return session.Fail(FromLocal(columns.status()));
  if (columns->skipped > 0) {
    session.Note(std::to_string(columns->skipped) + " rows without a finite " + Safe(options.x) + " and " +
                 Safe(options.y) + " were skipped");
  }
  if (columns->x.size() > kMaxPointsSent) {
    session.Note(std::to_string(columns->x.size()) + " points: neighbours are averaged to at most " +
                 std::to_string(kMaxPointsSent));
    if (const std::size_t dropped = Thin(*columns); dropped > 0) {
      session.Note(std::to_string(dropped) + " points dropped: x or y not positive");
    }
  }
  request.mutable_x()->Assign(columns->x.begin(), columns->x.end());
  request.mutable_y()->Assign(columns->y.begin(), columns->y.end());
  request.set_law(options.law);
  if (options.interval) request.set_interval(*options.interval);
  if (options.seed) request.set_seed(*options.seed);
  request.set_report_forms(options.forms);
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ExtrapolateCurveResponse response;
  if (const int code = session.Call(&CurveService::Stub::ExtrapolateCurve, request, &response);
      code != kExitOk) {
    return code;
  }
  return PrintExtrapolation(session, response);
}

}  // namespace

void AddCurves(CommandTree& tree) {
  CLI::App* noun = tree.Noun("curves");
  auto options = std::make_shared<ExtrapolateOptions>();
  CLI::App* command = tree.AddCommand(
      noun, "extrapolate", "where a learning curve is going, with intervals",
      {"sextant curves extrapolate curve.csv --x examples --y error --at 1e6,1e7",
       "sextant curves extrapolate loss.csv --x step --y loss --at 200K --law curve-m4 -o json"});
  command->add_option("FILE", options->file, "CSV or TSV with a header; - reads standard input")->required();
  command->add_option("--x", options->x, "column of examples, tokens or steps")
      ->type_name("COLUMN")
      ->required();
  command->add_option("--y", options->y, "column of the loss or error")->type_name("COLUMN")->required();
  command->add_option("--at", options->at, "where to extrapolate to")
      ->type_name("X[,X...]")
      ->required()
      ->allow_extra_args(false);
  command
      ->add_option("--law", options->law,
                   "curve-m1 to curve-m4 or curve-bnsl; averaged by held-out error if not given")
      ->type_name("ID");
  AddNumber(command, "--interval", &options->interval, "coverage of the intervals [0.9]");
  AddWholeNumber(command, "--seed", &options->seed, 0, INT64_MAX, "of the intervals [1]");
  command->add_flag("--forms", options->forms,
                    "without --law: also fit every form by itself, for -o json (about ten times as long)");
  tree.SetRun(command, [options](Session& session) { return RunExtrapolate(session, *options); });
}

}  // namespace sextant::cli
