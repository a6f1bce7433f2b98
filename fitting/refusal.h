// SPDX-License-Identifier: Apache-2.0
// Refusals of the fitting library that programs tell apart within one status code.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>

#include <string>

namespace sextant::fitting {

inline constexpr char kRefusalPayload[] = "sextant.fitting/refusal";
inline constexpr char kRefusalNotIdentifiable[] = "NOT_IDENTIFIABLE";

namespace refusal_internal {
inline absl::Status WithRefusal(absl::Status status) {
  status.SetPayload(kRefusalPayload, absl::Cord(kRefusalNotIdentifiable));
  return status;
}
}  // namespace refusal_internal

/// FailedPrecondition: these data cannot determine what is asked. `what` says why and what would help. People
/// read "not identifiable: …"; programs ask IsNotIdentifiable.
inline absl::Status NotIdentifiable(const std::string& what) {
  return refusal_internal::WithRefusal(
      absl::FailedPreconditionError(absl::StrCat("not identifiable: ", what)));
}

/// The same, where it is the choice of runs that cannot tell: "not identifiable from this design: …".
inline absl::Status NotIdentifiableFromDesign(const std::string& what) {
  return refusal_internal::WithRefusal(
      absl::FailedPreconditionError(absl::StrCat("not identifiable from this design: ", what)));
}

/// True for the refusals above, however a wrapper has rewritten their message (see WithMessage).
inline bool IsNotIdentifiable(const absl::Status& status) {
  const auto refusal = status.GetPayload(kRefusalPayload);
  return refusal.has_value() && *refusal == kRefusalNotIdentifiable;
}

/// `status` with another message; its code and payloads stay, so that a wrapper loses no meaning.
inline absl::Status WithMessage(const absl::Status& status, const std::string& message) {
  absl::Status changed(status.code(), message);
  status.ForEachPayload([&changed](absl::string_view type_url, const absl::Cord& payload) {
    changed.SetPayload(type_url, payload);
  });
  return changed;
}

}  // namespace sextant::fitting
