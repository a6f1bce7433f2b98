// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/curve_rows.h"

#include <array>
#include <bit>
#include <cstdint>
#include <numeric>

namespace sextant::fitting {
namespace {

// The usable rows in order of x, then of the file. Positive doubles sort as their bits do: eleven at a
// time, leaving out digits that all share, which is a few passes for steps that are whole numbers.
std::vector<size_t> RowsByAbscissa(const std::vector<double>& x, const std::vector<double>& loss) {
  struct Key {
    uint64_t bits;
    size_t row;
  };
  std::vector<Key> keys, sorted;
  keys.reserve(x.size());
  uint64_t differ = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!Positive(x[i]) || !Positive(loss[i])) continue;
    keys.push_back({std::bit_cast<uint64_t>(x[i]), i});
    differ |= keys.back().bits ^ keys.front().bits;
  }
  sorted.resize(keys.size());
  for (int shift = 0; shift < 64; shift += 11) {
    if (((differ >> shift) & 2047) == 0) continue;
    std::array<size_t, 2049> start{};
    for (const Key& key : keys) ++start[((key.bits >> shift) & 2047) + 1];
    std::partial_sum(start.begin(), start.end(), start.begin());
    for (const Key& key : keys) sorted[start[(key.bits >> shift) & 2047]++] = key;
    keys.swap(sorted);
  }
  std::vector<size_t> rows;
  rows.reserve(keys.size());
  for (const Key& key : keys) rows.push_back(key.row);
  return rows;
}

}  // namespace

std::vector<size_t> KeepRows(const std::vector<double>& x, const std::vector<double>& loss,
                             CurveQuality& quality) {
  std::vector<size_t> rows;
  rows.reserve(x.size());
  CurveQuality counted = quality;
  // Rows out of order everywhere are an unsorted file, not thousands of restarts.
  const auto unsorted = [&] { return counted.restarts > 3 && counted.restarts * 20 > x.size(); };
  for (size_t i = 0; i < x.size() && !unsorted(); ++i) {
    if (!Positive(x[i]) || !Positive(loss[i])) {
      ++counted.non_finite;
      continue;
    }
    if (!rows.empty() && x[i] == x[rows.back()]) {
      ++counted.duplicates;
      rows.back() = i;
      continue;
    }
    if (!rows.empty() && x[i] < x[rows.back()]) {
      ++counted.restarts;
      while (!rows.empty() && x[rows.back()] >= x[i]) {
        rows.pop_back();
        ++counted.overwritten;
      }
    }
    rows.push_back(i);
  }
  if (unsorted()) {
    rows = RowsByAbscissa(x, loss);
    counted.non_finite = x.size() - rows.size();
    size_t kept = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i + 1 < rows.size() && x[rows[i + 1]] == x[rows[i]]) continue;  // the later record wins
      rows[kept++] = rows[i];
    }
    counted.duplicates = rows.size() - kept;
    counted.restarts = counted.overwritten = 0;
    rows.resize(kept);
  }
  quality = counted;
  return rows;
}

}  // namespace sextant::fitting
