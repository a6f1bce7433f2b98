// SPDX-License-Identifier: Apache-2.0
// What a server is told at start.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

namespace sextant::server {

struct ServerOptions {
  /// HOST:PORT (port 0: any free one), unix:PATH or "systemd" (sockets that systemd passes). Empty: no port;
  /// only InProcessChannel reaches the server.
  std::vector<std::string> listen;
  std::string database;  ///< the store's URL or the path of its file (storage/open_store.h); made if missing
  /// Read it where it may not be written (permissions, a read-only or full disk) instead of refusing to
  /// start.
  bool read_only_if_needed = false;
  /// First gives the pages of the database checksums, or makes them again (storage/open_store.h).
  bool renew_checksums = false;
  /// Read it only, taking no lock: another process may have it open, and write.
  bool read_only = false;
  bool full_fsync = true;  ///< survive loss of power, not only of the process
  std::string
      laws_folder;  ///< *.toml; empty: $SEXTANT_LAWS, and without it the catalogue that was compiled in
  int threads = 0;  ///< of the solvers; 0: one a core
  bool reflection = true;
  bool log_requests = false;
  std::string token_file;                ///< bearer tokens, one a line; empty: no token is asked for
  std::string tls_certificate, tls_key;  ///< PEM files; both or neither
  std::string tls_client_ca;             ///< PEM file; clients must show a certificate that it signed
  int stream_idle_seconds = 120;         ///< a stream on which nothing happens for so long is ended
  int fit_memory_mb = 256;               ///< what the fits that are served may hold; more are refused
  int disk_reserve_mb = -1;              ///< what copies and imports leave free of the disk; -1: limits.h
  bool insecure_non_loopback = false;    ///< allow plaintext on addresses that others can reach
  std::string audit_log;                 ///< file of changes, one JSON object a line; empty: none
  std::string metrics;                   ///< HOST:PORT of plain HTTP for monitoring; empty: none
};

/// Where a database is, for people: for `sqlite:PATH`, and for a path, the path; else a URL without its
/// password. INVALID_ARGUMENT for an engine that there is not.
absl::StatusOr<std::string> DatabasePath(const std::string& database);
/// Whether that is a path of this machine.
bool DatabaseIsFile(const std::string& database);

/// Each option that is wrong, and what to do.
std::vector<std::string> OptionProblems(const ServerOptions& options);
/// INVALID_ARGUMENT with the first of them.
absl::Status ValidateOptions(const ServerOptions& options);

/// What --listen calls the sockets that systemd passes.
inline constexpr char kSystemdSockets[] = "systemd";

/// True for 127.0.0.0/8, ::1, localhost and unix sockets.
bool IsLocalAddress(const std::string& address);

}  // namespace sextant::server
