// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/session.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/status_macros.h"
#include "clients/cli/embedded.h"
#include "clients/cli/target.h"

namespace sextant::cli {
namespace {

bool EnvironmentIs(const char* name, const char* value) {
  const char* set = std::getenv(name);
  return set != nullptr && std::strcmp(set, value) == 0;
}

// gRPC aborts on metadata with other characters.
bool IsHeaderText(const char* text) {
  for (const char* at = text; *at != '\0'; ++at) {
    if (*at < 0x21 || *at > 0x7e) return false;
  }
  return *text != '\0';
}

/// Null: none.
const char* Token() {
  const char* token = std::getenv("SEXTANT_TOKEN");
  return token != nullptr && IsHeaderText(token) ? token : nullptr;
}

bool ColorWanted(ColorMode mode, int fd) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && no_color[0] != '\0') return false;
  const char* force = std::getenv("CLICOLOR_FORCE");
  if (force != nullptr && force[0] != '\0' && std::strcmp(force, "0") != 0) return true;
  return isatty(fd) == 1 && !EnvironmentIs("CLICOLOR", "0") && !EnvironmentIs("TERM", "dumb");
}

}  // namespace

Session::Session(Globals globals)
    : globals_(std::move(globals)),
      database_(globals_.db.empty() ? DefaultDatabasePath() : globals_.db),
      color_stdout_(ColorWanted(globals_.color, STDOUT_FILENO)),
      color_stderr_(ColorWanted(globals_.color, STDERR_FILENO)),
      stderr_is_terminal_(isatty(STDERR_FILENO) == 1) {}

Session::~Session() {
  channel_.reset();
  embedded_.reset();
}

std::string Session::database() const { return DatabaseFile(database_); }

absl::Status Session::TryConnect() {
  if (channel_) return absl::OkStatus();
  if (!globals_.server.empty()) return ConnectToServer();
  ASSIGN_OR_RETURN(auto embedded, EmbeddedServer::Open(database_));
  embedded_ = std::move(embedded);
  channel_ = embedded_->channel();
  return absl::OkStatus();
}

absl::Status Session::ConnectToServer() {
  auto target = ParseTarget(globals_.server, globals_.tls);
  if (!target.ok()) return target.status();
  if (Token() != nullptr && !globals_.token_in_clear) {
    if (absl::Status may = MaySendToken(*target); !may.ok()) return may;
  }
  auto channel = OpenChannel(*target, globals_.tls);
  if (!channel.ok()) return channel.status();
  channel_ = *std::move(channel);
  return absl::OkStatus();
}

int Session::Connect() {
  const bool first = !channel_;
  const absl::Status status = TryConnect();
  if (!status.ok() && !globals_.server.empty()) {
    const bool token = absl::IsFailedPrecondition(status);
    const std::string advice =
        token ? "use https://HOST:PORT, or --token-in-clear where the network is trusted" : "";
    return absl::IsNotFound(status) ? FailLocal(Safe(std::string(status.message())))
                                    : FailUsage(Safe(std::string(status.message())), advice);
  }
  if (!status.ok()) return Fail(FromLocal(status, AdviceForOpening(status)));
  if (first && embedded_ && !embedded_->why_read_only().empty()) {
    Note("opened for reading only: " + Safe(embedded_->why_read_only()));
  }
  return kExitOk;
}

std::string Session::why_read_only() const { return embedded_ ? embedded_->why_read_only() : ""; }

grpc::Status Session::NotConnected() { return {grpc::StatusCode::FAILED_PRECONDITION, "not connected"}; }

std::map<std::string, std::string> Session::CallMetadata() const {
  const char* token = Token();
  if (token == nullptr || globals_.server.empty()) return {};
  return {{"authorization", std::string("Bearer ") + token}};
}

void Session::Prepare(grpc::ClientContext* context, double default_seconds) const {
  for (const auto& [name, value] : CallMetadata()) context->AddMetadata(name, value);
  const double seconds = globals_.timeout_s > 0 ? globals_.timeout_s : default_seconds;
  if (seconds <= 0) return;
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::milliseconds(static_cast<std::int64_t>(1000 * seconds)));
}

int Session::Fail(const Failure& failure) const {
  std::string text = color_stderr_ ? "\033[31merror:\033[0m " : "error: ";
  text += SafeLines(failure.what) + "\n";
  for (const std::string& detail : failure.details) text += "  " + SafeLines(detail) + "\n";
  if (!failure.advice.empty()) text += "hint: " + SafeLines(failure.advice) + "\n";
  std::fputs(text.c_str(), stderr);
  return failure.exit_code;
}

int Session::FailServer(const grpc::Status& status) const {
  if (Interrupted()) {
    std::fputs("interrupted\n", stderr);
    return kExitInterrupted;
  }
  return Fail(FromServer(status, globals_.server));
}

int Session::FailLocal(const std::string& what, const std::string& advice) const {
  return Fail({kExitLocal, what, {}, advice});
}

int Session::FailUsage(const std::string& what, const std::string& advice) const {
  return Fail({kExitUsage, what, {}, advice});
}

std::size_t Session::table_width() const {
  winsize size{};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

void Session::Note(const std::string& text) const {
  if (!globals_.quiet) std::fputs((SafeLines(text) + "\n").c_str(), stderr);
}

void Session::Detail(const std::string& text) const {
  if (globals_.verbose > 0) std::fputs((SafeLines(text) + "\n").c_str(), stderr);
}

}  // namespace sextant::cli
