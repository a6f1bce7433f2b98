// SPDX-License-Identifier: Apache-2.0
// A CSV or TSV file as a table that requests carry.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/session.h"
#include "sextant/v1/fit_service.pb.h"

namespace sextant::cli {

/// Columns that hold numbers become numbers (blank cells: unknown), the others texts. `wanted`: only these;
/// empty: every one. A failure is printed.
int ReadDataTable(const Session& session, const std::string& path, const std::vector<std::string>& wanted,
                  v1::DataTable* table);

}  // namespace sextant::cli
