#include "server/credentials.h"

#include <absl/strings/str_cat.h>

#include <fstream>
#include <sstream>

#include "base/status_macros.h"

namespace sextant::server {
namespace {

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file.good()) return absl::NotFoundError(absl::StrCat(path, " cannot be read"));
  std::string text = content.str();
  if (text.find("-----BEGIN ") == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no PEM file"));
  }
  return text;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(const ServerOptions& options) {
  if (options.tls_certificate.empty()) return grpc::InsecureServerCredentials();
  ASSIGN_OR_RETURN(auto certificate, ReadPem(options.tls_certificate));
  ASSIGN_OR_RETURN(auto key, ReadPem(options.tls_key));
  grpc::SslServerCredentialsOptions tls(options.tls_client_ca.empty()
                                            ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_key_cert_pairs.push_back({key, certificate});
  if (!options.tls_client_ca.empty()) {
    ASSIGN_OR_RETURN(auto authority, ReadPem(options.tls_client_ca));
    tls.pem_root_certs = authority;
  }
  return grpc::SslServerCredentials(tls);
}

}  // namespace sextant::server
