// SPDX-License-Identifier: Apache-2.0
// The service: everything behind sextantd, and what the command line embeds.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "server/observe/monitor_sources.h"
#include "server/options.h"
#include "storage/store.h"

namespace sextant::server {

/// Runs from Create to Shutdown (or the destructor, which shuts down without patience). The services behind a
/// port and behind InProcessChannel are the same. Methods are thread-safe except Shutdown, which is called
/// once.
class Server {
 public:
  /// Opens the database, loads laws and fits, and starts to serve. Errors: INVALID_ARGUMENT (an option),
  /// FAILED_PRECONDITION (the database is in use, or newer than this program), NOT_FOUND (a file),
  /// UNAVAILABLE (an address cannot be bound; the message says which).
  static absl::StatusOr<std::unique_ptr<Server>> Create(const ServerOptions& options);

  /// The same over a store that is open already; `options.database` is a name to show. `why_read_only` is not
  /// empty when the store refuses writes.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const ServerOptions& options,
                                                        std::shared_ptr<storage::Store> store,
                                                        const std::string& why_read_only = "");
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The bound addresses, in the order of options.listen, with real ports.
  const std::vector<std::string>& addresses() const;
  /// The port of the first HOST:PORT address; 0 without one.
  int port() const;

  /// Why the database was opened for reading only; empty when it was not.
  const std::string& why_read_only() const;

  /// A channel to the services in this process, without a socket. Messages, limits and errors are as over the
  /// wire.
  std::shared_ptr<grpc::Channel> InProcessChannel();

  /// What monitoring asks, while this lives.
  MonitorSources Monitoring();

  /// Reads the token file and the tokens of the database again; with an error the tokens stay as they were.
  /// Opens the audit log again. Tokens and certificates that change are taken up within seconds without it.
  absl::Status Reload();

  /// Copies the database, as of now, to a new file.
  absl::Status BackUp(const std::string& path);

  /// True if a call of the server to itself is answered, by whatever, within `patience`.
  bool AnswersItself(std::chrono::milliseconds patience);

  /// Health says NOT_SERVING, running fits are asked to stop, calls may end until `patience` is over and are
  /// cancelled then; what was queued for the database is committed, the write-ahead log folded in.
  void Shutdown(std::chrono::milliseconds patience);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sextant::server
