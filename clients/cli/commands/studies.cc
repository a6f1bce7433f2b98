// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>

#include <map>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/declared.h"
#include "clients/cli/commands/deletion.h"
#include "clients/cli/commands/paging.h"
#include "clients/cli/commands/study_words.h"
#include "clients/cli/output/quantity.h"
#include "clients/cli/output/records.h"
#include "clients/importers/text.h"
#include "sextant/v1/study_service.grpc.pb.h"

namespace sextant::cli {
namespace {

using google::protobuf::util::TimeUtil;
using v1::Study;
using v1::StudyService;

std::vector<RecordColumn> StudyColumns() {
  const auto text = [](const std::string& (Study::*get)() const) {
    return [get](const Study& s) { return (s.*get)(); };
  };
  const auto time = [](const google::protobuf::Timestamp& t) {
    return t.seconds() == 0 ? std::string() : TimeUtil::ToString(t);
  };
  return {
      MakeColumn<Study>(
          "name", "study", false, true, [](const Study& s) { return IdOf(s.name()); }, text(&Study::name)),
      MakeColumn<Study>("title", "title", false, true, text(&Study::title), text(&Study::title)),
      MakeColumn<Study>("description", "description", false, false, text(&Study::description),
                        text(&Study::description)),
      MakeColumn<Study>(
          "param_count", "n counts", false, true,
          [](const Study& s) { return ParamCountWord(s.param_count()); },
          [](const Study& s) { return v1::ParamCount_Name(s.param_count()); }),
      MakeColumn<Study>(
          "loss_unit", "loss unit", false, true, [](const Study& s) { return LossUnitWord(s.loss_unit()); },
          [](const Study& s) { return v1::LossUnit_Name(s.loss_unit()); }),
      MakeColumn<Study>("variables", "variables", false, false, DeclaredText, DeclaredText),
      MakeColumn<Study>(
          "run_count", "runs", true, true, [](const Study& s) { return std::to_string(s.run_count()); },
          [](const Study& s) { return std::to_string(s.run_count()); }),
      MakeColumn<Study>(
          "curve_point_count", "curve points", true, true,
          [](const Study& s) { return std::to_string(s.curve_point_count()); },
          [](const Study& s) { return std::to_string(s.curve_point_count()); }),
      MakeColumn<Study>(
          "fit_count", "fits", true, true, [](const Study& s) { return std::to_string(s.fit_count()); },
          [](const Study& s) { return std::to_string(s.fit_count()); }),
      MakeColumn<Study>(
          "read_only", "read-only", false, false,
          [](const Study& s) { return std::string(s.read_only() ? "yes" : ""); },
          [](const Study& s) { return std::string(s.read_only() ? "true" : "false"); }),
      MakeColumn<Study>(
          "create_time", "created", false, false, [time](const Study& s) { return time(s.create_time()); },
          [time](const Study& s) { return time(s.create_time()); }),
      MakeColumn<Study>("etag", "etag", false, false, text(&Study::etag), text(&Study::etag))};
}

struct StudyOptions {
  std::string id, title, description, param_count = "non-embedding", loss_unit = "nats-per-token";
  std::vector<std::string> labels;
  DeclaredFlags declared;
};

int CreateStudy(Session& session, const StudyOptions& options) {
  v1::CreateStudyRequest request;
  request.set_study_id(options.id);
  Study& study = *request.mutable_study();
  study.set_title(options.title);
  study.set_description(options.description);
  v1::ParamCount count;
  if (!ParseParamCount(options.param_count, &count)) {
    return session.FailUsage("--param-count is " + ParamCountWords() + ", not '" + Safe(options.param_count) +
                             "'");
  }
  study.set_param_count(count);
  v1::LossUnit unit;
  if (!ParseLossUnit(options.loss_unit, &unit)) {
    return session.FailUsage("--loss-unit is " + LossUnitWords() + ", not '" + Safe(options.loss_unit) + "'");
  }
  study.set_loss_unit(unit);
  for (const std::string& label : options.labels) {
    const std::size_t equals = label.find('=');
    if (equals == std::string::npos)
      return session.FailUsage("--label is KEY=VALUE, not '" + Safe(label) + "'");
    (*study.mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  if (const int code = ReadDeclared(session, options.declared, &study); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  Study created;
  if (const int code = session.Call(&StudyService::Stub::CreateStudy, request, &created); code != kExitOk)
    return code;
  return PrintRecord(session, StudyColumns(), created);
}

int ListStudies(Session& session) {
  RecordPrinter printer(session, StudyColumns(), Study::descriptor(), false);
  if (const int code = printer.Begin(); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  const int code = ForEachPage(session, &StudyService::Stub::ListStudies, v1::ListStudiesRequest(),
                               [&](const v1::ListStudiesResponse& page) {
                                 for (const Study& study : page.studies()) printer.Add(study);
                                 return true;
                               });
  return code != kExitOk ? code : printer.End();
}

int ShowStudy(Session& session, const std::string& id) {
  if (const int code = session.Connect(); code != kExitOk) return code;
  v1::GetStudyRequest request;
  request.set_name(StudyName(id));
  Study study;
  if (const int code = session.Call(&StudyService::Stub::GetStudy, request, &study); code != kExitOk)
    return code;
  return PrintRecord(session, StudyColumns(), study);
}

int DeclareMore(Session& session, const std::string& id, const DeclaredFlags& declared) {
  v1::UpdateStudyRequest request;
  request.mutable_study()->set_name(StudyName(id));
  if (declared.empty()) return session.FailUsage("give --variable or --objective");
  if (const int code = ReadDeclared(session, declared, request.mutable_study()); code != kExitOk) return code;
  if (const int code = session.Connect(); code != kExitOk) return code;
  Study study;
  if (const int code = session.Call(&StudyService::Stub::UpdateStudy, request, &study); code != kExitOk)
    return code;
  return PrintRecord(session, StudyColumns(), study);
}

int DeleteStudy(Session& session, const std::string&, const std::string& id, bool yes) {
  v1::DeleteStudyRequest request;
  request.set_name(StudyName(id));
  return DeleteOne(session, &StudyService::Stub::DeleteStudy, request, "studies", id,
                   "deleting a study deletes its runs, curves and fits", yes);
}

}  // namespace

void AddStudies(CommandTree& tree) {
  CLI::App* noun = tree.Noun("studies");
  {
    auto options = std::make_shared<StudyOptions>();
    CLI::App* command = tree.AddCommand(
        noun, "create", "create a study",
        {"sextant studies create pile-sweep",
         "sextant studies create bytes --loss-unit nats-per-byte --title 'byte models'",
         "sextant studies create mixes --variable r:share:'share of code' --objective error_rate::min:0:1"});
    command->add_option("ID", options->id, "1 to 63 of a-z, 0-9 and '-'")->required();
    command->add_option("--title", options->title, "one line")->type_name("TEXT");
    command->add_option("--description", options->description, "what its runs have in common")
        ->type_name("TEXT");
    command->add_option("--param-count", options->param_count, "which N its laws use: " + ParamCountWords())
        ->type_name("WHICH")
        ->capture_default_str();
    command->add_option("--loss-unit", options->loss_unit, "unit of its losses: " + LossUnitWords())
        ->type_name("UNIT")
        ->capture_default_str();
    command->add_option("--label", options->labels, "may be given again")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    AddDeclaredFlags(command, &options->declared);
    tree.SetRun(command, [options](Session& session) { return CreateStudy(session, *options); });
  }
  tree.SetRun(
      tree.AddCommand(noun, "list", "list studies", {"sextant studies list", "sextant studies list -o json"}),
      ListStudies);
  {
    auto id = std::make_shared<std::string>();
    CLI::App* command = tree.AddCommand(noun, "show", "show one study", {"sextant studies show pile-sweep"});
    command->add_option("ID", *id, "the study")->required();
    tree.SetRun(command, [id](Session& session) { return ShowStudy(session, *id); });
  }
  {
    auto id = std::make_shared<std::string>();
    auto declared = std::make_shared<DeclaredFlags>();
    CLI::App* command =
        tree.AddCommand(noun, "declare", "add variables and objectives to a study",
                        {"sextant studies declare pile-sweep --variable U:tokens:'unique tokens'"});
    command->add_option("ID", *id, "the study")->required();
    AddDeclaredFlags(command, declared.get());
    tree.SetRun(command, [=](Session& session) { return DeclareMore(session, *id, *declared); });
  }
}

void AddStudyDelete(CommandTree& tree) {
  AddDelete(tree, tree.Noun("studies"),
            {"delete a study with its runs, curves and fits", "sextant studies delete pile-sweep --yes", "ID",
             "the study", false},
            DeleteStudy);
}

}  // namespace sextant::cli
