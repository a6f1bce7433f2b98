// SPDX-License-Identifier: Apache-2.0
// ParseLawSpec: TOML text to a LawSpec. What the keys mean is in law_spec.h; docs/laws.md is the format's
// page.
#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "fitting/law/expression/lexer.h"
#include "fitting/law/expression/suggest.h"
#include "fitting/law/law_spec.h"
#include "fitting/law/target_names.h"
#include "fitting/law/toml_reader.h"

namespace sextant::fitting {
namespace {

constexpr std::size_t kMaxTomlBytes = 64 * 1024;

bool IsId(const std::string& text) {
  if (text.empty() || text.size() > 63) return false;
  auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!letter(text.front()) || !(letter(text.back()) || digit(text.back()))) return false;
  for (char c : text) {
    if (!letter(c) && !digit(c) && c != '-') return false;
  }
  return true;
}

constexpr char kIdRule[] =
    "must be 1 to 63 lower-case letters, digits and hyphens, starting with a letter and not ending with a "
    "hyphen";

void ReadId(TomlTable& table, const std::string& key, bool required, std::string& id) {
  table.Text(key, id);
  if (!table.ok() || (!required && !table.Has(key))) return;
  if (!table.Has(key)) {
    table.Fail("", "'" + key + "' is missing");
  } else if (!IsId(id)) {
    table.Fail(key, kIdRule);
  }
}

void ReadName(TomlTable& table, std::string& name) {
  table.Text("name", name);
  if (!table.ok()) return;
  if (!table.Has("name")) {
    table.Fail("", "'name' is missing");
  } else if (!expression::IsName(name)) {
    table.Fail("name", "must be a letter or _ followed by letters, digits and _, at most 64");
  }
}

void ReadVariable(TomlTable& table, VariableSpec& variable) {
  ReadName(table, variable.name);
  table.Text("unit", variable.unit);
  table.Text("counting", variable.counting);
  table.Pair("fitted", variable.fitted);
  table.Pair("valid", variable.valid);
  table.Text("valid_reason", variable.valid_reason);
  ReadId(table, "from_law", false, variable.from_law);
  if (table.ok() && variable.valid.has_value() && variable.valid_reason.empty()) {
    table.Fail("valid", "needs a 'valid_reason'");
  }
}

void ReadParameter(TomlTable& table, ParameterSpec& parameter) {
  ReadName(table, parameter.name);
  table.Number("value", parameter.value);
  table.Number("low", parameter.low);
  table.Number("high", parameter.high);
  table.Pair("bounds", parameter.bounds);
  table.Text("transform", parameter.transform);
  table.Numbers("starts", parameter.starts);
  table.Flag("fixed", parameter.fixed);
  if (!table.ok()) return;
  if (!parameter.transform.empty() && parameter.transform != "identity" && parameter.transform != "log") {
    table.Fail("transform", "must be identity or log");
  }
  if (parameter.transform == "log" && parameter.bounds.high <= 0) {
    table.Fail("transform", "log needs bounds that allow positive values");
  }
  if (parameter.transform == "log" && parameter.bounds.low < 0) {
    if (table.Has("bounds")) {
      table.Fail("bounds", "transform log needs a low end of 0 or more");
    } else {
      parameter.bounds.low = 0;
    }
  }
  if (parameter.fixed && !parameter.value.has_value())
    table.Fail("fixed", "a fixed parameter needs a 'value'");
  auto outside = [&](double x) { return x < parameter.bounds.low || x > parameter.bounds.high; };
  if (parameter.value.has_value() && outside(*parameter.value)) table.Fail("value", "lies outside 'bounds'");
  for (double start : parameter.starts) {
    if (outside(start)) table.Fail("starts", "a start lies outside 'bounds'");
  }
}

void ReadSchedule(TomlTable& table, ScheduleShape& schedule) {
  table.Text("shape", schedule.shape);
  table.Number("peak", schedule.peak);
  table.Number("final", schedule.final);
  table.Number("steps", schedule.steps);
  table.Number("warmup", schedule.warmup);
  table.Number("decay_share", schedule.decay_share);
}

void ReadExample(TomlTable& table, ExampleSpec& example) {
  table.NumberMap("at", example.at);
  table.NumberMap("parameters", example.parameters);
  table.Table("schedule", [&](TomlTable& entry) { ReadSchedule(entry, example.schedule.emplace()); });
  table.Number("value", example.value);
  table.Number("relative_tolerance", example.relative_tolerance);
  table.Text("source", example.source);
  if (!table.ok()) return;
  if (!table.Has("value")) table.Fail("", "'value' is missing");
  if (!(example.relative_tolerance > 0)) table.Fail("relative_tolerance", "must be above 0");
}

void ReadTarget(TomlTable& table, LawSpec& spec) {
  std::string target;
  table.Text("target", target);
  table.Text("target_name", spec.target_name);
  table.Text("loss_unit", spec.loss_unit);
  if (!table.ok()) return;
  if (!table.Has("target")) {
    table.Fail("", "'target' is missing");
    return;
  }
  spec.target = TargetFromName(target);
  if (spec.target == Target::kUnspecified) {
    std::string allowed;
    for (const std::string& name : TargetNames()) allowed += " " + name;
    table.Fail("target", "unknown target '" + target + "'" + expression::DidYouMean(target, TargetNames()) +
                             "; allowed are" + allowed);
  } else if (spec.target == Target::kOther && spec.target_name.empty()) {
    table.Fail("target", "other needs a 'target_name'");
  }
}

// An example gives every variable (one that another law supplies may be left out) and every parameter without
// a value.
void CheckExample(TomlTable& table, const LawSpec& spec, std::size_t index) {
  const ExampleSpec& example = spec.examples[index];
  const std::string where = "entry " + std::to_string(index) + ": ";
  std::vector<std::string> variables, parameters;
  for (const VariableSpec& variable : spec.variables) variables.push_back(variable.name);
  for (const ParameterSpec& parameter : spec.parameters) parameters.push_back(parameter.name);
  auto known = [&](const std::map<std::string, double>& values, const std::vector<std::string>& names,
                   const char* what) {
    for (const auto& [name, value] : values) {
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      table.Fail("examples", where + "'" + name + "' is not a " + what + expression::DidYouMean(name, names));
    }
  };
  known(example.at, variables, "variable");
  known(example.parameters, parameters, "parameter");
  for (const VariableSpec& variable : spec.variables) {
    if (!example.at.contains(variable.name) && variable.from_law.empty()) {
      table.Fail("examples", where + "variable '" + variable.name + "' is missing from 'at'");
    }
  }
  for (const ParameterSpec& parameter : spec.parameters) {
    if (!parameter.value.has_value() && !example.parameters.contains(parameter.name)) {
      table.Fail("examples",
                 where + "parameter '" + parameter.name + "' has no value: give one in 'parameters'");
    }
  }
}

// Names must be unique over variables and parameters, and examples must be complete.
void CheckNames(TomlTable& table, const LawSpec& spec) {
  std::set<std::string> names;
  for (const VariableSpec& variable : spec.variables) {
    if (!names.insert(variable.name).second)
      table.Fail("variables", "'" + variable.name + "' is declared twice");
  }
  for (const ParameterSpec& parameter : spec.parameters) {
    if (!names.insert(parameter.name).second)
      table.Fail("parameters", "'" + parameter.name + "' is declared twice");
  }
  for (std::size_t i = 0; i < spec.examples.size(); ++i) CheckExample(table, spec, i);
}

}  // namespace

