// SPDX-License-Identifier: Apache-2.0
// Data that are no runs, as requests bring them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fitting/data_columns.h"
#include "server/error.h"
#include "sextant/v1/fit_service.pb.h"

namespace sextant::server {

/// A table's columns: numbers, and texts to group by. All of one length.
struct DataTable {
  fitting::DataColumns numbers;
  std::map<std::string, std::vector<std::string>> texts;
  std::size_t rows = 0;
};

/// Every violation is added under "table".
DataTable DataTableFromProto(const v1::DataTable& message, std::vector<FieldViolation>& violations);

}  // namespace sextant::server
