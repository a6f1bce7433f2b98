// SPDX-License-Identifier: Apache-2.0
#include "server/credentials.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "base/status_macros.h"

namespace sextant::server {
namespace {

// Certificates that are renewed are taken up by themselves.
constexpr unsigned kSecondsBetweenLooks = 10;

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

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio Reader(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

std::string DateOf(const ASN1_TIME* time) {
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  ASN1_TIME_print(out.get(), time);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// What gRPC would not say: that the two belong together, and that clients will take the certificate today.
absl::Status CheckPair(const ServerOptions& options, const std::string& certificate_pem,
                       const std::string& key_pem) {
  ERR_clear_error();
  const Certificate certificate(PEM_read_bio_X509(Reader(certificate_pem).get(), nullptr, nullptr, nullptr),
                                X509_free);
  if (!certificate)
    return absl::InvalidArgumentError(absl::StrCat(options.tls_certificate, " holds no certificate"));
  // An empty passphrase, or OpenSSL would ask the terminal for one.
  const Key key(PEM_read_bio_PrivateKey(Reader(key_pem).get(), nullptr, nullptr, const_cast<char*>("")),
                EVP_PKEY_free);
  if (!key) {
    return absl::InvalidArgumentError(absl::StrCat(options.tls_key,
                                                   " holds no private key that can be read without a "
                                                   "passphrase"));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.tls_key, " is not the key of the certificate in ", options.tls_certificate));
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    return absl::InvalidArgumentError(absl::StrCat("the certificate in ", options.tls_certificate, " ended ",
                                                   DateOf(X509_get0_notAfter(certificate.get())),
                                                   ": no client would take it; renew it"));
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate.get())) > 0) {
    return absl::InvalidArgumentError(absl::StrCat("the certificate in ", options.tls_certificate, " begins ",
                                                   DateOf(X509_get0_notBefore(certificate.get())),
                                                   " only: no client would take it before"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(const ServerOptions& options) {
  if (options.tls_certificate.empty()) return grpc::InsecureServerCredentials();
  ASSIGN_OR_RETURN(auto certificate, ReadPem(options.tls_certificate));
  ASSIGN_OR_RETURN(auto key, ReadPem(options.tls_key));
  RETURN_IF_ERROR(CheckPair(options, certificate, key));
  if (!options.tls_client_ca.empty()) RETURN_IF_ERROR(ReadPem(options.tls_client_ca).status());
  using grpc::experimental::FileWatcherCertificateProvider;
  grpc::experimental::TlsServerCredentialsOptions tls(std::make_shared<FileWatcherCertificateProvider>(
      options.tls_key, options.tls_certificate, options.tls_client_ca, kSecondsBetweenLooks));
  tls.watch_identity_key_cert_pairs();
  if (!options.tls_client_ca.empty()) {
    tls.watch_root_certs();
    tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

}  // namespace sextant::server
