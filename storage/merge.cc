// SPDX-License-Identifier: Apache-2.0
#include "storage/merge.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "storage/curve_parts.h"
#include "storage/run_fields.h"

namespace sextant::storage {
namespace {

template <typename T>
bool SameNumber(T a, T b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

enum class Shared { kEqual, kFillsLast, kDiffer };

// Compares the first `count` points of both. With `may_fill` the last of them may have values that `held`
// lacks.
template <typename T>
Shared CompareColumn(const std::vector<T>& held, const std::vector<T>& given, std::size_t count,
                     bool may_fill) {
  constexpr T kMissing = std::numeric_limits<T>::quiet_NaN();
  for (std::size_t i = 0; i < count; ++i) {
    const T before = held.empty() ? kMissing : held[i], now = given.empty() ? kMissing : given[i];
    if (SameNumber(before, now)) continue;
    return may_fill && i + 1 == count && std::isnan(before) ? Shared::kFillsLast : Shared::kDiffer;
  }
  return Shared::kEqual;
}

// NaN equals NaN, and a column that was not measured equals one that is NaN throughout.
Shared ComparePoints(const Curve& held, const Curve& given, std::size_t count, bool may_fill) {
  if (!std::equal(held.step.begin(), held.step.begin() + static_cast<std::ptrdiff_t>(count),
                  given.step.begin()))
    return Shared::kDiffer;
  Shared all = CompareColumn(held.tokens, given.tokens, count, may_fill);
  for (const auto column :
       {&Curve::train_loss, &Curve::validation_loss, &Curve::learning_rate, &Curve::gradient_noise_scale}) {
    all = std::max(all, CompareColumn(held.*column, given.*column, count, may_fill));
  }
  return all;
}

bool SameValues(const std::vector<double>& a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (!SameNumber(i < a.size() ? a[i] : kUnknown, i < b.size() ? b[i] : kUnknown)) return false;
  }
  return true;
}

bool SameFields(const Run& a, const Run& b) {
  for (const RunQuantity& quantity : kRunQuantities) {
    if (!SameNumber(a.*quantity.value, b.*quantity.value)) return false;
  }
  return SameValues(a.values, b.values) && a.schedule == b.schedule && a.optimizer == b.optimizer &&
         a.seed == b.seed && a.state == b.state && a.tags == b.tags;
}

// Whether the peak rate of a run is the largest that its curve holds, as where no setting tells it.
bool PeakIsMeasured(const Run& run, const Curve& curve) {
  float peak = 0;
  for (const float rate : curve.learning_rate) peak = std::fmax(peak, rate);
  return peak > 0 && static_cast<float>(run.learning_rate) == peak;
}

// Whether what `before` knows of the recipe stands in `after` too. `rate_may_rise`: the peak rate was
// measured in both, and the warm-up may have gone on.
bool SameRecipe(const Run& before, const Run& after, bool rate_may_rise) {
  for (const RunQuantity& quantity : kRunQuantities) {
    const double known = before.*quantity.value, now = after.*quantity.value;
    if (quantity.progress || std::isnan(known) || SameNumber(known, now)) continue;
    if (!rate_may_rise || quantity.value != &Run::learning_rate || !(now > known)) return false;
  }
  return (before.schedule.empty() || before.schedule == after.schedule) &&
         (before.optimizer.empty() || before.optimizer == after.optimizer) &&
         (!before.seed.has_value() || before.seed == after.seed);
}

// Whether `after` is nowhere behind `before` in what it has processed.
bool GoesOn(const Run& before, const Run& after) {
  for (const auto count : {&Run::tokens, &Run::steps, &Run::flops}) {
    if (!std::isnan(before.*count) && !(after.*count >= before.*count)) return false;
  }
  return true;
}

bool IsAhead(const Run& before, const Run& after) {
  return GoesOn(before, after) && (after.tokens > before.tokens || after.steps > before.steps);
}

}  // namespace

Merge MergeRun(const Run& stored, const Curve& tail, std::int64_t tail_begin, const RunWithCurve& given) {
  const std::int64_t held = stored.curve_points, begin = given.curve_begin;
  const auto count = static_cast<std::int64_t>(given.curve.size());
  if (begin > held || (begin > 0 && count == 0)) return {};  // a gap
  const std::int64_t end = begin + count;
  const auto shared = static_cast<std::size_t>(std::min(held - begin, count));
  const Curve held_points = Slice(tail, static_cast<std::size_t>(begin - tail_begin), shared);
  // Only its last point may have been half logged.
  const Shared compared = ComparePoints(held_points, given.curve, shared, shared > 0 && end >= held);
  if (compared == Shared::kDiffer) return {};
  if (end > held && tail.size() > 0 && given.curve.step[shared] <= tail.step.back()) return {};
  const bool fills = compared == Shared::kFillsLast;
  const bool adds = end > held || fills;
  const Merge points{adds ? PutOutcome::kAccepted : PutOutcome::kDuplicate, false, adds,
                     fills ? held - 1 : held};

  const bool in_parts = given.curve_length > 0;
  if ((begin > 0 && !in_parts) || SameFields(stored, given.run)) return points;
  // The whole curve that this is, or is a part of.
  const std::int64_t whole = std::max(end, given.curve_length);
  const bool is_last = end == whole;
  const bool measured =
      begin == 0 && is_last && PeakIsMeasured(stored, held_points) && PeakIsMeasured(given.run, given.curve);
  // An earlier state of what is stored says nothing new.
  const bool ended = given.run.state != fitting::RunState::kRunning;
  const bool was_running = stored.state == fitting::RunState::kRunning;
  if (whole < held && count > 0 && !(was_running && ended) && IsAhead(given.run, stored) &&
      SameRecipe(given.run, stored, false))
    return points;
  const bool goes_on = held > 0 && (whole > held || (whole == held && (fills || !is_last)));
  if (!was_running && !(goes_on && GoesOn(stored, given.run))) return {};
  if (!SameRecipe(stored, given.run, measured && goes_on)) return {};
  if (!is_last) return points;  // the fields are taken with the last part
  return {PutOutcome::kAccepted, true, adds, points.keep};
}

}  // namespace sextant::storage
