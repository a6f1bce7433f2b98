// SPDX-License-Identifier: Apache-2.0
// The service in this process, over a database file.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace sextant::server {
class Server;
}

namespace sextant::cli {

/// The file of a database that is given as `sqlite:PATH` or as a path. Text that names no database stays as
/// it is: Open says what is wrong with it.
std::string DatabaseFile(const std::string& database);

/// Holds the database open, as sextantd does: one process at a time. Closing it ends running fits.
class EmbeddedServer {
 public:
  /// `database` is a URL or a path. Creates the file and its folder if they are not there; a file that may
  /// not be written is opened for reading. The status says what to do about it.
  /// With `read_only` it makes nothing, and opens a file that another process has open too.
  static absl::StatusOr<std::unique_ptr<EmbeddedServer>> Open(const std::string& database,
                                                              bool read_only = false);
  ~EmbeddedServer();
  EmbeddedServer(const EmbeddedServer&) = delete;
  EmbeddedServer& operator=(const EmbeddedServer&) = delete;

  std::shared_ptr<grpc::Channel> channel();
  /// Why it was opened for reading only; empty when it was not.
  const std::string& why_read_only() const;

 private:
  explicit EmbeddedServer(std::unique_ptr<server::Server> server);
  std::unique_ptr<server::Server> server_;
};

}  // namespace sextant::cli
