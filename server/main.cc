// SPDX-License-Identifier: Apache-2.0
// sextantd: flags, start, wait for a signal, ordered stop.
#include <absl/strings/str_cat.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/whole_file.h"
#include "server/daemon/backups.h"
#include "server/daemon/config_file.h"
#include "server/daemon/flags.h"
#include "server/daemon/man_page.h"
#include "server/daemon/migrate.h"
#include "server/daemon/notify.h"
#include "server/guard/resources.h"
#include "server/http/http_server.h"
#include "server/log.h"
#include "server/options.h"
#include "server/server.h"
#include "server/version.h"

namespace {

using sextant::server::ConfigProblem;
using sextant::server::Flags;
using sextant::server::Log;

// A server that does not answer itself within this is stuck, whatever its load.
constexpr std::chrono::milliseconds kSelfCallPatience{5000};

std::string Join(const std::vector<std::string>& parts) {
  std::string joined;
  for (const std::string& part : parts) joined += (joined.empty() ? "" : ", ") + part;
  return joined;
}

// Ends the process when an ordered stop takes longer than it was given. Nothing acknowledged is lost by that:
// it is in the write-ahead log.
class Watchdog {
 public:
  explicit Watchdog(std::chrono::milliseconds limit)
      : thread_([this, limit] {
          std::unique_lock lock(mutex_);
          if (done_.wait_for(lock, limit, [this] { return stopped_; })) return;
          std::fputs("sextantd: the stop took too long; leaving now\n", stderr);
          std::_Exit(1);
        }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    done_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool stopped_ = false;
  std::thread thread_;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "sextantd: %s\n", std::string(status.message()).c_str());
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}

void Reload(sextant::server::Server& server) {
  const absl::Status status = server.Reload();
  if (status.ok()) {
    Log().info("SIGHUP: the token file was read again");
  } else {
    Log().error("SIGHUP: the tokens stay as they were: {}", std::string(status.message()));
  }
}

// One line a problem, as compilers write them.
void Print(const std::vector<ConfigProblem>& problems, const std::string& file) {
  for (const ConfigProblem& problem : problems) {
    if (file.empty()) {
      std::fprintf(stderr, "sextantd: %s\n", problem.text.c_str());
    } else if (problem.line == 0) {
      std::fprintf(stderr, "%s: %s\n", file.c_str(), problem.text.c_str());
    } else {
      std::fprintf(stderr, "%s:%d: %s\n", file.c_str(), problem.line, problem.text.c_str());
    }
  }
}

// The flags are parsed; what they leave open comes from the environment, then from the file. Returns the exit
// code, or -1 to go on.
int Configure(CLI::App& app, Flags& flags) {
  std::vector<ConfigProblem> from_environment = sextant::server::ApplyEnvironment(app);
  if (flags.config.empty()) {
    if (const char* file = std::getenv("SEXTANTD_CONFIG"); file != nullptr) flags.config = file;
  }
  std::map<std::string, int> lines;
  std::vector<ConfigProblem> from_file;
  if (!flags.config.empty()) from_file = sextant::server::ApplyConfigFile(app, flags.config, &lines);
  std::vector<ConfigProblem> others;
  if (flags.check_config) {
    // What the file says must be right by itself, also where a flag or a variable stands above it.
    if (!flags.config.empty()) {
      CLI::App alone;
      Flags ignored;
      sextant::server::AddFlags(alone, ignored);
      from_file = sextant::server::ApplyConfigFile(alone, flags.config);
    }
    others = sextant::server::CheckFlags(flags, lines);
  }
  Print(from_environment, "");
  Print(from_file, flags.config);
  Print(others, flags.config);
  const std::size_t wrong = from_environment.size() + from_file.size() + others.size();
  if (wrong > 0) {
    std::fprintf(stderr, "sextantd: %zu problem%s\n", wrong, wrong == 1 ? "" : "s");
    return 2;
  }
  if (!flags.check_config) return -1;
  std::printf("%s: nothing is wrong\n", flags.config.empty() ? "sextantd" : flags.config.c_str());
  return 0;
}

void WarnOfRoot() {
  if (geteuid() == 0) {
    Log().warn("sextantd runs as root, and needs none of what root may: give it a user of its own");
  }
}

int Serve(Flags& flags, const sigset_t& signals) {
  using std::chrono::milliseconds;
  flags.server.full_fsync = flags.fsync == "full";
  Log().set_level(spdlog::level::info);
  if (flags.log_format == "json") sextant::server::LogAsJson();
  WarnOfRoot();
  if (!flags.backup_folder.empty() && !sextant::server::DatabaseIsFile(flags.server.database)) {
    return Fail(absl::InvalidArgumentError(
        "--backup-dir copies database files: back up a PostgreSQL database with its own tools"));
  }
  sextant::server::Connections::OfProcess().SetLimits(sextant::server::ConnectionLimits(
      sextant::server::RaiseDescriptorLimit(), flags.max_connections, flags.max_connections_per_peer));
  const sextant::server::MemoryReturn memory_return;
  auto server = sextant::server::Server::Create(flags.server);
  if (!server.ok()) return Fail(server.status());
  std::unique_ptr<sextant::server::http::HttpServer> http, monitor;
  if (!flags.server.metrics.empty()) {
    auto started = sextant::server::http::HttpServer::StartMonitor(
        flags.server.metrics, flags.server.insecure_non_loopback, (*server)->Monitoring());
    if (!started.ok()) return Fail(started.status());
    monitor = *std::move(started);
    Log().info("metrics on http://{}/metrics", Join(monitor->addresses()));
  }
  if (!flags.http.listen.empty()) {
    flags.http.insecure_non_loopback = flags.server.insecure_non_loopback;
    flags.http.tls = {flags.server.tls_certificate, flags.server.tls_key, flags.server.tls_client_ca};
    flags.http.monitoring = (*server)->Monitoring();
    auto started = sextant::server::http::HttpServer::Start(flags.http, (*server)->InProcessChannel());
    if (!started.ok()) return Fail(started.status());
    http = *std::move(started);
    if (!flags.http_port_file.empty()) {
      const absl::Status written =
          sextant::ReplaceFile(flags.http_port_file, absl::StrCat(http->port(), "\n"));
      if (!written.ok()) return Fail(written);
    }
  }
  if (!flags.port_file.empty()) {
    // Whole or not there: whoever waits for the file never reads half a number.
    const absl::Status written = sextant::ReplaceFile(flags.port_file, absl::StrCat((*server)->port(), "\n"));
    if (!written.ok()) return Fail(written);
  }
  const std::string by_http = http == nullptr ? "" : ", HTTP on " + Join(http->addresses());
  std::printf("sextantd %s listening on %s%s, database %s\n", sextant::server::kVersion,
              Join((*server)->addresses()).c_str(), by_http.c_str(),
              sextant::server::DatabasePath(flags.server.database).value_or("").c_str());
  std::fflush(stdout);

  std::unique_ptr<sextant::server::BackupSchedule> backups;
  if (!flags.backup_folder.empty()) {
    backups = std::make_unique<sextant::server::BackupSchedule>(
        flags.backup_folder, sextant::server::ParseDuration(flags.backup_every), flags.backup_keep,
        [&server](const std::string& path) { return (*server)->BackUp(path); });
  }
  sextant::server::NotifyManager(absl::StrCat("READY=1\nSTATUS=listening on ", Join((*server)->addresses())));
  auto watchdog = std::make_unique<sextant::server::ManagerWatchdog>(
      sextant::server::WatchdogInterval(), [&server] { return (*server)->AnswersItself(kSelfCallPatience); });

  int signal = 0;
  while (sigwait(&signals, &signal) != 0 || signal == SIGHUP) {
    if (signal == SIGHUP) Reload(**server);
  }
  const milliseconds patience(static_cast<std::int64_t>(flags.shutdown_seconds * 1000));
  Log().info("{}: stopping", signal == SIGTERM ? "SIGTERM" : "SIGINT");
  sextant::server::NotifyManager("STOPPING=1");
  const Watchdog leave(patience + milliseconds(5000));
  watchdog.reset();
  backups.reset();
  if (http != nullptr) http->Stop(patience);
  http.reset();
  (*server)->Shutdown(patience);
  monitor.reset();  // it tells of the stop until here
  server->reset();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Blocked before any thread exists, so that every thread inherits the mask and sigwait gets the signal.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  // A file that may not grow (ulimit -f) is an error of the write, as a full disk is, not the server's end.
  ::signal(SIGXFSZ, SIG_IGN);

  if (argc > 1 && std::string_view(argv[1]) == "migrate")
    return sextant::server::RunMigrate(argc - 1, argv + 1);

  CLI::App app("Serves scaling-law fits and hyperparameter predictions over gRPC.", "sextantd");
  Flags flags;
  std::string man_page_date;
  sextant::server::AddFlags(app, flags);
  app.add_option("--man-page", man_page_date, "print the man page, as of a date YYYY-MM-DD")->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!man_page_date.empty()) {
    CLI::App migrate("Copies a whole database into another, between engines too, and compares the two.");
    sextant::server::MigrateFlags ignored;
    sextant::server::AddMigrateFlags(migrate, ignored);
    const std::string page = sextant::server::ManPage(
        "sextantd", 8, man_page_date, sextant::server::kVersion,
        {{&app,
          "sextantd",
          {"sextantd --listen 127.0.0.1:7433 --db /var/lib/sextant/sextant.db",
           "sextantd --config /etc/sextant/sextantd.toml --check-config"}},
         {&migrate, "sextantd migrate", {"sextantd migrate sextant.db postgresql://sextant@db/sextant"}}},
        {"sextant(1)"});
    std::fputs(page.c_str(), stdout);
    return 0;
  }
  const int configured = Configure(app, flags);
  return configured >= 0 ? configured : Serve(flags, signals);
}
