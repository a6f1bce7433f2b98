// SPDX-License-Identifier: Apache-2.0
// What the verbs that delete have in common.
#pragma once

#include <google/protobuf/empty.pb.h>

#include <string>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/session.h"

namespace sextant::cli {

/// Deletes what `request` names, which the user calls `text`, once `yes` was said. `noun` is the command's
/// ("runs"); `loss` says in one clause what goes.
template <class Stub, class Request>
int DeleteOne(Session& session,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, google::protobuf::Empty*),
              const Request& request, const std::string& noun, const std::string& text,
              const std::string& loss, bool yes) {
  if (!yes) {
    return session.FailUsage(loss, "say so with `sextant " + noun + " delete " + Safe(text) + " --yes`");
  }
  if (const int code = session.Connect(); code != kExitOk) return code;
  google::protobuf::Empty nothing;
  if (const int code = session.Call(method, request, &nothing); code != kExitOk) return code;
  session.Note("deleted " + Safe(text));
  return kExitOk;
}

/// A `delete` verb: what it says of itself, and its positional argument.
struct DeleteVerb {
  const char* summary;
  const char* example;
  const char* positional;
  const char* help;
  bool in_study;  ///< takes --study as well
};
/// Adds it to `noun`. `run` gets the study ("" when none was given), the positional argument, and whether
/// --yes was said.
void AddDelete(CommandTree& tree, CLI::App* noun, const DeleteVerb& verb,
               int (*run)(Session&, const std::string& study, const std::string& text, bool yes));

}  // namespace sextant::cli
