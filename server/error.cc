// SPDX-License-Identifier: Apache-2.0
#include "server/error.h"

#include <absl/strings/ascii.h>
#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "fitting/refusal.h"
#include "google/rpc/error_details.pb.h"
#include "server/limits.h"
#include "storage/fault.h"

namespace sextant::server {
namespace {

// absl keys payloads by type URL, which is what google.protobuf.Any wants too.
template <typename Detail>
void Attach(absl::Status& status, const Detail& detail) {
  status.SetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()),
                    absl::Cord(detail.SerializeAsString()));
}

void AttachRetry(absl::Status& status, int seconds) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(seconds);
  Attach(status, retry);
}

absl::Status AboutResource(absl::StatusCode code, const std::string& type, const std::string& name,
                           const std::string& suffix, const std::string& message) {
  absl::Status status =
      WithReason(absl::Status(code, message), absl::AsciiStrToUpper(type) + suffix, {{"name", name}});
  google::rpc::ResourceInfo info;
  info.set_resource_type(absl::StrCat("sextant.v1/", type));
  info.set_resource_name(name);
  info.set_description(message);
  Attach(status, info);
  return status;
}

}  // namespace

absl::Status WithReason(absl::Status status, const std::string& reason,
                        const std::map<std::string, std::string>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  Attach(status, info);
  return status;
}

absl::Status InvalidFields(const std::vector<FieldViolation>& violations) {
  std::string message;
  google::rpc::BadRequest bad_request;
  const std::size_t listed = std::min(violations.size(), kMaxViolations);
  for (std::size_t i = 0; i < listed; ++i) {
    absl::StrAppend(&message, i == 0 ? "" : "; ", violations[i].field, ": ", violations[i].description);
    auto* violation = bad_request.add_field_violations();
    violation->set_field(violations[i].field);
    violation->set_description(violations[i].description.substr(0, kMaxStatusMessageBytes));
  }
  if (violations.size() > listed) absl::StrAppend(&message, "; and ", violations.size() - listed, " more");
  absl::Status status = WithReason(absl::InvalidArgumentError(message), "INVALID_FIELD",
                                   {{"violations", absl::StrCat(violations.size())}});
  Attach(status, bad_request);
  return status;
}

absl::Status InvalidField(const std::string& field, const std::string& description) {
  return InvalidFields({{field, description}});
}

absl::Status MissingResource(const std::string& type, const std::string& name, const std::string& hint) {
  return AboutResource(absl::StatusCode::kNotFound, type, name, "_NOT_FOUND",
                       absl::StrCat(type, " ", name, " does not exist", hint));
}

absl::Status TakenResource(const std::string& type, const std::string& name) {
  return AboutResource(absl::StatusCode::kAlreadyExists, type, name, "_EXISTS",
                       absl::StrCat(type, " ", name, " exists already"));
}

absl::Status UnmetPrecondition(const std::string& reason, const std::string& subject,
                               const std::string& description) {
  absl::Status status =
      WithReason(absl::FailedPreconditionError(description), reason, {{"subject", subject}});
  google::rpc::PreconditionFailure failure;
  auto* violation = failure.add_violations();
  violation->set_type(reason);
  violation->set_subject(subject);
  violation->set_description(description.substr(0, kMaxStatusMessageBytes));
  Attach(status, failure);
  return status;
}

absl::Status QuotaExceeded(const std::string& reason, const std::string& subject,
                           const std::string& description, int retry_seconds) {
  absl::Status status = WithReason(absl::ResourceExhaustedError(description), reason, {{"subject", subject}});
  google::rpc::QuotaFailure failure;
  auto* violation = failure.add_violations();
  violation->set_subject(subject);
  violation->set_description(description);
  Attach(status, failure);
  AttachRetry(status, retry_seconds);
  return status;
}

absl::Status TryLater(const std::string& reason, const std::string& description, int retry_seconds) {
  absl::Status status = WithReason(absl::UnavailableError(description), reason);
  AttachRetry(status, retry_seconds);
  return status;
}

absl::Status StaleEtag(const std::string& name) {
  return WithReason(
      absl::AbortedError(absl::StrCat(name, " has changed since the etag was read; read it again and retry")),
      "ETAG_MISMATCH", {{"name", name}});
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.ErrorInfo");
  google::rpc::ErrorInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) return "";
  return info.reason();
}

absl::Status Annotate(absl::Status status, const std::string& type, const std::string& name) {
  if (status.ok() || !ReasonOf(status).empty()) return status;
  const std::string message(status.message());
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return MissingResource(type, name);
    case absl::StatusCode::kAlreadyExists:
      return TakenResource(type, name);
    case absl::StatusCode::kAborted:
      return StaleEtag(name);
    case absl::StatusCode::kInvalidArgument:
      return InvalidField(type, message);
    case absl::StatusCode::kUnavailable:
      return TryLater("STORE_BUSY", message, 1);
    case absl::StatusCode::kResourceExhausted:
      return QuotaExceeded("STORE_FULL", name, message, 10);
    case absl::StatusCode::kFailedPrecondition:
      if (const std::string fault = storage::FaultOf(status); !fault.empty()) {
        return UnmetPrecondition("STORE_" + fault, name, message);
      }
      return UnmetPrecondition(
          fitting::IsNotIdentifiable(status) ? "DESIGN_NOT_IDENTIFIABLE" : "PRECONDITION", name, message);
    case absl::StatusCode::kCancelled:
      return WithReason(status, "CANCELLED", {{"name", name}});
    case absl::StatusCode::kDeadlineExceeded:
      return WithReason(status, "DEADLINE", {{"name", name}});
    case absl::StatusCode::kDataLoss:
      return WithReason(status, "STORE_DAMAGED", {{"name", name}});
    default:
      return WithReason(status, "INTERNAL", {{"name", name}});
  }
}

}  // namespace sextant::server
