// What becomes of a run that is given again: the rule that every store applies.
#pragma once

#include <cstdint>

#include "storage/records.h"
#include "storage/store.h"

namespace sextant::storage {

struct Merge {
  PutOutcome outcome = PutOutcome::kConflict;
  bool take_fields = false;  ///< kAccepted: the given run's fields replace the stored ones (never labels)
  bool take_curve = false;   ///< kAccepted: the given curve, longer, replaces the stored one
};

/// True when every point of `shorter` equals the point of `longer` at its index. NaN equals NaN, and a column
/// that was not measured equals one that is NaN throughout.
bool IsBeginningOf(const Curve& shorter, const Curve& longer);

/// What becomes of `given`, whose first point is point `begin` of a run that holds `points`. `tail` are the
/// run's points from index `tail_begin` <= begin to its end.
PutOutcome MergeContinuation(std::int64_t points, const Curve& tail, std::int64_t tail_begin,
                             const Curve& given, std::int64_t begin);

/// Decides as Store::PutRuns says. `stored_curve` is the stored curve, or, where that is
/// longer than the given one, at least as many of its first points as are given.
Merge MergeRun(const Run& stored, const Curve& stored_curve, const Run& given, const Curve& given_curve);

}  // namespace sextant::storage
