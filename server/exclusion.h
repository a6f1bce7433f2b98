// SPDX-License-Identifier: Apache-2.0
// Runs that somebody took out of the fits of a study: they carry a label, and every fit says how many.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "storage/snapshot.h"

namespace sextant::server {

inline constexpr char kExcludedLabel[] = "excluded";
/// Who says so (storage/records.h).
inline constexpr char kExclusionLabels[] = "exclusion";

struct Exclusion {
  std::vector<storage::Condition> where;  ///< what a fit reads
  std::size_t runs = 0;                   ///< left out, of those that met the conditions
};

/// `where`, without the excluded runs. Conditions that speak of the label `excluded` stay as they are.
absl::StatusOr<Exclusion> WithoutExcluded(storage::Snapshot& snapshot, const std::string& study,
                                          const std::vector<storage::Condition>& where);

/// What is said of a fit that left `runs` excluded ones out; empty for none.
std::string ExcludedWarning(std::size_t runs);

}  // namespace sextant::server
