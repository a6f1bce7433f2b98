// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/deletion.h"
#include "clients/cli/commands/paging.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/importers/byte_source.h"
#include "clients/importers/text.h"
#include "sextant/v1/law_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using v1::Law;
using v1::LawService;

constexpr std::size_t kMaxLawBytes = 64 << 10;  // the service takes no more

std::string VariableLines(const Law& law) {
  std::string text;
  for (const v1::LawVariable& variable : law.variables()) {
    std::string line = variable.name();
    if (!variable.unit().empty()) line += "  " + variable.unit();
    if (!variable.counting().empty()) line += " (" + variable.counting() + ")";
    if (variable.has_fitted_low() || variable.has_fitted_high()) {
      line += ", fitted on " + (variable.has_fitted_low() ? FormatCount(variable.fitted_low()) : "?") +
              " to " + (variable.has_fitted_high() ? FormatCount(variable.fitted_high()) : "?");
    }
    if (!variable.from_law().empty()) line += ", from " + variable.from_law() + " unless given";
    text += (text.empty() ? "" : "\n") + line;
  }
  return text;
}

std::string ParameterLines(const Law& law) {
  std::string text;
  for (const v1::LawParameter& parameter : law.parameters()) {
    std::string line = parameter.name();
    if (parameter.has_value()) line += " = " + FormatRoundTrip(parameter.value());
    if (parameter.has_low() || parameter.has_high()) {
      line += " in [" + (parameter.has_low() ? FormatNumber(parameter.low()) : "-inf") + ", " +
              (parameter.has_high() ? FormatNumber(parameter.high()) : "inf") + "]";
    }
    if (parameter.fixed()) line += ", fixed";
    text += (text.empty() ? "" : "\n") + line;
  }
  return text;
}

std::string NoteLines(const Law& law) {
  std::string text;
  for (const std::string& note : law.notes()) text += (text.empty() ? "" : "\n") + note;
  return text;
}

std::vector<RecordColumn> LawColumns() {
  const auto text = [](const std::string& (Law::*get)() const) {
    return [get](const Law& law) { return (law.*get)(); };
  };
  const auto plain = [&](const char* name, const char* title, bool in_list,
                         const std::string& (Law::*get)() const) {
    return MakeColumn<Law>(name, title, false, in_list, text(get), text(get));
  };
  const auto flag = [](const char* name, const char* title, bool in_list, bool (Law::*get)() const) {
    return MakeColumn<Law>(
        name, title, false, in_list, [get](const Law& law) { return std::string((law.*get)() ? "yes" : ""); },
        [get](const Law& law) { return std::string((law.*get)() ? "true" : "false"); });
  };
  return {MakeColumn<Law>(
              "name", "law", false, true, [](const Law& law) { return IdOf(law.name()); }, text(&Law::name)),
          plain("predicts", "predicts", true, &Law::predicts),
          flag("published", "published values", true, &Law::published),
          plain("title", "title", true, &Law::title),
          plain("expression", "expression", false, &Law::expression),
          plain("evaluator", "evaluator", false, &Law::evaluator),
          MakeColumn<Law>("variables", "variables", false, false, VariableLines, VariableLines),
          MakeColumn<Law>("parameters", "parameters", false, false, ParameterLines, ParameterLines),
          plain("loss_unit", "loss unit", false, &Law::loss_unit),
          plain("recipe", "recipe", false, &Law::recipe),
          plain("status", "status", false, &Law::status),
          plain("citation", "citation", false, &Law::citation),
          plain("url", "url", false, &Law::url),
          plain("equation", "equation", false, &Law::equation),
          MakeColumn<Law>("notes", "notes", false, false, NoteLines, NoteLines),
          flag("built_in", "ships with Sextant", false, &Law::built_in)};
}

