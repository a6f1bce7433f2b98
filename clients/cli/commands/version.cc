// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/stubs/common.h>
#include <grpcpp/grpcpp.h>

#include <cstdio>

#include "clients/cli/commands/command_tree.h"
#include "clients/cli/output/records.h"

namespace sextant::cli {
namespace {

int RunVersion(Session& session) {
  const std::string grpc = grpc::Version();
  const std::string protobuf = google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION);
  switch (session.globals().output) {
    case OutputFormat::kJson:
    case OutputFormat::kJsonl:
      std::printf("{\"version\":\"%s\",\"grpc\":\"%s\",\"protobuf\":\"%s\"}\n", SEXTANT_VERSION, grpc.c_str(),
                  protobuf.c_str());
      break;
    case OutputFormat::kCsv:
    case OutputFormat::kTsv: {
      const char delimiter = session.globals().output == OutputFormat::kTsv ? '\t' : ',';
      std::fputs((DelimitedLine({"version", "grpc", "protobuf"}, delimiter) +
                  DelimitedLine({SEXTANT_VERSION, grpc, protobuf}, delimiter))
                     .c_str(),
                 stdout);
      break;
    }
    default:
      std::printf("sextant %s (gRPC %s, protobuf %s)\n", SEXTANT_VERSION, grpc.c_str(), protobuf.c_str());
  }
  return FlushStdout(session);
}

}  // namespace

void AddVersion(CommandTree& tree) {
  tree.SetRun(tree.AddCommand(nullptr, "version", "print the version",
                              {"sextant version", "sextant version -o json"}),
              RunVersion);
}

}  // namespace sextant::cli
