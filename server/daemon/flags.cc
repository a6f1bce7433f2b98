// SPDX-License-Identifier: Apache-2.0
#include "server/daemon/flags.h"

#include <charconv>
#include <cstdint>

#include "server/version.h"

namespace sextant::server {
namespace {

constexpr std::int64_t kMaxDurationSeconds = std::int64_t{3660} * 86'400;

// A value of --backup-every is a duration, wherever it comes from.
std::string CheckDuration(const std::string& text) {
  return ParseDuration(text).count() > 0 ? std::string()
                                         : "'" + text + "' is not a duration such as 90s, 30m, 24h or 7d";
}

void AddServiceFlags(CLI::App& app, Flags& flags) {
  flags.server.listen = {"127.0.0.1:7433"};
  app.add_option(
         "--listen", flags.server.listen,
         "HOST:PORT (port 0: any free one), unix:PATH, or systemd: the sockets that it passes; repeatable")
      ->capture_default_str();
  app.add_option("--http", flags.http.listen,
                 "HOST:PORT for HTTP: the Connect protocol and the page (7434 is usual); none unless given");
  app.add_option("--http-allow-origin", flags.http.allowed_origins,
                 "https://SITE whose pages may call over HTTP; repeatable, none unless given");
  app.add_option("--http-port-file", flags.http_port_file,
                 "write the bound HTTP port to this file when ready");
  app.add_option("--db", flags.server.database,
                 "SQLite file, made if missing, or postgresql://USER@HOST/DATABASE; required");
  app.add_flag("--renew-checksums", flags.server.renew_checksums,
               "first give every page of the database a checksum, as new databases have, or make them again "
               "where another program has changed it; once, not for the configuration file");
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
}

void AddAccessFlags(CLI::App& app, Flags& flags) {
  app.add_option("--token-file", flags.server.token_file,
                 "bearer tokens of administrators, one a line; a change is taken up within seconds");
  app.add_option("--tls-cert", flags.server.tls_certificate, "PEM certificate chain");
  app.add_option("--tls-key", flags.server.tls_key, "PEM private key");
  app.add_option("--tls-client-ca", flags.server.tls_client_ca,
                 "PEM: ask clients for a certificate signed by this");
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
}

void AddSightFlags(CLI::App& app, Flags& flags) {
  app.add_flag("--log-requests", flags.server.log_requests, "log every call");
  app.add_option("--log-format", flags.log_format, "text, or json: one object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--audit-log", flags.server.audit_log,
                 "append who changed what, when and with which result to this file, one JSON object a line");
  app.add_option("--metrics", flags.server.metrics,
                 "HOST:PORT of plain HTTP with /metrics (Prometheus), /healthz and /readyz");
}

void AddBackupFlags(CLI::App& app, Flags& flags) {
  app.add_option("--backup-dir", flags.backup_folder, "make backups in this folder by themselves");
  app.add_option("--backup-every", flags.backup_every, "how often: 90s, 30m, 24h, 7d")
      ->check(CLI::Validator(CheckDuration, "DURATION"))
      ->capture_default_str();
  app.add_option("--backup-keep", flags.backup_keep, "the newest so many backups are kept")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
}

}  // namespace

std::chrono::seconds ParseDuration(const std::string& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number <= 0 || number > kMaxDurationSeconds) return std::chrono::seconds(0);
  const std::string unit(stop, end);
  const std::int64_t factor = unit.empty() || unit == "s" ? 1
                              : unit == "m"               ? 60
                              : unit == "h"               ? 3600
                              : unit == "d"               ? 86'400
                                                          : 0;
  if (factor == 0 || number > kMaxDurationSeconds / factor) return std::chrono::seconds(0);
  return std::chrono::seconds(number * factor);
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--config", flags.config,
                 "TOML file whose keys are these flags without the dashes; flags and environment win");
  app.add_flag("--check-config", flags.check_config,
               "say everything that is wrong with the configuration, and end: 0 nothing, 2 something");
  AddServiceFlags(app, flags);
  AddAccessFlags(app, flags);
  AddSightFlags(app, flags);
  AddBackupFlags(app, flags);
  app.set_version_flag("--version", std::string("sextantd ") + kVersion);
  app.footer(
      "Every flag can also be an environment variable: --token-file is SEXTANTD_TOKEN_FILE (several\n"
      "addresses of SEXTANTD_LISTEN by comma). A flag wins over the environment, that over the file.");
}

}  // namespace sextant::server
