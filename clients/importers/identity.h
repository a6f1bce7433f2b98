// SPDX-License-Identifier: Apache-2.0
// What makes a run the same run: its id, given or derived from its values.
#pragma once

#include <string>
#include <string_view>

#include "clients/importers/run_record.h"

namespace sextant::importers {

/// Whether the service takes `id`: [A-Za-z0-9._~+=:@-]{1,200}.
bool IsRunId(std::string_view id);

/// Uses `name` as the run's id. A name with other characters becomes an id with '-' in their place and eight
/// hex digits of the name's digest behind; the name itself is kept as the tag `run_name`.
void SetRunId(std::string_view name, ImportedRun* run);

/// The id of a run that its source does not name: "r-" and 20 hex digits of the SHA-256 over all its values,
/// loss included, and neither place nor curve. Equal values give equal ids whatever the format they came in.
std::string DerivedRunId(const ImportedRun& run);

}  // namespace sextant::importers
