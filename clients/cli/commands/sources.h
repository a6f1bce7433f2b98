// SPDX-License-Identifier: Apache-2.0
// Who is asked: --study, --fit and --law of the commands that predict or plan.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/session.h"

namespace sextant::cli {

struct SourceOptions {
  std::vector<std::string> studies, fits, laws;
};

/// Adds the three flags, each of which may be given again.
inline void AddSources(CLI::App* command, SourceOptions* options) {
  const auto add = [command](const char* flag, std::vector<std::string>* list, const char* type,
                             const char* help) {
    command->add_option(flag, *list, help)->type_name(type)->allow_extra_args(false);
  };
  add("--study", &options->studies, "ID", "the current fits of a study; may be given again");
  add("--fit", &options->fits, "NAME", "one fit; may be given again");
  add("--law", &options->laws, "ID", "one published law; may be given again");
}

/// Puts them into a request with `studies`, `fits` and `laws`. A usage error for a fit whose study is not
/// clear.
template <typename Request>
int SetSources(Session& session, const SourceOptions& options, Request* request) {
  for (const std::string& study : options.studies) request->add_studies(StudyName(study));
  for (const std::string& fit : options.fits) {
    const std::string name = ChildName("fits", options.studies.size() == 1 ? options.studies[0] : "", fit);
    if (name.empty()) {
      return session.FailUsage("which study is fit '" + Safe(fit) + "' in?",
                               "give the fit as STUDY/FIT or studies/STUDY/fits/FIT");
    }
    request->add_fits(name);
  }
  for (const std::string& law : options.laws) {
    request->add_laws(law.rfind("laws/", 0) == 0 ? IdOf(law) : law);
  }
  return kExitOk;
}

}  // namespace sextant::cli