int ListLaws(Session& session, const std::string& predicts) {
  RecordPrinter printer(session, LawColumns(), Law::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::ListLawsRequest request;
  request.set_predicts(predicts);
  request.set_page_size(1000);
  const int code =
      ForEachPage(session, &LawService::Stub::ListLaws, request, [&](const v1::ListLawsResponse& page) {
        for (const Law& law : page.laws()) printer.Add(law);
        return true;
      });
  return code != kExitOk ? code : printer.End();
}

int ShowLaw(Session& session, const std::string& id) {
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::GetLawRequest request;
  request.set_name(LawName(id));
  Law law;
  if (const int code = session.Call(&LawService::Stub::GetLaw, request, &law); code != kExitOk) return code;
  return PrintRecord(session, LawColumns(), law);
}

int CreateLaw(Session& session, const std::string& file, bool check_only) {
  auto source = importers::ByteSource::Open(file);
  if (!source.ok()) return session.Fail(FromLocal(source.status()));
  v1::CreateLawRequest request;
  std::string text(kMaxLawBytes + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto got = (*source)->Read(text.data() + filled, text.size() - filled);
    if (!got.ok()) return session.Fail(FromLocal(got.status()));
    if (*got == 0) break;
    filled += *got;
  }
  if (filled > kMaxLawBytes)
    return session.FailLocal((*source)->name() + " is too long for a law: 64 KiB at most");
  text.resize(filled);
  if (!importers::IsValidUtf8(text)) return session.FailLocal((*source)->name() + " is not UTF-8 text");
  request.set_toml(text);
  request.set_validate_only(check_only);
  if (const int code = session.Connect(); code != kExitOk) return code;
  Law law;
  if (const int code = session.Call(&LawService::Stub::CreateLaw, request, &law); code != kExitOk)
    return code;
  return PrintRecord(session, LawColumns(), law);
}

int DeleteLaw(Session& session, const std::string&, const std::string& id, bool yes) {
  v1::DeleteLawRequest request;
  request.set_name(LawName(id));
  return DeleteOne(session, &LawService::Stub::DeleteLaw, request, "laws", id,
                   "a deleted law is fitted no more; the fits that were made of it stay", yes);
}

}  // namespace

void AddLaws(CommandTree& tree) {
  CLI::App* noun = tree.Noun("laws");
  {
    auto predicts = std::make_shared<std::string>();
    CLI::App* command = tree.AddCommand(noun, "list", "list laws",
                                        {"sextant laws list", "sextant laws list --predicts learning_rate"});
    command->add_option("--predicts", *predicts, "only laws that predict this: learning_rate, loss, …")
        ->type_name("QUANTITY");
    tree.SetRun(command, [predicts](Session& session) { return ListLaws(session, *predicts); });
  }
  {
    auto id = std::make_shared<std::string>();
    CLI::App* command = tree.AddCommand(
        noun, "show", "show one law: form, values, source",
        {"sextant laws show step-law-lr", "sextant laws show step-law-lr -o json --fields toml"});
    command->add_option("LAW", *id, "its id")->required();
    tree.SetRun(command, [id](Session& session) { return ShowLaw(session, *id); });
  }
}

void AddLawChanges(CommandTree& tree) {
  CLI::App* noun = tree.Noun("laws");
  {
    auto file = std::make_shared<std::string>();
    auto check_only = std::make_shared<bool>(false);
    CLI::App* command =
        tree.AddCommand(noun, "create", "add a law of your own from a text file",
                        {"sextant laws create my-law.toml", "sextant laws create my-law.toml --check"});
    command->add_option("FILE", *file, "the law's text; - for standard input")->required();
    command->add_flag("--check", *check_only, "only say whether it is sound");
    tree.SetRun(command, [=](Session& session) { return CreateLaw(session, *file, *check_only); });
  }
  AddDelete(tree, noun,
            {"delete a law of your own", "sextant laws delete my-law --yes", "LAW", "its id", false},
            DeleteLaw);
}

}  // namespace sextant::cli