absl::StatusOr<LawSpec> ParseLawSpec(const std::string& toml_text) {
  if (toml_text.size() > kMaxTomlBytes) {
    return absl::InvalidArgumentError("law: " + std::to_string(toml_text.size()) + " bytes; at most " +
                                      std::to_string(kMaxTomlBytes) + " are allowed");
  }
  toml::table root;
  try {  // toml++ reports syntax errors by exception; they stop here
    root = toml::parse(toml_text);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError("law, line " + std::to_string(error.source().begin.line) + ", column " +
                                      std::to_string(error.source().begin.column) + ": " +
                                      std::string(error.description()));
  }
  absl::Status status;
  TomlTable table(root, "", status);
  LawSpec spec;
  ReadId(table, "id", true, spec.id);
  table.Text("title", spec.title);
  ReadTarget(table, spec);
  table.Text("definition", spec.definition);
  table.Text("expression", spec.expression);
  table.Text("evaluator", spec.evaluator);
  table.Text("fit_loss", spec.fit_loss);
  table.Text("status", spec.status);
  table.Text("citation", spec.citation);
  table.Text("url", spec.url);
  table.Text("equation", spec.equation);
  table.Text("recipe", spec.recipe);
  table.Texts("notes", spec.notes);
  table.Tables("variables", [&](TomlTable& entry) { ReadVariable(entry, spec.variables.emplace_back()); });
  table.Tables("parameters", [&](TomlTable& entry) { ReadParameter(entry, spec.parameters.emplace_back()); });
  table.Tables("examples", [&](TomlTable& entry) { ReadExample(entry, spec.examples.emplace_back()); });
  table.Finish();
  if (status.ok() && spec.expression.empty() == spec.evaluator.empty()) {
    table.Fail("", "needs either 'expression' or 'evaluator', and not both");
  }
  const bool of_rate = spec.target == Target::kLearningRate;
  if (status.ok() && !spec.definition.empty() && !of_rate &&
      spec.target != Target::kCriticalBatchSizeTokens) {
    table.Fail("definition",
               "belongs to laws of the targets 'critical-batch-size-tokens' and 'learning-rate' alone");
  }
  if (status.ok() && of_rate && !spec.definition.empty() && spec.definition != "joint" &&
      spec.definition != "fixed-batch") {
    table.Fail("definition", "of a learning rate is 'joint' or 'fixed-batch'");
  }
  if (status.ok()) CheckNames(table, spec);
  if (!status.ok()) return status;
  return spec;
}

}  // namespace sextant::fitting
