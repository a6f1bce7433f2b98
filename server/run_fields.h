// SPDX-License-Identifier: Apache-2.0
// The fields of a Run that filters and orders name, as the API calls them.
#pragma once

#include <string>

#include "base/run_field_table.h"

namespace sextant::server {

/// nullptr if filters know no such field. `name` is the field `run_id`, whose values may be resource names
/// then.
const RunField* FindRunField(const std::string& api_name);
/// All API names, for messages.
std::string RunFieldNames();

}  // namespace sextant::server
