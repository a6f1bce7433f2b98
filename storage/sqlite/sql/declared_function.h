// SPDX-License-Identifier: Apache-2.0
// declared_value(list, place), which shared SQL reads the values of declared columns with.
#pragma once

#include <absl/status/status.h>

#include "storage/sqlite/sql/connection.h"

namespace sextant::storage::sqlite {

/// Makes the function known to a connection.
absl::Status AddDeclaredFunction(Connection& connection);

}  // namespace sextant::storage::sqlite
