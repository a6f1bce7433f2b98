// SPDX-License-Identifier: Apache-2.0
// The URL of a database.
#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace sextant::storage::postgres {

struct Place {
  std::string url;   ///< as libpq takes it, password included: for nobody to see
  std::string name;  ///< what messages call the database: user, host, port and name
};

/// `place` is what follows "postgresql:" in a URL that libpq takes. InvalidArgument for what it does not; the
/// message leaves out what may be a password.
absl::StatusOr<Place> ParsePlace(const std::string& place);

}  // namespace sextant::storage::postgres
