// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/postgres/cluster.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace sextant::storage {
namespace {

// The newest that is installed. Debian keeps the server's programs out of PATH.
std::string FindBinaries() {
  std::string found;
  std::error_code none;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    const auto folder = version.path() / "bin";
    if (std::filesystem::exists(folder / "initdb") && folder.string() > found) found = folder.string();
  }
  return found;
}

// In a child: somebody whom PostgreSQL, which refuses root, runs for; and the end of the parent is its end.
void BecomeUnprivileged() {
  if (geteuid() == 0) {
    const passwd* user = getpwnam("postgres");
    if (user == nullptr) user = getpwnam("nobody");
    if (user == nullptr || initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
        setuid(user->pw_uid) != 0) {
      _exit(126);
    }
  }
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
}

pid_t Launch(const std::vector<std::string>& words, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  BecomeUnprivileged();
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0 || dup2(file, 1) < 0 || dup2(file, 2) < 0) _exit(126);
  if (chdir("/") != 0) _exit(126);
  execv(arguments[0], arguments.data());
  _exit(127);
}

std::string Contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void GiveAway(const std::string& path) {
  if (geteuid() != 0) return;
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) user = getpwnam("nobody");
  if (user == nullptr || chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error("cannot give a folder to an unprivileged user");
  }
}

}  // namespace

PostgresCluster* PostgresCluster::Shared() {
  static const std::unique_ptr<PostgresCluster> shared = Make(/*durable=*/false);
  return shared.get();
}

std::unique_ptr<PostgresCluster> PostgresCluster::Make(bool durable) {
  std::string binaries = FindBinaries();
  if (binaries.empty()) return nullptr;
  return std::unique_ptr<PostgresCluster>(new PostgresCluster(std::move(binaries), durable));
}

PostgresCluster::PostgresCluster(std::string binaries, bool durable)
    : binaries_(std::move(binaries)), durable_(durable) {
  const std::string home = std::filesystem::path(folder_.File("data")).parent_path().string();
  GiveAway(home);
  int status = 0;
  const pid_t child = Launch({binaries_ + "/initdb", "-D", folder_.File("data"), "-U", "sextant", "-A",
                              "trust", "-N", "--locale=C.UTF-8", "-E", "UTF8"},
                             folder_.File("log"));
  if (waitpid(child, &status, 0) != child || status != 0) {
    throw std::runtime_error("initdb failed: " + Contents(folder_.File("log")));
  }
  Start();
}

void PostgresCluster::Start() {
  const std::string home = std::filesystem::path(folder_.File("data")).parent_path().string();
  std::vector<std::string> words = {binaries_ + "/postgres", "-D", folder_.File("data"), "-k", home};
  std::vector<std::string> settings = {"listen_addresses="};
  if (!durable_) {
    settings.insert(settings.end(), {"fsync=off", "synchronous_commit=off", "full_page_writes=off",
                                     "max_connections=60", "shared_buffers=64MB", "autovacuum=off"});
  }
  for (const std::string& setting : settings) words.insert(words.end(), {"-c", setting});
  server_ = Launch(words, folder_.File("log"));
  AwaitStart();
}

void PostgresCluster::AwaitStart() {
  for (int i = 0; i < 1500; ++i) {
    PGconn* const connection = PQconnectdb(Url("public").c_str());
    const bool up = PQstatus(connection) == CONNECTION_OK;
    PQfinish(connection);
    if (up) return;
    int status = 0;
    if (waitpid(server_, &status, WNOHANG) == server_) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error("PostgreSQL did not start: " + Contents(folder_.File("log")));
}

PostgresCluster::~PostgresCluster() {
  kill(server_, SIGQUIT);
  int status = 0;
  waitpid(server_, &status, 0);
}

void PostgresCluster::Crash() {
  kill(server_, SIGQUIT);  // what `pg_ctl stop -m immediate` sends
  int status = 0;
  waitpid(server_, &status, 0);
  Start();
}

std::string PostgresCluster::Url(const std::string& schema) const {
  std::string host;
  for (const char c : std::filesystem::path(folder_.File("data")).parent_path().string()) {
    host += c == '/' ? "%2F" : std::string(1, c);
  }
  return "postgresql://sextant@" + host + "/postgres?options=-csearch_path%3D" + schema;
}

std::string PostgresCluster::NewUrl() {
  const std::string schema = "s" + std::to_string(++schemas_);
  Ask("CREATE SCHEMA " + schema);
  return Url(schema);
}

std::string PostgresCluster::Ask(const std::string& sql) {
  PGconn* const connection = PQconnectdb(Url("public").c_str());
  PGresult* const result = PQexec(connection, sql.c_str());
  std::string value;
  if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0) value = PQgetvalue(result, 0, 0);
  const std::string error = PQerrorMessage(connection);
  PQclear(result);
  PQfinish(connection);
  if (!error.empty()) throw std::runtime_error(error);
  return value;
}

}  // namespace sextant::storage
