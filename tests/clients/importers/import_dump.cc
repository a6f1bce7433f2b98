// SPDX-License-Identifier: Apache-2.0
// Prints what the importers make of files and folders as JSON lines, one an input, for the checks in Python.
//   import_dump [--set FIELD=VALUE]… [--metric NAME=QUANTITY]… [--step-offset N] [--format NAME]
//               [--loss-unit bits-per-byte] PATH…
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <cstdio>
#include <string>

#include "clients/importers/fields.h"
#include "clients/importers/import.h"
#include "clients/importers/text.h"
#include "tests/clients/importers/keeping_sink.h"

namespace {

using namespace sextant::importers;
using Writer = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                                 rapidjson::CrtAllocator, rapidjson::kWriteNanAndInfFlag>;

void Text(Writer& writer, const std::string& text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

template <class T>
void Column(Writer& writer, const char* name, const std::vector<T>& column) {
  writer.Key(name);
  writer.StartArray();
  for (const T value : column) writer.Double(static_cast<double>(value));
  writer.EndArray();
}

void WriteRun(Writer& writer, const ImportedRun& run) {
  constexpr const char* kStates[] = {"unspecified", "running", "finished", "diverged", "crashed"};
  writer.StartObject();
  writer.Key("run_id");
  Text(writer, run.run_id);
  writer.Key("state");
  writer.String(kStates[static_cast<int>(run.state)]);
  for (const NumberField& field : NumberFields()) {
    const std::optional<double>& value = run.*(field.member);
    if (!value) continue;
    writer.Key(field.name.c_str());
    writer.Double(*value);
  }
  writer.Key("labels");
  writer.StartArray();
  for (const std::string& label : run.labels) Text(writer, label);
  writer.EndArray();
  if (run.curve) {
    Column(writer, "step", run.curve->step);
    Column(writer, "token_axis", run.curve->tokens);
    Column(writer, "train_loss", run.curve->train_loss);
    Column(writer, "validation_loss", run.curve->validation_loss);
    Column(writer, "learning_rates", run.curve->learning_rate);
  }
  writer.EndObject();
}

void Print(const Input& input, const ImportOptions& options) {
  KeepingSink sink;
  const auto report = ImportInput(input, options, sink);
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("path");
  Text(writer, input.path);
  if (!report.ok()) {
    writer.Key("refused");
    Text(writer, std::string(report.status().message()));
  } else {
    writer.Key("format");
    Text(writer, report->format);
    writer.Key("why");
    Text(writer, report->why);
    writer.Key("confidence_percent");
    writer.Int(report->confidence_percent);
    writer.Key("lines");
    writer.Int64(report->lines);
    writer.Key("lines_understood");
    writer.Int64(report->lines_understood);
    writer.Key("metrics");
    writer.StartObject();
    for (const auto& [name, metric] : report->metrics) {
      Text(writer, name);
      Text(writer, metric.quantity.empty() ? "(" + metric.why + ")" : metric.quantity);
    }
    writer.EndObject();
  }
  writer.Key("runs");
  writer.StartArray();
  for (const ImportedRun& run : sink.runs) WriteRun(writer, run);
  writer.EndArray();
  writer.Key("rejects");
  writer.StartArray();
  for (const Reject& reject : sink.rejects) Text(writer, std::to_string(reject.line) + ": " + reject.reason);
  writer.EndArray();
  writer.Key("notes");
  writer.StartArray();
  for (const std::string& note : sink.notes) Text(writer, note);
  writer.EndArray();
  writer.EndObject();
  std::printf("%s\n", buffer.GetString());
}

}  // namespace

int main(int argc, char** argv) {
  ImportOptions options;
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (word.rfind("--", 0) != 0) {
      paths.push_back(word);
      continue;
    }
    ++i;
    if (word == "--set") options.set.push_back(*ParseFieldMapping(value, "--set"));
    if (word == "--metric") options.metrics.push_back(*ParseMetricRule(value));
    if (word == "--step-offset") options.step_offset = ParseInt64(value).value_or(0);
    if (word == "--format") options.format = value;
    if (word == "--loss-unit") options.bits_per_byte = value == "bits-per-byte";
  }
  const auto found = ExpandInputs(paths);
  if (!found.ok()) {
    std::fprintf(stderr, "%s\n", std::string(found.status().message()).c_str());
    return 1;
  }
  for (const Input& input : found->inputs) Print(input, options);
  for (const PassedOver& item : found->passed_over)
    std::fprintf(stderr, "%s: passed over: %s\n", item.path.c_str(), item.why.c_str());
  return 0;
}
