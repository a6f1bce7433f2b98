// SPDX-License-Identifier: Apache-2.0
#include "server/options.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>

#include <charconv>
#include <utility>

#include "base/status_macros.h"
#include "storage/open_store.h"

namespace sextant::server {
namespace {

constexpr int kMaxThreads = 1024;

bool HasPort(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  int port = -1;
  const char* end = address.data() + address.size();
  const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
  return error == std::errc() && stop == end && port >= 0 && port <= 65535;
}

}  // namespace

bool IsLocalAddress(const std::string& address) {
  if (address.rfind("unix:", 0) == 0) return true;
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host == "localhost" || host == "::1") return true;
  in_addr parsed{};
  return inet_pton(AF_INET, host.c_str(), &parsed) == 1 && (ntohl(parsed.s_addr) >> 24) == 127;
}

absl::StatusOr<std::string> DatabasePath(const std::string& database) {
  ASSIGN_OR_RETURN(auto url, storage::ParseStoreUrl(database));
  return std::move(url.name.shown);
}

bool DatabaseIsFile(const std::string& database) {
  const auto url = storage::ParseStoreUrl(database);
  return url.ok() && url->name.is_file;
}

std::vector<std::string> OptionProblems(const ServerOptions& options) {
  std::vector<std::string> problems;
  if (options.database.empty()) {
    problems.emplace_back("no database: give a file with --db");
  } else if (auto path = DatabasePath(options.database); !path.ok()) {
    problems.push_back(absl::StrCat("--db: ", std::string(path.status().message())));
  }
  if (options.threads < 0 || options.threads > kMaxThreads) {
    problems.push_back(absl::StrCat("--threads ", options.threads, ": use 0 to ", kMaxThreads));
  }
  if (options.stream_idle_seconds < 1) problems.emplace_back("--stream-idle-seconds: use 1 or more");
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    problems.emplace_back("--tls-cert and --tls-key go together");
  }
  if (!options.tls_client_ca.empty() && options.tls_certificate.empty()) {
    problems.emplace_back("--tls-client-ca needs --tls-cert and --tls-key");
  }
  for (const std::string& address : options.listen) {
    if (address == kSystemdSockets) continue;
    const bool is_unix = address.rfind("unix:", 0) == 0;
    if (is_unix ? address.size() <= 5 : !HasPort(address)) {
      problems.push_back(absl::StrCat("--listen ", address, ": use HOST:PORT, unix:PATH or systemd"));
    } else if (options.tls_certificate.empty() && !options.insecure_non_loopback &&
               !IsLocalAddress(address)) {
      problems.push_back(absl::StrCat(
          "--listen ", address,
          " can be reached from other machines and the connection would not be "
          "encrypted: give --tls-cert and --tls-key, or accept it with --insecure-non-loopback"));
    }
  }
  if (!options.metrics.empty() && !HasPort(options.metrics)) {
    problems.push_back(absl::StrCat("--metrics ", options.metrics, ": use HOST:PORT"));
  } else if (!options.metrics.empty() && !options.insecure_non_loopback && !IsLocalAddress(options.metrics)) {
    problems.push_back(absl::StrCat(
        "--metrics ", options.metrics,
        " can be reached from other machines, in the clear: accept it with --insecure-non-loopback"));
  }
  return problems;
}

absl::Status ValidateOptions(const ServerOptions& options) {
  const std::vector<std::string> problems = OptionProblems(options);
  return problems.empty() ? absl::OkStatus() : absl::InvalidArgumentError(problems.front());
}

}  // namespace sextant::server
