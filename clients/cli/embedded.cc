// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/embedded.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "clients/cli/globals.h"
#include "server/server.h"

namespace sextant::cli {
namespace {

// What the embedded service gets to finish: a fit that runs is asked to stop, not waited for.
constexpr std::chrono::milliseconds kPatience{2000};

// Of the default database alone: a name that somebody gave may be misspelt.
void MakePrivateFolders(const std::filesystem::path& folder, std::error_code& error) {
  if (std::filesystem::is_directory(folder, error)) return;
  if (!std::filesystem::create_directories(folder, error)) return;
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
}

}  // namespace

std::string DatabaseFile(const std::string& database) {
  return server::DatabasePath(database).value_or(database);
}

EmbeddedServer::EmbeddedServer(std::unique_ptr<server::Server> server) : server_(std::move(server)) {}

EmbeddedServer::~EmbeddedServer() { server_->Shutdown(kPatience); }

absl::StatusOr<std::unique_ptr<EmbeddedServer>> EmbeddedServer::Open(const std::string& database,
                                                                     bool read_only) {
  if (database.empty()) {
    return absl::FailedPreconditionError("neither XDG_DATA_HOME nor HOME says where the database is to be");
  }
  ASSIGN_OR_RETURN(const auto path, server::DatabasePath(database));
  if (!server::DatabaseIsFile(database)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--db takes a file here, not ", path,
                     ": start `sextantd --db` with that URL, and name the service with --server"));
  }
  // Absolute, so that messages and `doctor` name a file that can be found.
  std::error_code error;
  const std::filesystem::path file = std::filesystem::absolute(path, error);
  if (!error && !read_only && database == DefaultDatabasePath())
    MakePrivateFolders(file.parent_path(), error);
  if (error) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot make the folder of ", database, ": ", error.message()));
  }
  server::ServerOptions options;
  options.database = file.string();
  options.read_only = read_only;
  options.read_only_if_needed = true;
  options.reflection = false;
  ASSIGN_OR_RETURN(auto server, server::Server::Create(options));
  return std::unique_ptr<EmbeddedServer>(new EmbeddedServer(std::move(server)));
}

absl::Status EmbeddedServer::RenewChecksums(const std::string& database) {
  server::ServerOptions options;
  ASSIGN_OR_RETURN(options.database, server::DatabasePath(database));
  options.renew_checksums = true;
  options.reflection = false;
  return server::Server::Create(options).status();
}

const std::string& EmbeddedServer::why_read_only() const { return server_->why_read_only(); }

std::shared_ptr<grpc::Channel> EmbeddedServer::channel() { return server_->InProcessChannel(); }

}  // namespace sextant::cli
