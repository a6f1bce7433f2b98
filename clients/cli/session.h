// SPDX-License-Identifier: Apache-2.0
// One invocation: its flags, its streams, and its way to the service.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>

#include "clients/cli/exit_codes.h"
#include "clients/cli/failure.h"
#include "clients/cli/globals.h"
#include "clients/cli/interrupt.h"

namespace sextant::cli {

class EmbeddedServer;

/// The channel opens at the first call: to --server, or to the same service in this process over --db.
/// Methods return exit codes; a failure has been printed when they return one. Not thread-safe but for stderr
/// lines.
class Session {
 public:
  explicit Session(Globals globals);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Globals& globals() const { return globals_; }
  /// The database file of the embedded mode.
  std::string database() const;

  /// Opens the channel if it is not open.
  int Connect();
  /// The same without a word.
  absl::Status TryConnect();
  /// Why the database of this process was opened for reading only; empty when it was not.
  std::string why_read_only() const;
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  /// Calls a unary method with the deadline of --timeout, cancelled by Ctrl-C.
  template <class Stub, class Request, class Response>
  int Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
           const Request& request, Response* response) {
    const grpc::Status status = TryCall(method, request, response);
    return status.ok() ? kExitOk : FailServer(status);
  }
  /// The same, leaving the answer's failure to the caller.
  template <class Stub, class Request, class Response>
  grpc::Status TryCall(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                       const Request& request, Response* response) {
    if (!channel_) return NotConnected();
    Stub stub(channel_);
    grpc::ClientContext context;
    Prepare(&context, kDefaultTimeoutSeconds);
    const InterruptScope scope([&] { context.TryCancel(); });
    const std::shared_ptr<void> waiting = ShowWaiting();
    return (stub.*method)(&context, request, response);
  }

  /// Sets the deadline of --timeout, or of `default_seconds` (0: none), and the token of $SEXTANT_TOKEN.
  void Prepare(grpc::ClientContext* context, double default_seconds) const;

  /// What every call carries: the token, where a server is asked.
  std::map<std::string, std::string> CallMetadata() const;

  /// Prints a failure and returns its exit code.
  int Fail(const Failure& failure) const;
  int FailServer(const grpc::Status& status) const;
  int FailLocal(const std::string& what, const std::string& advice = {}) const;
  int FailUsage(const std::string& what, const std::string& advice = {}) const;

  /// Lines on stderr: notes unless --quiet, details with -v.
  void Note(const std::string& text) const;
  void Detail(const std::string& text) const;

  bool color_stdout() const { return color_stdout_; }
  /// Columns that a table may take; 0, no limit, where stdout is no terminal.
  std::size_t table_width() const;
  bool progress_wanted() const { return stderr_is_terminal_ && !globals_.quiet; }

  static constexpr double kDefaultTimeoutSeconds = 60;

 private:
  static grpc::Status NotConnected();
  /// A line that says that something goes on, where somebody sees it; gone with what is returned.
  std::shared_ptr<void> ShowWaiting() const;
  absl::Status ConnectToServer();

  Globals globals_;
  std::string database_;
  bool color_stdout_ = false, color_stderr_ = false, stderr_is_terminal_ = false;
  std::unique_ptr<EmbeddedServer> embedded_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace sextant::cli
