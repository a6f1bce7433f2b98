// SPDX-License-Identifier: Apache-2.0
// Faults of a store that programs tell apart within one status code.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/cord.h>

#include <string>

namespace sextant::storage {

inline constexpr char kFaultReadOnly[] = "READ_ONLY";  ///< the file, its folder or its file system
inline constexpr char kFaultReplaced[] = "REPLACED";   ///< the open file is no longer the one under its name

inline constexpr char kFaultPayload[] = "sextant.storage/fault";

inline absl::Status WithFault(absl::Status status, const char* fault) {
  status.SetPayload(kFaultPayload, absl::Cord(fault));
  return status;
}

/// Which of the above, "" when none.
inline std::string FaultOf(const absl::Status& status) {
  const auto fault = status.GetPayload(kFaultPayload);
  return fault.has_value() ? std::string(*fault) : "";
}

}  // namespace sextant::storage
