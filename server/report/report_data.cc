// SPDX-License-Identifier: Apache-2.0
#include "server/report/report_data.h"

#include <absl/strings/str_replace.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <google/protobuf/util/json_util.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "server/http/page_text.h"
#include "server/report/report_analyses.h"
#include "server/report/report_fits.h"
#include "server/report/report_forecasts.h"
#include "server/report/report_study.h"
#include "server/version.h"

namespace sextant::server::report {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr int kMostForecasts = 500;
constexpr std::size_t kMostRuns = 20'000, kMostFits = 12, kMostCurves = 24, kMostPointsOfACurve = 250;
// More digits than a chart shows; 2 MB is the most that a report may have.
constexpr int kDigits = 6;
// In the page, where the data go.
constexpr char kPlaceholder[] = "__SEXTANT_REPORT_DATA__";

void Number(double value, Writer* writer) {
  if (!std::isfinite(value)) {
    writer->Null();
    return;
  }
  char text[32];
  const int size = std::snprintf(text, sizeof(text), "%.*g", kDigits, value);
  writer->RawValue(text, static_cast<std::size_t>(size), rapidjson::kNumberType);
}

void Text(const std::string& text, Writer* writer) {
  writer->String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void Message(const google::protobuf::Message& message, Writer* writer) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) json = "{}";
  writer->RawValue(json.data(), json.size(), rapidjson::kObjectType);
}

void Numbers(const char* key, const std::vector<double>& values, Writer* writer) {
  writer->Key(key);
  writer->StartArray();
  for (const double value : values) Number(value, writer);
  writer->EndArray();
}

template <typename Item, typename Get>
void Column(const char* key, const std::vector<Item>& items, std::size_t stride, Get get, Writer* writer) {
  writer->Key(key);
  writer->StartArray();
  for (std::size_t i = 0; i < items.size(); i += stride) get(items[i]);
  writer->EndArray();
}

void Runs(const ReportStudy& study, Writer* writer) {
  const std::size_t stride = std::max<std::size_t>(1, (study.runs.size() + kMostRuns - 1) / kMostRuns);
  writer->Key("runs");
  writer->StartObject();
  writer->Key("total");
  writer->Uint64(study.runs.size());
  Column(
      "id", study.runs, stride, [&](const ReportRun& run) { Text(run.id, writer); }, writer);
  const auto numbers = [&](const char* key, double ReportRun::*member) {
    Column(
        key, study.runs, stride, [&](const ReportRun& run) { Number(run.*member, writer); }, writer);
  };
  numbers("params", &ReportRun::params);
  numbers("tokens", &ReportRun::tokens);
  numbers("learning_rate", &ReportRun::rate);
  numbers("batch_size_tokens", &ReportRun::batch);
  numbers("loss", &ReportRun::loss);
  Column(
      "cell", study.runs, stride, [&](const ReportRun& run) { writer->Int(run.cell); }, writer);
  Column(
      "state", study.runs, stride, [&](const ReportRun& run) { Text(std::string(1, run.state), writer); },
      writer);
  writer->EndObject();
}

void Cells(const ReportStudy& study, Writer* writer) {
  writer->Key("cells");
  writer->StartObject();
  const auto numbers = [&](const char* key, auto get) {
    Column(
        key, study.cells, 1, [&](const ReportCell& cell) { Number(get(cell), writer); }, writer);
  };
  const auto of_best = [&](const char* key, double ReportRun::*member) {
    numbers(key,
            [member](const ReportCell& cell) { return cell.best == nullptr ? NAN : cell.best->*member; });
  };
  numbers("params", [](const ReportCell& cell) { return cell.params; });
  numbers("tokens", [](const ReportCell& cell) { return cell.tokens; });
  numbers("runs", [](const ReportCell& cell) { return cell.runs; });
  numbers("diverged", [](const ReportCell& cell) { return cell.diverged; });
  of_best("learning_rate", &ReportRun::rate);
  of_best("batch_size_tokens", &ReportRun::batch);
  of_best("loss", &ReportRun::loss);
  writer->EndObject();
}

void ValuesOf(const Values& values, Writer* writer) {
  Numbers("value", values.value, writer);
  Numbers("low", values.low, writer);
  Numbers("high", values.high, writer);
}

void Fits(const std::vector<ReportFit>& fits, Writer* writer) {
  writer->Key("fits");
  writer->StartArray();
  for (const ReportFit& each : fits) {
    v1::Fit fit = each.fit;
    // A matrix and a list of runs, of which the page shows nothing.
    fit.clear_correlations();
    fit.clear_influence();
    writer->StartObject();
    writer->Key("fit");
    Message(fit, writer);
    writer->Key("law");
    v1::Law law = each.law;
    law.clear_toml();
    Message(law, writer);
    writer->Key("over");
    Text(each.over, writer);
    writer->Key("lines");
    writer->StartArray();
    for (const FitLine& line : each.lines) {
      writer->StartObject();
      writer->Key("params");
      Number(line.params, writer);
      Numbers("x", line.x, writer);
      ValuesOf(line.values, writer);
      writer->EndObject();
    }
    writer->EndArray();
    writer->Key("at_cells");
    writer->StartObject();
    ValuesOf(each.at_cells, writer);
    writer->EndObject();
    writer->EndObject();
  }
  writer->EndArray();
}

