// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/run_columns.h"

#include <string>
#include <utility>

#include "base/run_field_table.h"
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/quantity.h"
#include "server/convert/run_quantities.h"
#include "sextant/v1/run_service.pb.h"

namespace sextant::cli {
namespace {

using v1::Run;

RecordColumn QuantityColumn(const RunQuantity& quantity, const google::protobuf::FieldDescriptor* field) {
  const auto text = [field](const Run& run, auto format) {
    const google::protobuf::Reflection& reflection = *run.GetReflection();
    return reflection.HasField(run, field) ? format(reflection.GetDouble(run, field)) : std::string();
  };
  const bool count = quantity.style == NumberStyle::kCount;
  return MakeColumn<Run>(
      quantity.name, quantity.title, true, quantity.in_list,
      [=](const Run& run) {
        return text(run, [=](double value) { return count ? FormatCount(value) : FormatNumber(value); });
      },
      [=](const Run& run) { return text(run, FormatRoundTrip); });
}

RecordColumn DeclaredColumn(const std::string& name) {
  const auto text = [name](const Run& run, auto format) {
    const auto found = run.variables().find(name);
    return found == run.variables().end() ? std::string() : format(found->second);
  };
  RecordColumn column = MakeColumn<Run>(
      name, name, true, true,
      [text](const Run& run) { return text(run, [](double value) { return FormatNumber(value); }); },
      [text](const Run& run) { return text(run, FormatRoundTrip); });
  column.member = "variables";
  return column;
}

RecordColumn TextColumnOf(const std::string& name, const std::string& title,
                          const std::string& (Run::*get)() const) {
  return MakeColumn<Run>(
      name, title, false, false, [get](const Run& run) { return (run.*get)(); },
      [get](const Run& run) { return (run.*get)(); });
}

std::string Joined(const Run& run) {
  std::string text;
  for (const std::string& label : run.labels()) text += (text.empty() ? "" : ";") + label;
  return text;
}

std::string Tags(const Run& run) {
  std::string text;
  for (const auto& [key, value] : run.tags()) text += (text.empty() ? "" : ";") + key + "=" + value;
  return text;
}

std::string StateWord(const Run& run) {
  switch (run.state()) {
    case v1::RUNNING:
      return "running";
    case v1::FINISHED:
      return "finished";
    case v1::DIVERGED:
      return "diverged";
    case v1::CRASHED:
      return "crashed";
    default:
      return {};
  }
}

std::vector<RecordColumn> OtherColumns() {
  const auto seed = [](const Run& run) {
    return run.has_seed() ? std::to_string(run.seed()) : std::string();
  };
  const auto points = [](const Run& run) { return std::to_string(run.curve_point_count()); };
  return {
      MakeColumn<Run>("state", "state", false, true, StateWord,
                      [](const Run& run) { return v1::RunState_Name(run.state()); }),
      TextColumnOf("schedule", "schedule", &Run::schedule),
      TextColumnOf("optimizer", "optimizer", &Run::optimizer),
      MakeColumn<Run>("seed", "seed", true, false, seed, seed),
      MakeColumn<Run>("labels", "labels", false, true, Joined, Joined),
      MakeColumn<Run>("tags", "tags", false, false, Tags, Tags),
      MakeColumn<Run>("curve_point_count", "curve points", true, true, points, points),
      TextColumnOf("source", "source", &Run::source),
      MakeColumn<Run>(
          "create_time", "created", false, false, [](const Run& run) { return TimeText(run.create_time()); },
          [](const Run& run) { return TimeText(run.create_time()); })};
}

}  // namespace

std::vector<RecordColumn> RunColumns() { return RunColumns({}); }

std::vector<RecordColumn> RunColumns(const std::vector<std::string>& declared) {
  std::vector<RecordColumn> columns = {MakeColumn<Run>(
      "name", "run", false, true, [](const Run& run) { return IdOf(run.name()); },
      [](const Run& run) { return run.name(); })};
  for (std::size_t i = 0; i < kRunQuantities.size(); ++i) {
    columns.push_back(QuantityColumn(kRunQuantities[i], server::RunQuantityFields()[i]));
  }
  for (const std::string& name : declared) columns.push_back(DeclaredColumn(name));
  for (RecordColumn& column : OtherColumns()) columns.push_back(std::move(column));
  return columns;
}

}  // namespace sextant::cli
