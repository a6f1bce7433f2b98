// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/import_explain.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <fstream>
#include <set>

#include "clients/cli/output/records.h"
#include "clients/importers/recipe.h"

namespace sextant::cli {
namespace {

// Keeps what is wrong and what is said; the runs go.
class ExplainSink : public importers::RunSink {
 public:
  absl::Status AddRun(importers::ImportedRun) override { return absl::OkStatus(); }
  void AddReject(importers::Reject reject) override {
    constexpr std::size_t kKept = 5;
    if (reasons.size() < kKept) reasons.insert(reject.reason);
  }
  void AddNote(const std::string&, const std::string& note) override { notes.insert(note); }

  std::set<std::string> reasons, notes;
};

struct Explanation {
  importers::FileReport report;
  std::set<std::string> reasons, notes;
  std::vector<std::string> suggestions;
};

Explanation Explain(const importers::Input& input, const importers::ImportOptions& options) {
  Explanation out;
  ExplainSink sink;
  const auto report = importers::ImportInput(input, options, sink);
  if (report.ok()) {
    out.report = *report;
  } else {
    out.report.source = input.path;
    out.report.why = std::string(report.status().message());
  }
  out.reasons = std::move(sink.reasons);
  out.notes = std::move(sink.notes);
  out.suggestions = importers::Suggest(out.report);
  return out;
}

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void Member(Writer& writer, const char* key, const std::string& text) {
  writer.Key(key);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

template <class List>
void Texts(Writer& writer, const char* key, const List& texts) {
  writer.Key(key);
  writer.StartArray();
  for (const std::string& text : texts)
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  writer.EndArray();
}

void WriteJson(Writer& writer, const Explanation& each) {
  const importers::FileReport& report = each.report;
  writer.StartObject();
  Member(writer, "source", report.source);
  Member(writer, "format", report.format);
  Member(writer, "why", report.why);
  const auto number = [&](const char* key, std::int64_t value) {
    writer.Key(key);
    writer.Int64(value);
  };
  number("confidence_percent", report.confidence_percent);
  number("runs", report.runs);
  number("rejected", report.rejected);
  number("lines", report.lines);
  number("lines_understood", report.lines_understood);
  writer.Key("metrics");
  writer.StartArray();
  for (const auto& [name, metric] : report.metrics) {
    writer.StartObject();
    Member(writer, "name", name);
    Member(writer, "quantity", metric.quantity);
    number("points", metric.points);
    Member(writer, "why", metric.why);
    writer.EndObject();
  }
  writer.EndArray();
  writer.Key("settings");
  writer.StartArray();
  for (const auto& [key, field] : report.settings) {
    writer.StartObject();
    Member(writer, "key", key);
    Member(writer, "field", field);
    writer.EndObject();
  }
  writer.EndArray();
  Texts(writer, "reasons", each.reasons);
  Texts(writer, "notes", each.notes);
  Texts(writer, "suggestions", each.suggestions);
  writer.EndObject();
}

std::string AsJson(const std::vector<Explanation>& all) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetIndent(' ', 1);
  writer.StartObject();
  writer.Key("files");
  writer.StartArray();
  for (const Explanation& each : all) WriteJson(writer, each);
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string AsText(const Session& session, const Explanation& each) {
  const importers::FileReport& report = each.report;
  std::string out = fmt::format("{}: ", Safe(report.source));
  if (report.format.empty()) return out + "not read: " + Safe(report.why) + "\n\n";
  out += fmt::format("{}, {} % sure ({}); {} runs, {} rejected", report.format, report.confidence_percent,
                     Safe(report.why), report.runs, report.rejected);
  if (report.lines > 0)
    out += fmt::format("; {} of {} lines understood", report.lines_understood, report.lines);
  TextTable names({{"logged", false}, {"points", true}, {"taken as", false}});
  for (const auto& [name, metric] : report.metrics) {
    names.Add({Safe(name), std::to_string(metric.points),
               metric.quantity.empty() ? "- (" + Safe(metric.why) + ")" : metric.quantity});
  }
  TextTable settings({{"setting", false}, {"taken as", false}});
  for (const auto& [key, field] : report.settings) {
    if (!field.empty()) settings.Add({Safe(key), field});
  }
  out += "\n";
  if (!names.empty()) out += "\n" + names.Render(session.color_stdout());
  if (!settings.empty()) out += "\n" + settings.Render(session.color_stdout());
  for (const std::string& reason : each.reasons) out += "\nrejected: " + Safe(reason);
  for (const std::string& note : each.notes) out += "\nnote: " + Safe(note);
  for (const std::string& line : each.suggestions) out += "\nto take more: --" + Safe(line);
  return out + (each.reasons.empty() && each.notes.empty() && each.suggestions.empty() ? "\n" : "\n\n");
}

// What the flags say and what was found out, so that another import reads the same whatever the defaults
// become.
std::string RecipeOf(const ImportFlags& flags, const std::vector<Explanation>& all) {
  importers::Recipe recipe{flags.format == "auto" ? "" : flags.format, flags.maps, flags.sets, flags.metrics,
                           flags.step_offset};
  std::set<std::string> formats, metrics(flags.metrics.begin(), flags.metrics.end()), more;
  for (const Explanation& each : all) {
    if (!each.report.format.empty()) formats.insert(each.report.format);
    for (const auto& [name, metric] : each.report.metrics) {
      const std::string rule = name + "=" + metric.quantity;
      if (metric.quantity.empty() || name.find_first_of("*?\n") != std::string::npos) continue;
      if (importers::ParseMetricRule(rule).ok() && metrics.insert(rule).second)
        recipe.metrics.push_back(rule);
    }
    for (const std::string& line : each.suggestions) more.insert(line);
  }
  if (recipe.format.empty() && formats.size() == 1) recipe.format = *formats.begin();
  std::vector<std::string> comments{"sextant runs import --recipe THIS FILE…"};
  for (const std::string& line : more) {
    if (line.find('\n') == std::string::npos) comments.push_back("to take more: " + line);
  }
  return importers::WriteRecipe(recipe, comments);
}

}  // namespace

int ApplyRecipe(const Session& session, ImportFlags* flags) {
  if (flags->recipe.empty()) return kExitOk;
  const auto recipe = importers::ReadRecipe(flags->recipe);
  if (!recipe.ok()) return session.Fail(FromLocal(recipe.status()));
  if (flags->format == "auto" && !recipe->format.empty()) flags->format = recipe->format;
  const auto append = [](const std::vector<std::string>& from, std::vector<std::string>* to) {
    to->insert(to->end(), from.begin(), from.end());
  };
  append(recipe->maps, &flags->maps);
  append(recipe->sets, &flags->sets);
  append(recipe->metrics, &flags->metrics);
  if (!flags->step_offset) flags->step_offset = recipe->step_offset;
  return kExitOk;
}

std::string NamesOf(const importers::FileReport& report) {
  constexpr std::size_t kShown = 12;
  std::string taken, left;
  std::size_t left_count = 0;
  for (const auto& [name, metric] : report.metrics) {
    if (!metric.quantity.empty()) {
      taken += fmt::format("{}{} as {} ({})", taken.empty() ? "; took " : ", ", Safe(name), metric.quantity,
                           metric.points);
    } else if (++left_count <= kShown) {
      left += fmt::format("{}{} ({})", left.empty() ? "; not taken: " : ", ", Safe(name), metric.points);
    }
  }
  if (left_count > kShown) left += fmt::format(" and {} more", left_count - kShown);
  std::string lines;
  if (report.lines > 0)
    lines = fmt::format("; {} of {} lines understood", report.lines_understood, report.lines);
  return taken + left + lines;
}

int ExplainImport(Session& session, const ImportFlags& flags, const importers::ImportOptions& options) {
  importers::ExpandedInputs found;
  if (const int code = FindInputs(session, flags, &found); code != kExitOk) return code;
  std::vector<Explanation> all;
  for (const importers::Input& input : found.inputs) all.push_back(Explain(input, options));
  for (const auto* items : {&found.failed, &found.passed_over}) {
    for (const importers::PassedOver& item : *items) {
      Explanation each;
      each.report.source = item.path;
      each.report.why = item.why;
      all.push_back(std::move(each));
    }
  }
  const OutputFormat format = session.globals().output;
  std::string out;
  if (format == OutputFormat::kJson || format == OutputFormat::kJsonl) {
    out = AsJson(all);
  } else {
    for (const Explanation& each : all) out += AsText(session, each);
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  if (!flags.write_recipe.empty()) {
    std::ofstream file(flags.write_recipe, std::ios::binary);
    file << RecipeOf(flags, all);
    file.close();
    if (!file) return session.FailLocal("cannot write " + Safe(flags.write_recipe), "");
    session.Note("wrote " + Safe(flags.write_recipe));
  }
  return FlushStdout(session);
}

}  // namespace sextant::cli