void Grid(const ReportGrid& grid, Writer* writer) {
  writer->Key("grid");
  writer->StartObject();
  Numbers("params", grid.params, writer);
  Numbers("tokens", grid.tokens, writer);
  writer->Key("warnings");
  writer->StartArray();
  for (const std::string& warning : grid.warnings) Text(warning, writer);
  writer->EndArray();
  writer->Key("quantities");
  writer->StartObject();
  for (const auto& [name, quantity] : grid.quantities) {
    writer->Key(name.c_str());
    writer->StartObject();
    ValuesOf(quantity.values, writer);
    Numbers("near_low", quantity.near_optimal.low, writer);
    Numbers("near_high", quantity.near_optimal.high, writer);
    writer->EndObject();
  }
  writer->EndObject();
  writer->EndObject();
}

void Curves(const std::vector<ReportCurve>& curves, Writer* writer) {
  writer->Key("curves");
  writer->StartArray();
  for (const ReportCurve& curve : curves) {
    writer->StartObject();
    writer->Key("run");
    Text(curve.run->id, writer);
    writer->Key("params");
    Number(curve.run->params, writer);
    writer->Key("tokens");
    Number(curve.run->tokens, writer);
    writer->Key("validation");
    writer->Bool(curve.validation);
    Numbers("step", curve.step, writer);
    Numbers("loss", curve.loss, writer);
    writer->EndObject();
  }
  writer->EndArray();
}

void Analyses(const ReportAnalyses& analyses, Writer* writer) {
  writer->Key("critical_batch");
  Message(analyses.critical_batch, writer);
  writer->Key("compared_estimators");
  Message(analyses.estimators, writer);
  writer->Key("compared_laws");
  Message(analyses.laws, writer);
}

// In a page "<" would end the data ("</script>") or begin a comment; in JSON it stands in strings alone.
std::string Finished(const rapidjson::StringBuffer& buffer) {
  return absl::StrReplaceAll(std::string(buffer.GetString(), buffer.GetSize()), {{"<", "\\u003c"}});
}

}  // namespace

grpc::Status CollectReport(const std::shared_ptr<grpc::Channel>& channel, const ReportRequest& request,
                           std::string* json) {
  const ServiceClient client(channel, request);
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  ReportAnalyses analyses;
  if (request.part == ReportPart::kAnalyses) {
    const grpc::Status read = ReadAnalyses(client, request.study, &analyses);
    if (!read.ok()) return read;
    writer.StartObject();
    Analyses(analyses, &writer);
    writer.EndObject();
    *json = Finished(buffer);
    return read;
  }
  ReportStudy study;
  std::vector<ReportFit> fits;
  ReportGrid grid;
  std::vector<ReportCurve> curves;
  grpc::Status status = ReadStudy(client, request.study, &study);
  if (status.ok()) status = ReadFits(client, study, kMostFits, &fits);
  if (status.ok() && !fits.empty()) status = ReadGrid(client, study, &grid);
  if (status.ok()) status = ReadCurves(client, study, kMostCurves, kMostPointsOfACurve, &curves);
  if (status.ok() && request.part == ReportPart::kAll)
    status = ReadAnalyses(client, request.study, &analyses);
  std::vector<std::unique_ptr<google::protobuf::Message>> forecasts;
  if (status.ok()) status = ReadForecasts(channel, request, kMostForecasts, &forecasts);
  if (!status.ok()) return status;
  writer.StartObject();
  writer.Key("version");
  writer.String(kVersion);
  writer.Key("generated");
  Text(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone()), &writer);
  writer.Key("study");
  Message(study.study, &writer);
  Runs(study, &writer);
  Cells(study, &writer);
  Fits(fits, &writer);
  Grid(grid, &writer);
  Curves(curves, &writer);
  if (request.part == ReportPart::kAll) Analyses(analyses, &writer);
  writer.Key("forecasts");
  writer.StartArray();
  for (const auto& forecast : forecasts) Message(*forecast, &writer);
  writer.EndArray();
  writer.EndObject();
  *json = Finished(buffer);
  return grpc::Status::OK;
}

std::string ReportPage(const std::string& json) {
  const std::string page(http::PageText());
  const std::size_t at = page.find(kPlaceholder);
  if (at == std::string::npos) return {};
  return page.substr(0, at) + json + page.substr(at + sizeof(kPlaceholder) - 1);
}

}  // namespace sextant::server::report
