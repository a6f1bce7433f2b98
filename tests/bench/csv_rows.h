// SPDX-License-Identifier: Apache-2.0
// Rows of a CSV file with a header, for benchmarks: no quoting, every field text.
#ifndef SEXTANT_TESTS_BENCH_CSV_ROWS_H_
#define SEXTANT_TESTS_BENCH_CSV_ROWS_H_

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace sextant::bench {

// One map from column name to text a row; empty when the file is missing.
inline std::vector<std::map<std::string, std::string>> ReadCsv(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> names;
  std::vector<std::map<std::string, std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::stringstream stream(line);
    std::vector<std::string> fields;
    for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
    if (names.empty()) {
      names = fields;
      continue;
    }
    std::map<std::string, std::string> row;
    for (size_t i = 0; i < std::min(names.size(), fields.size()); ++i) row[names[i]] = fields[i];
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sextant::bench

#endif  // SEXTANT_TESTS_BENCH_CSV_ROWS_H_
