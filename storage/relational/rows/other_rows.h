// SPDX-License-Identifier: Apache-2.0
// Rows of `laws`, `tokens`, `uploads` and `requests`.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "storage/relational/sql/connection.h"
#include "storage/store.h"

namespace sextant::storage::relational {

// Each as the Transaction method of the same name says, inside the caller's transaction.
absl::Status PutLaw(Connection& connection, const UserLaw& law);
absl::Status DeleteLaw(Connection& connection, const std::string& id);
absl::StatusOr<std::vector<UserLaw>> SelectLaws(Connection& connection);
absl::Status PutToken(Connection& connection, const AccessToken& token);
absl::StatusOr<std::vector<AccessToken>> SelectTokens(Connection& connection);
absl::Status PutUpload(Connection& connection, const Upload& upload);
absl::StatusOr<Upload> SelectUpload(Connection& connection, const std::string& id);

/// How long an answer is remembered.
inline constexpr Micros kRequestLifetime = Micros{24} * 3600 * 1'000'000;

/// Also forgets the requests that are older than kRequestLifetime at `now`.
absl::Status PutRequest(Connection& connection, const std::string& request_id, const std::string& body_digest,
                        const std::string& response, Micros now);
absl::StatusOr<StoredRequest> SelectRequest(Connection& connection, const std::string& request_id,
                                            Micros now);

}  // namespace sextant::storage::relational
