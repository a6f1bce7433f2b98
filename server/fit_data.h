// SPDX-License-Identifier: Apache-2.0
// The rows that a fit sees, and those that are kept back to score it.
#pragma once

#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <vector>

#include "fitting/fit.h"
#include "storage/snapshot.h"

namespace sextant::server {

struct FitData {
  fitting::FitInput input;
  std::size_t unfinished = 0;  ///< runs that are RUNNING, which fits leave out
  std::size_t excluded = 0;    ///< runs that were taken out by hand (server/exclusion.h)
};

/// What a fit of the study reads: runs that meet `where`; those that also meet `holdout` (if there are
/// conditions) are kept back; excluded ones are left out. Beside them what `needs` asks for; points of curves
/// as a table, where `columns` name some. A `where` that speaks of the state asks for the runs that it lets
/// in: RUNNING ones among them count as finished.
absl::StatusOr<FitData> LoadFitData(storage::Snapshot& snapshot, const std::string& study,
                                    const std::vector<storage::Condition>& where,
                                    const std::vector<storage::Condition>& holdout, fitting::FitNeeds needs,
                                    const std::map<std::string, std::string>& columns = {});

/// What is said of a fit that left runs out; empty where there were none.
std::vector<std::string> LeftOut(const FitData& data);

/// The rows of `table` whose id is not in `ids`, which is sorted.
fitting::RunTable Without(const fitting::RunTable& table, const std::vector<std::string>& ids);

}  // namespace sextant::server
