// SPDX-License-Identifier: Apache-2.0
#include "server/http/tls_context.h"

#include <absl/strings/str_cat.h>
#include <openssl/err.h>

#include <cstring>
#include <utility>

#include "base/status_macros.h"
#include "server/log.h"

namespace sextant::server::http {
namespace {

constexpr std::chrono::seconds kBetweenLooksAtFiles{10};  // as gRPC's certificates (server/credentials.cc)

absl::Status WrongFile(const std::string& path, const char* what) {
  char why[256] = "";
  ERR_error_string_n(ERR_get_error(), why, sizeof(why));
  return absl::InvalidArgumentError(absl::StrCat(path, " ", what, " (", why, ")"));
}

// Clients that offer protocols by ALPN get the one that is spoken here.
int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                   unsigned int in_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof(kHttp11) - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Load(const TlsFiles& files) {
  std::unique_ptr<TlsContext> context(new TlsContext(files));
  const std::lock_guard lock(context->mutex_);
  RETURN_IF_ERROR(context->Read());
  return context;
}

TlsContext::Times TlsContext::ChangeTimes() const {
  Times times{};
  std::error_code ignored;
  std::size_t at = 0;
  for (const std::string* path : {&files_.certificate, &files_.key, &files_.client_ca}) {
    if (!path->empty()) times[at] = std::filesystem::last_write_time(*path, ignored);
    ++at;
  }
  return times;
}

absl::Status TlsContext::Read() {
  looked_at_ = std::chrono::steady_clock::now();
  read_of_ = ChangeTimes();
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> next(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (next == nullptr) return absl::ResourceExhaustedError("out of memory for TLS");
  SSL_CTX_set_min_proto_version(next.get(), TLS1_2_VERSION);
  // Writes that have to wait come again from wherever the caller's bytes lie then.
  SSL_CTX_set_mode(next.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(next.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_alpn_select_cb(next.get(), ChooseProtocol, nullptr);
  // An empty passphrase, or OpenSSL would ask the terminal for one.
  SSL_CTX_set_default_passwd_cb_userdata(next.get(), const_cast<char*>(""));
  if (SSL_CTX_use_certificate_chain_file(next.get(), files_.certificate.c_str()) != 1) {
    return WrongFile(files_.certificate, "holds no certificate");
  }
  if (SSL_CTX_use_PrivateKey_file(next.get(), files_.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return WrongFile(files_.key, "holds no private key of the certificate");
  }
  if (SSL_CTX_check_private_key(next.get()) != 1) {
    return WrongFile(files_.key, "is not the key of the certificate");
  }
  if (!files_.client_ca.empty()) {
    if (SSL_CTX_load_verify_locations(next.get(), files_.client_ca.c_str(), nullptr) != 1) {
      return WrongFile(files_.client_ca, "holds no certificate");
    }
    SSL_CTX_set_client_CA_list(next.get(), SSL_load_client_CA_file(files_.client_ca.c_str()));
    SSL_CTX_set_verify(next.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // A session that is taken up again must not come from a time of other certificates.
    SSL_CTX_set_session_cache_mode(next.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(next.get(), SSL_OP_NO_TICKET);
  }
  context_ = std::move(next);
  return absl::OkStatus();
}

std::shared_ptr<SSL_CTX> TlsContext::Current() {
  const std::lock_guard lock(mutex_);
  if (std::chrono::steady_clock::now() - looked_at_ < kBetweenLooksAtFiles) return context_;
  looked_at_ = std::chrono::steady_clock::now();
  if (ChangeTimes() == read_of_) return context_;
  if (const absl::Status status = Read(); !status.ok()) {
    Log().error("--http keeps its certificate: {}", std::string(status.message()));
  }
  return context_;
}

}  // namespace sextant::server::http
