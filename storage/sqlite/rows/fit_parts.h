// The lists, maps and arrays of a FitResult, each in a table of its own keyed by fit_key.
#pragma once

#include <absl/status/status.h>

#include <cstdint>

#include "fitting/fit_result.h"
#include "storage/sqlite/sql/connection.h"

namespace sextant::storage::sqlite {

absl::Status InsertFitParts(Connection& connection, std::int64_t fit_key, const fitting::FitResult& result);
/// Fills the lists, maps and arrays of `result`. DataLoss for an array that is not whole doubles.
absl::Status SelectFitParts(Connection& connection, std::int64_t fit_key, fitting::FitResult& result);

}  // namespace sextant::storage::sqlite
