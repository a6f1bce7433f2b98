// SPDX-License-Identifier: Apache-2.0
// LawSpecToToml: a LawSpec to TOML text, byte for byte the same for equal specs.
#include <charconv>
#include <cmath>
#include <string>

#include "base/toml_text.h"
#include "fitting/law/law_spec.h"
#include "fitting/law/target_names.h"

namespace sextant::fitting {
namespace {

// Shortest text that reads back as the same double.
std::string Number(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[40];
  std::string shortest(text, std::to_chars(text, text + sizeof text, value).ptr);
  // TOML takes a bare "1e+20" as a float but "100" as an integer, which cannot hold every double.
  if (shortest.find_first_of(".e") == std::string::npos) shortest += ".0";
  return shortest;
}

std::string Pair(const Range& range) { return "[" + Number(range.low) + ", " + Number(range.high) + "]"; }

std::string NumberMap(const std::map<std::string, double>& values) {
  std::string text;
  for (const auto& [name, value] : values)
    text += (text.empty() ? " " : ", ") + TomlString(name) + " = " + Number(value);
  return "{" + text + " }";
}

bool Unbounded(const Range& range) { return std::isinf(range.low) && std::isinf(range.high); }

class Writer {
 public:
  void Text(const char* key, const std::string& value) {
    if (!value.empty()) Line(key, TomlString(value));
  }
  void Line(const char* key, const std::string& value) { out_ += std::string(key) + " = " + value + "\n"; }
  void Header(const char* name) { out_ += std::string("\n[[") + name + "]]\n"; }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

void Write(Writer& out, const VariableSpec& variable) {
  out.Header("variables");
  out.Text("name", variable.name);
  out.Text("unit", variable.unit);
  out.Text("counting", variable.counting);
  if (!Unbounded(variable.fitted)) out.Line("fitted", Pair(variable.fitted));
  if (variable.valid.has_value()) out.Line("valid", Pair(*variable.valid));
  out.Text("valid_reason", variable.valid_reason);
  out.Text("from_law", variable.from_law);
}

void Write(Writer& out, const ParameterSpec& parameter) {
  out.Header("parameters");
  out.Text("name", parameter.name);
  if (parameter.value.has_value()) out.Line("value", Number(*parameter.value));
  if (parameter.low.has_value()) out.Line("low", Number(*parameter.low));
  if (parameter.high.has_value()) out.Line("high", Number(*parameter.high));
  if (!Unbounded(parameter.bounds)) out.Line("bounds", Pair(parameter.bounds));
  out.Text("transform", parameter.transform);
  if (!parameter.starts.empty()) {
    std::string list;
    for (double start : parameter.starts) list += (list.empty() ? "" : ", ") + Number(start);
    out.Line("starts", "[" + list + "]");
  }
  if (parameter.fixed) out.Line("fixed", "true");
}

void Write(Writer& out, const ExampleSpec& example) {
  out.Header("examples");
  out.Line("at", NumberMap(example.at));
  if (!example.parameters.empty()) out.Line("parameters", NumberMap(example.parameters));
  if (example.schedule.has_value()) {
    const ScheduleShape& s = *example.schedule;
    out.Line("schedule", "{ shape = " + TomlString(s.shape) + ", peak = " + Number(s.peak) +
                             ", final = " + Number(s.final) + ", steps = " + Number(s.steps) + ", warmup = " +
                             Number(s.warmup) + ", decay_share = " + Number(s.decay_share) + " }");
  }
  out.Line("value", Number(example.value));
  out.Line("relative_tolerance", Number(example.relative_tolerance));
  out.Text("source", example.source);
}

}  // namespace

std::string LawSpecToToml(const LawSpec& spec) {
  Writer out;
  out.Text("id", spec.id);
  out.Text("title", spec.title);
  out.Text("target", TargetName(spec.target));
  out.Text("target_name", spec.target_name);
  out.Text("loss_unit", spec.loss_unit);
  out.Text("definition", spec.definition);
  out.Text("expression", spec.expression);
  out.Text("evaluator", spec.evaluator);
  out.Text("fit_loss", spec.fit_loss);
  out.Text("status", spec.status);
  out.Text("citation", spec.citation);
  out.Text("url", spec.url);
  out.Text("equation", spec.equation);
  out.Text("recipe", spec.recipe);
  if (!spec.notes.empty()) {
    std::string list;
    for (const std::string& note : spec.notes) list += "  " + TomlString(note) + ",\n";
    out.Line("notes", "[\n" + list + "]");
  }
  for (const VariableSpec& variable : spec.variables) Write(out, variable);
  for (const ParameterSpec& parameter : spec.parameters) Write(out, parameter);
  for (const ExampleSpec& example : spec.examples) Write(out, example);
  return out.Take();
}

}  // namespace sextant::fitting
