// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/target.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <sstream>

#include "server/options.h"

namespace sextant::cli {
namespace {

constexpr char kDefaultPort[] = ":7433";
constexpr char kUnix[] = "unix:";

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file.good()) return absl::NotFoundError(absl::StrCat(path, " cannot be read"));
  std::string text = content.str();
  if (!absl::StrContains(text, "-----BEGIN "))
    return absl::InvalidArgumentError(absl::StrCat(path, " is no PEM file"));
  return text;
}

// "host", "[::1]": nothing after the host.
bool LacksPort(const std::string& address) {
  const std::size_t bracket = address.rfind(']');
  return address.find(':', bracket == std::string::npos ? 0 : bracket) == std::string::npos;
}

}  // namespace

absl::StatusOr<Target> ParseTarget(const std::string& server, const TlsFiles& files) {
  Target target;
  const bool has_files = !files.ca.empty() || !files.certificate.empty() || !files.key.empty();
  if (files.certificate.empty() != files.key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key go together");
  }
  target.address = server;
  target.encrypted = has_files;
  if (const std::size_t scheme_end = server.find("://"); scheme_end != std::string::npos) {
    const std::string scheme = server.substr(0, scheme_end);
    const bool encrypted = scheme == "https" || scheme == "grpcs";
    if (!encrypted && scheme != "http" && scheme != "grpc") {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", server, "' begins with no scheme of a server: https://, grpcs://, http:// or grpc://"));
    }
    if (!encrypted && has_files) {
      return absl::InvalidArgumentError(absl::StrCat("'", server,
                                                     "' is without TLS, and --tls-… files are for TLS: use "
                                                     "https://"));
    }
    target.encrypted = encrypted;
    target.address = server.substr(scheme_end + 3);
    if (absl::EndsWith(target.address, "/")) target.address.pop_back();
    if (target.address.empty() || absl::StrContains(target.address, "/")) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", server, "' is not of the form ", scheme, "://HOST:PORT"));
    }
    if (LacksPort(target.address)) target.address += kDefaultPort;
  }
  if (absl::StartsWith(target.address, kUnix)) target.encrypted = false;
  target.is_local = server::IsLocalAddress(target.address);
  return target;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const Target& target, const TlsFiles& files) {
  grpc::ChannelArguments arguments;
  if (target.is_local) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!target.encrypted)
    return grpc::CreateCustomChannel(target.address, grpc::InsecureChannelCredentials(), arguments);
  grpc::SslCredentialsOptions tls;
  for (const auto& [path, pem] : {std::pair(&files.ca, &tls.pem_root_certs),
                                  {&files.key, &tls.pem_private_key},
                                  {&files.certificate, &tls.pem_cert_chain}}) {
    auto read = ReadPem(*path);
    if (!read.ok()) return read.status();
    *pem = *std::move(read);
  }
  return grpc::CreateCustomChannel(target.address, grpc::SslCredentials(tls), arguments);
}

absl::Status MaySendToken(const Target& target) {
  if (target.encrypted || target.is_local) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("SEXTANT_TOKEN would go to ", target.address,
                                                    " in clear, for everybody on the way to read"));
}

}  // namespace sextant::cli
