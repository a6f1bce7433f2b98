// SPDX-License-Identifier: Apache-2.0
// Errors as the service sends them: an absl::Status whose payloads are google.rpc details (AIP-193). Every
// error carries ErrorInfo with a stable reason; server/status.h puts them on the wire.
#pragma once

#include <absl/status/status.h>

#include <map>
#include <string>
#include <vector>

namespace sextant::server {

inline constexpr char kErrorDomain[] = "sextant";

/// One wrong field of a request. `field` is a dotted path ("study.title", "chunk.index").
struct FieldViolation {
  std::string field;
  std::string description;
};

/// `status` with ErrorInfo{reason, domain, metadata} attached. `reason` is UPPER_SNAKE.
absl::Status WithReason(absl::Status status, const std::string& reason,
                        const std::map<std::string, std::string>& metadata = {});

/// INVALID_ARGUMENT, reason INVALID_FIELD, with every violation in BadRequest. `violations` is not empty.
absl::Status InvalidFields(const std::vector<FieldViolation>& violations);
absl::Status InvalidField(const std::string& field, const std::string& description);

/// NOT_FOUND with ResourceInfo; the reason is TYPE_NOT_FOUND ("RUN_NOT_FOUND"). `type` is "run", "study", ….
/// `hint`, if any, ends the message.
absl::Status MissingResource(const std::string& type, const std::string& name, const std::string& hint = "");
/// ALREADY_EXISTS, reason TYPE_EXISTS.
absl::Status TakenResource(const std::string& type, const std::string& name);

/// FAILED_PRECONDITION with PreconditionFailure{type = reason, subject, description}.
absl::Status UnmetPrecondition(const std::string& reason, const std::string& subject,
                               const std::string& description);

/// RESOURCE_EXHAUSTED with QuotaFailure and RetryInfo.
absl::Status QuotaExceeded(const std::string& reason, const std::string& subject,
                           const std::string& description, int retry_seconds);

/// UNAVAILABLE with RetryInfo.
absl::Status TryLater(const std::string& reason, const std::string& description, int retry_seconds);

/// ABORTED, reason ETAG_MISMATCH.
absl::Status StaleEtag(const std::string& name);

/// The ErrorInfo reason of a status, "" if it has none.
std::string ReasonOf(const absl::Status& status);

/// Gives an error of the store or of the fitting library a reason where it has none, by its code, and names
/// the resource it was about.
absl::Status Annotate(absl::Status status, const std::string& type, const std::string& name);

}  // namespace sextant::server
