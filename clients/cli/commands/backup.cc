// SPDX-License-Identifier: Apache-2.0
// sextant backup: the whole database as one file, while it is in use.
#include <memory>
#include <string>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/commands/output_file.h"
#include "sextant/v1/system_service.grpc.pb.h"

namespace sextant::cli {

void AddBackup(CommandTree& tree) {
  auto path = std::make_shared<std::string>();
  CLI::App* command = tree.AddCommand(
      nullptr, "backup", "copy the whole database to a new file, while it is in use",
      {"sextant backup sextant-2026-01-31.db", "sextant backup --server 127.0.0.1:7433 copy.db"});
  command->add_option("FILE", *path, "a new file; - for standard output")->required();
  tree.SetRun(command, [path](Session& session) {
    const int code = Download<v1::SystemService, v1::BackUpResponse>(session, *path, v1::BackUpRequest(),
                                                                     &v1::SystemService::Stub::BackUp);
    if (code == kExitOk) NoteWritten(session, *path);
    return code;
  });
}

}  // namespace sextant::cli
