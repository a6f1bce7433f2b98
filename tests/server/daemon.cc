// SPDX-License-Identifier: Apache-2.0
#include "tests/server/daemon.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/test_paths.h"

extern char** environ;

namespace sextant::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPoll{5}, kStartPatience{60'000};

pid_t Spawn(const std::vector<std::string>& arguments, const std::string& errors_to) {
  const std::string binary = std::string(SEXTANT_BIN_DIR) + "/sextantd";
  std::vector<char*> argv = {const_cast<char*>(binary.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, errors_to.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  pid_t pid = -1;
  if (posix_spawn(&pid, binary.c_str(), &actions, nullptr, argv.data(), environ) != 0) pid = -1;
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

int CodeOf(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

}  // namespace

Daemon::Daemon(const std::string& folder, const std::string& database,
               const std::vector<std::string>& flags) {
  const std::string port_file = folder + "/port";
  std::remove(port_file.c_str());
  std::vector<std::string> arguments = {"--listen",    "127.0.0.1:0", "--db",      database,
                                        "--port-file", port_file,     "--threads", "2"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  pid_ = Spawn(arguments, folder + "/stderr");
  const auto deadline = steady_clock::now() + kStartPatience;
  while (pid_ > 0 && port_ == 0 && steady_clock::now() < deadline) {
    std::ifstream(port_file) >> port_;
    int status = 0;
    if (port_ == 0 && waitpid(pid_, &status, WNOHANG) == pid_) pid_ = -1;
    std::this_thread::sleep_for(kPoll);
  }
}

Daemon::~Daemon() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::shared_ptr<grpc::Channel> Daemon::Channel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Channels to one address share a connection unless told otherwise; a test's daemons come and go.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port_), grpc::InsecureChannelCredentials(),
                                   arguments);
}

void Daemon::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

int Daemon::Wait(milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  while (pid_ > 0 && steady_clock::now() < deadline) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return CodeOf(status);
    }
    std::this_thread::sleep_for(kPoll);
  }
  return -1000;
}

Ended RunDaemon(const std::string& folder, const std::vector<std::string>& arguments) {
  const std::string errors_to = folder + "/run-stderr";
  std::remove(errors_to.c_str());
  Ended ended;
  const pid_t pid = Spawn(arguments, errors_to);
  int status = 0;
  if (pid <= 0 || waitpid(pid, &status, 0) != pid) {
    ended.code = -1000;
    return ended;
  }
  ended.code = CodeOf(status);
  std::ostringstream text;
  text << std::ifstream(errors_to).rdbuf();
  ended.errors = text.str();
  return ended;
}

}  // namespace sextant::server
