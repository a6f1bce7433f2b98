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
#include <mutex>
#include <string>
#include <thread>

#include "base/whole_file.h"
#include "server/guard/resources.h"
#include "server/log.h"
#include "server/options.h"
#include "server/server.h"
#include "server/version.h"

namespace {

struct Flags {
  sextant::server::ServerOptions server;
  std::string fsync = "full";
  std::string port_file;
  double shutdown_seconds = 10;
  int max_connections = 0, max_connections_per_peer = 0;
};

void AddFlags(CLI::App& app, Flags& flags) {
  flags.server.listen = {"127.0.0.1:7433"};
  app.add_option("--listen", flags.server.listen, "HOST:PORT (port 0: any free one) or unix:PATH; repeatable")
      ->capture_default_str();
  app.add_option("--db", flags.server.database, "SQLite file; made if missing")->required();
  app.add_option("--threads", flags.server.threads, "threads of the solvers; 0: one a core")
      ->capture_default_str();
  app.add_option("--laws", flags.server.laws_folder,
                 "folder of laws to use instead of the catalogue that is built in; default: $SEXTANT_LAWS");
  app.add_option("--fsync", flags.fsync, "full: survive loss of power; normal: survive loss of the process")
      ->check(CLI::IsMember({"full", "normal"}))
      ->capture_default_str();
  app.add_option("--shutdown-seconds", flags.shutdown_seconds, "how long calls may still run after SIGTERM")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--port-file", flags.port_file, "write the bound port to this file when ready");
  app.add_flag("!--no-reflection", flags.server.reflection, "do not describe the services to clients");
  app.add_flag("--log-requests", flags.server.log_requests, "log every call");
  app.add_option("--token-file", flags.server.token_file,
                 "ask callers for one of these bearer tokens, one a line");
  app.add_option("--tls-cert", flags.server.tls_certificate, "PEM certificate chain");
  app.add_option("--tls-key", flags.server.tls_key, "PEM private key");
  app.add_option("--tls-client-ca", flags.server.tls_client_ca,
                 "PEM: ask clients for a certificate signed by this");
  app.add_option("--stream-idle-seconds", flags.server.stream_idle_seconds,
                 "end an upload, import, export or backup on which nothing happens for so long")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  app.add_option("--max-connections", flags.max_connections,
                 "open at a time; 0: 2048, and never more than half of the descriptors (ulimit -n)")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--max-connections-per-peer", flags.max_connections_per_peer,
                 "of one address, or one user of a unix socket; 0: a quarter of --max-connections")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option(
         "--fit-memory-mb", flags.server.fit_memory_mb,
         "what the fits that are served may hold in memory, most of it bootstrap replicates; more are "
         "refused")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option(
         "--disk-reserve-mb", flags.server.disk_reserve_mb,
         "what backups, exports and imports leave free of the disk for uploads; -1: 256, or a tenth of "
         "a small disk")
      ->check(CLI::Range(-1, 1'000'000'000))
      ->capture_default_str();
  app.add_flag("--insecure-non-loopback", flags.server.insecure_non_loopback,
               "serve unencrypted on addresses that other machines reach");
  app.set_version_flag("--version", std::string("sextantd ") + sextant::server::kVersion);
}

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
    sextant::server::Log().info("SIGHUP: the token file was read again");
  } else {
    sextant::server::Log().error("SIGHUP: the tokens stay as they were: {}", std::string(status.message()));
  }
}

int Serve(Flags& flags, const sigset_t& signals) {
  using std::chrono::milliseconds;
  flags.server.full_fsync = flags.fsync == "full";
  sextant::server::Log().set_level(spdlog::level::info);
  sextant::server::Connections::OfProcess().SetLimits(sextant::server::ConnectionLimits(
      sextant::server::RaiseDescriptorLimit(), flags.max_connections, flags.max_connections_per_peer));
  const sextant::server::MemoryReturn memory_return;
  auto server = sextant::server::Server::Create(flags.server);
  if (!server.ok()) return Fail(server.status());
  if (!flags.port_file.empty()) {
    // Whole or not there: whoever waits for the file never reads half a number.
    const absl::Status written = sextant::ReplaceFile(flags.port_file, absl::StrCat((*server)->port(), "\n"));
    if (!written.ok()) return Fail(written);
  }
  std::printf("sextantd %s listening on %s, database %s\n", sextant::server::kVersion,
              Join((*server)->addresses()).c_str(), flags.server.database.c_str());
  std::fflush(stdout);

  int signal = 0;
  while (sigwait(&signals, &signal) != 0 || signal == SIGHUP) {
    if (signal == SIGHUP) Reload(**server);
  }
  const milliseconds patience(static_cast<std::int64_t>(flags.shutdown_seconds * 1000));
  sextant::server::Log().info("{}: stopping", signal == SIGTERM ? "SIGTERM" : "SIGINT");
  const Watchdog watchdog(patience + milliseconds(5000));
  (*server)->Shutdown(patience);
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

  CLI::App app("Serves scaling-law fits and hyperparameter predictions over gRPC.", "sextantd");
  Flags flags;
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return Serve(flags, signals);
}
