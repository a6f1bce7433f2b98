// SPDX-License-Identifier: Apache-2.0
// The server's side of a connection: plaintext, TLS, or TLS with client certificates.
#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "server/options.h"

namespace sextant::server {

/// NOT_FOUND names a file that cannot be read; INVALID_ARGUMENT says what is wrong with one: a key of another
/// certificate, a certificate that has ended. Files that change later are read again within seconds.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(const ServerOptions& options);

}  // namespace sextant::server
