// SPDX-License-Identifier: Apache-2.0
// What becomes of a run that is given again: the rule that every store applies.
#pragma once

#include <cstdint>

#include "storage/records.h"
#include "storage/transaction.h"

namespace sextant::storage {

struct Merge {
  PutOutcome outcome = PutOutcome::kConflict;
  bool take_fields = false;  ///< kAccepted: the given run's fields replace the stored ones (never labels)
  bool take_points = false;  ///< kAccepted: the given points stand for the stored ones from `keep` on
  std::int64_t keep = 0;     ///< how many stored points stay as they are
};

/// Decides as Transaction::PutRuns says, for a run that is stored. `tail` are the points of its curve from
/// index `tail_begin` <= given.curve_begin on: all of them to its end, or at least as many as are given.
Merge MergeRun(const Run& stored, const Curve& tail, std::int64_t tail_begin, const RunWithCurve& given);

}  // namespace sextant::storage
