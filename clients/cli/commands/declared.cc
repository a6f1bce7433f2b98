// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands/declared.h"

#include "base/numbers.h"
#include "clients/cli/output/quantity.h"

namespace sextant::cli {
namespace {

// Up to `most` parts, the last with what is left of the text.
std::vector<std::string> Parts(const std::string& text, std::size_t most) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (parts.size() + 1 < most) {
    const std::size_t colon = text.find(':', begin);
    if (colon == std::string::npos) break;
    parts.push_back(text.substr(begin, colon - begin));
    begin = colon + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

int ReadObjective(const Session& session, const std::string& text, v1::Study* study) {
  const std::vector<std::string> parts = Parts(text, 5);
  v1::StudyObjective& objective = *study->add_objectives();
  objective.set_name(parts[0]);
  if (parts.size() > 1) objective.set_unit(parts[1]);
  const std::string direction = parts.size() > 2 ? parts[2] : "";
  if (direction == "min" || direction == "minimize") {
    objective.set_direction(v1::MINIMIZE);
  } else if (direction == "max" || direction == "maximize") {
    objective.set_direction(v1::MAXIMIZE);
  } else {
    return session.FailUsage("--objective is NAME:UNIT:min|max[:FLOOR[:CEILING]], not '" + Safe(text) + "'",
                             "for example --objective error_rate::min:0:1");
  }
  for (std::size_t i = 3; i < parts.size(); ++i) {
    if (parts[i].empty()) continue;
    const auto number = ParseNumber(parts[i]);
    if (!number) return session.FailUsage("--objective: '" + Safe(parts[i]) + "' is not a number");
    i == 3 ? objective.set_floor(*number) : objective.set_ceiling(*number);
  }
  return kExitOk;
}

}  // namespace

void AddDeclaredFlags(CLI::App* command, DeclaredFlags* flags) {
  command
      ->add_option("--variable", flags->variables,
                   "a number that runs record in addition to the standard fields; may be given again")
      ->type_name("NAME:UNIT[:MEANING]")
      ->allow_extra_args(false);
  command
      ->add_option("--objective", flags->objectives,
                   "a metric of runs in addition to the loss, as error_rate::min:0:1; may be given again")
      ->type_name("NAME:UNIT:min|max[:FLOOR[:CEILING]]")
      ->allow_extra_args(false);
}

int ReadDeclared(const Session& session, const DeclaredFlags& flags, v1::Study* study) {
  for (const std::string& text : flags.variables) {
    // r=share reads like r:share.
    std::string spelled = text;
    if (const std::size_t at = spelled.find_first_of(":="); at != std::string::npos) spelled[at] = ':';
    const std::vector<std::string> parts = Parts(spelled, 3);
    v1::StudyVariable& variable = *study->add_variables();
    variable.set_name(parts[0]);
    if (parts.size() > 1) variable.set_unit(parts[1]);
    if (parts.size() > 2) variable.set_meaning(parts[2]);
  }
  for (const std::string& text : flags.objectives) {
    if (const int code = ReadObjective(session, text, study); code != kExitOk) return code;
  }
  return kExitOk;
}

std::vector<std::string> DeclaredNames(const v1::Study& study) {
  std::vector<std::string> names;
  for (const v1::StudyVariable& variable : study.variables()) names.push_back(variable.name());
  for (const v1::StudyObjective& objective : study.objectives()) names.push_back(objective.name());
  return names;
}

std::string DeclaredText(const v1::Study& study) {
  std::string text;
  const auto add = [&](const std::string& one) { text += (text.empty() ? "" : ", ") + one; };
  for (const v1::StudyVariable& variable : study.variables()) {
    add(variable.name() + (variable.unit().empty() ? "" : " (" + variable.unit() + ")"));
  }
  for (const v1::StudyObjective& objective : study.objectives()) {
    std::string about = objective.direction() == v1::MAXIMIZE ? "max" : "min";
    if (!objective.unit().empty()) about = objective.unit() + ", " + about;
    if (objective.has_floor()) about += ", from " + FormatNumber(objective.floor());
    if (objective.has_ceiling()) about += ", to " + FormatNumber(objective.ceiling());
    add(objective.name() + " (" + about + ")");
  }
  return text;
}

}  // namespace sextant::cli
