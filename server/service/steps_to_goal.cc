// SPDX-License-Identifier: Apache-2.0
#include "server/service/steps_to_goal.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/critical_batch/steps_to_goal.h"
#include "server/convert/data_table.h"
#include "server/error.h"
#include "server/filter.h"
#include "server/names.h"
#include "server/run_groups.h"
#include "storage/run_fields.h"

namespace sextant::server {
namespace {

using Group = std::map<std::string, std::string>;
using Groups = std::map<Group, std::vector<fitting::StepsToGoal>>;

constexpr int kGoalPage = 1000;
constexpr std::size_t kMostGroups = 1000;
constexpr char kParamsGroup[] = "params";

void IntervalTo(const fitting::BatchInterval& interval, v1::BatchInterval& message) {
  message.set_value(interval.value);
  message.set_low(interval.low);
  message.set_high(interval.high);
}

void ReportToProto(const Group& group, const fitting::StepsToGoalReport& report, v1::StepsToGoalGroup& out) {
  for (const auto& [name, value] : group) (*out.mutable_group())[name] = value;
  for (const fitting::StepsToGoal& row : report.best) {
    v1::StepsAtBatch& best = *out.add_best();
    best.set_batch_size_tokens(row.batch);
    best.set_learning_rate(row.learning_rate);
    best.set_steps(row.steps);
    best.set_tokens(row.batch * row.steps);
  }
  for (const std::string& warning : report.hyperbola.warnings) out.add_warnings(warning);
  if (report.hyperbola.answered) {
    IntervalTo(report.hyperbola.batch_size, *out.mutable_critical_batch());
    IntervalTo(report.hyperbola.min_steps, *out.mutable_min_steps());
    IntervalTo(report.hyperbola.min_tokens, *out.mutable_min_examples());
    out.set_hyperbola_error(report.hyperbola.relative_misfit);
  } else {
    out.set_reason(report.hyperbola.reason);
  }
  if (report.perfect_to) out.set_perfect_to(*report.perfect_to);
  if (report.maximum_from) out.set_maximum_from(*report.maximum_from);
  if (report.sfo.answered) {
    IntervalTo(report.sfo.fewest_gradients_batch, *out.mutable_fewest_gradients_batch());
    out.set_sfo_error(report.sfo.misfit);
  }
}

/// A column of runs by its name.
absl::StatusOr<double> FieldOf(const storage::Run& run, const storage::Study& study, const std::string& name,
                               const char* field) {
  if (const RunQuantity* quantity = FindRunQuantity(name); quantity != nullptr) return run.*quantity->value;
  const int place = storage::FindDeclared(study.declared, name);
  if (place >= 0) {
    const auto at = static_cast<std::size_t>(place);
    return at < run.values.size() ? run.values[at] : storage::kUnknown;
  }
  return InvalidField(
      field, absl::StrCat("'", name.substr(0, 63), "' is neither a field of runs nor declared by the study"));
}

absl::Status GroupRuns(Core& core, const v1::AnalyzeStepsToGoalRequest& request, Groups& groups) {
  const auto id = ParseStudyName(request.parent());
  if (!id) return InvalidField("parent", "not of the form studies/STUDY, and there is no table");
  ASSIGN_OR_RETURN(const auto snapshot, core.Read());
  auto study = snapshot->GetStudy(*id);
  if (!study.ok()) return Annotate(study.status(), "study", request.parent());
  storage::RunQuery query;
  query.study_id = *id;
  query.limit = kGoalPage;
  ASSIGN_OR_RETURN(query.where, ParseRunFilter(request.filter(), "filter", study->declared));
  ASSIGN_OR_RETURN(const auto names, GroupNames(request.group_by(), *study));
  const std::string batch_name = request.batch().empty() ? "batch_size_tokens" : request.batch();
  const std::string steps_name = request.steps().empty() ? "steps" : request.steps();
  const auto count = storage::ParamsMember(study->param_count);
  do {
    auto page = snapshot->ListRuns(query);
    if (!page.ok()) return Annotate(page.status(), "study", request.parent());
    for (const storage::Run& run : page->items) {
      if (run.state != fitting::RunState::kFinished) continue;
      fitting::StepsToGoal point;
      ASSIGN_OR_RETURN(point.batch, FieldOf(run, *study, batch_name, "batch"));
      ASSIGN_OR_RETURN(point.steps, FieldOf(run, *study, steps_name, "steps"));
      if (!(point.batch > 0) || !(point.steps > 0)) continue;
      if (run.learning_rate > 0) point.learning_rate = run.learning_rate;
      Group group = GroupOf(run, *study, names);
      if (run.*count > 0)
        group[kParamsGroup] = absl::StrCat(run.*count);  // models are workloads of their own
      groups[std::move(group)].push_back(point);
      if (groups.size() > kMostGroups)
        return InvalidField("group_by", absl::StrCat("makes more than ", kMostGroups, " groups"));
    }
    query.after = page->next_key;
  } while (!query.after.empty());
  if (groups.empty()) {
    return UnmetPrecondition("DESIGN_NOT_IDENTIFIABLE", request.parent(),
                             absl::StrCat("no finished run records ", batch_name, " and ", steps_name,
                                          ": say which columns they are (batch, steps)"));
  }
  return absl::OkStatus();
}

/// What of the table's texts differs within a group although nothing groups by it.
absl::Status CheckNothingPooled(const DataTable& table, const std::set<std::string>& names,
                                const std::vector<Group>& group_of_row) {
  for (const auto& [name, texts] : table.texts) {
    if (names.contains(name)) continue;
    std::map<Group, std::string> first;
    for (std::size_t row = 0; row < table.rows; ++row) {
      const auto [at, is_new] = first.try_emplace(group_of_row[row], texts[row]);
      if (is_new || at->second == texts[row]) continue;
      return InvalidField(
          "group_by", absl::StrCat("'", name, "' differs among rows that would be pooled (", at->second, ", ",
                                   texts[row], "): group by it, or leave the column out"));
    }
  }
  return absl::OkStatus();
}

absl::Status GroupTable(const v1::AnalyzeStepsToGoalRequest& request, Groups& groups) {
  std::vector<FieldViolation> violations;
  const DataTable table = DataTableFromProto(request.table(), violations);
  if (!request.filter().empty()) violations.push_back({"filter", "not with a table"});
  const auto column = [&](const char* field, const std::string& given, const char* otherwise) {
    const std::string name = given.empty() ? otherwise : given;
    const auto found = table.numbers.columns.find(name);
    if (found != table.numbers.columns.end()) return &found->second;
    violations.push_back({field, absl::StrCat("the table has no column '", name, "' of numbers")});
    return static_cast<const std::vector<double>*>(nullptr);
  };
  const std::vector<double>* batch = column("batch", request.batch(), "batch_size_tokens");
  const std::vector<double>* steps = column("steps", request.steps(), "steps");
  std::set<std::string> names(request.group_by().begin(), request.group_by().end());
  if (names.empty() && (table.texts.contains("optimizer"))) names.insert("optimizer");
  for (const std::string& name : names) {
    if (!table.texts.contains(name) && !table.numbers.columns.contains(name)) {
      violations.push_back({"group_by", absl::StrCat("the table has no column '", name, "'")});
    }
  }
  if (!violations.empty()) return InvalidFields(violations);
  std::vector<Group> group_of_row(table.rows);
  for (std::size_t row = 0; row < table.rows; ++row) {
    for (const std::string& name : names) {
      const auto texts = table.texts.find(name);
      group_of_row[row][name] =
          texts != table.texts.end() ? texts->second[row] : absl::StrCat(table.numbers.columns.at(name)[row]);
    }
  }
  RETURN_IF_ERROR(CheckNothingPooled(table, names, group_of_row));
  for (std::size_t row = 0; row < table.rows; ++row) {
    fitting::StepsToGoal point;
    point.batch = (*batch)[row];
    point.steps = (*steps)[row];
    if (!(point.batch > 0) || !(point.steps > 0)) continue;
    const auto rate = table.numbers.columns.find("learning_rate");
    if (rate != table.numbers.columns.end() && rate->second[row] > 0) point.learning_rate = rate->second[row];
    groups[group_of_row[row]].push_back(point);
    if (groups.size() > kMostGroups)
      return InvalidField("group_by", absl::StrCat("makes more than ", kMostGroups, " groups"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AnalyzeStepsToGoal(Core& core, const v1::AnalyzeStepsToGoalRequest& request,
                                v1::AnalyzeStepsToGoalResponse& response) {
  fitting::FromStepsOptions options;
  if (request.has_interval()) options.confidence = request.interval();
  if (!(options.confidence > 0 && options.confidence < 1))
    return InvalidField("interval", "between 0 and 1, such as 0.9");
  if (request.has_seed()) options.seed = static_cast<std::uint64_t>(request.seed());
  Groups groups;
  RETURN_IF_ERROR(request.has_table() ? GroupTable(request, groups) : GroupRuns(core, request, groups));
  for (const auto& [group, points] : groups) {
    v1::StepsToGoalGroup& out = *response.add_groups();
    out.set_points(static_cast<int>(points.size()));
    ReportToProto(group, fitting::AnalyzeStepsToGoal(points, options), out);
  }
  return absl::OkStatus();
}

}  // namespace sextant::server
