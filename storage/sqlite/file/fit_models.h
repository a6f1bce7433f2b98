// SPDX-License-Identifier: Apache-2.0
// How fits kept their models before schema version 3, and how they come into tables of their own.
#pragma once

#include <absl/status/status.h>

#include "storage/sqlite/sql/connection.h"

namespace sextant::storage::sqlite {

/// Part of the migration to version 3. A model was arrays by name in fit_arrays, kind 3: `optimum` (target,
/// variables, law parameters, tolerance), `optimum.parameter.NNN.NAME` (the estimate) and
/// `optimum.member.NNN.ESTIMATOR` (weight, held-out excess), NNN their order. Arrays that are not of that
/// form are left out: their fit then lacks its model and is set aside when it is read.
absl::Status MoveModelsToTables(Connection& connection);

}  // namespace sextant::storage::sqlite
