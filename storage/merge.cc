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

template <typename T>
bool ColumnBegins(const std::vector<T>& shorter, const std::vector<T>& longer, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const T missing = std::numeric_limits<T>::quiet_NaN();
    if (!SameNumber(shorter.empty() ? missing : shorter[i], longer.empty() ? missing : longer[i]))
      return false;
  }
  return true;
}

bool SameFields(const Run& a, const Run& b) {
  for (const RunQuantity& quantity : kRunQuantities) {
    if (!SameNumber(a.*quantity.value, b.*quantity.value)) return false;
  }
  return a.schedule == b.schedule && a.optimizer == b.optimizer && a.seed == b.seed && a.state == b.state &&
         a.tags == b.tags;
}

// What a running run may not change: its recipe, where known.
bool SameRecipe(const Run& stored, const Run& given) {
  for (const RunQuantity& quantity : kRunQuantities) {
    const double known = stored.*quantity.value;
    if (!quantity.progress && !std::isnan(known) && !SameNumber(known, given.*quantity.value)) return false;
  }
  return (stored.schedule.empty() || stored.schedule == given.schedule) &&
         (stored.optimizer.empty() || stored.optimizer == given.optimizer) &&
         (!stored.seed.has_value() || stored.seed == given.seed);
}

}  // namespace

bool IsBeginningOf(const Curve& shorter, const Curve& longer) {
  const std::size_t count = shorter.size();
  if (count > longer.size()) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (shorter.step[i] != longer.step[i]) return false;
  }
  return ColumnBegins(shorter.tokens, longer.tokens, count) &&
         ColumnBegins(shorter.train_loss, longer.train_loss, count) &&
         ColumnBegins(shorter.validation_loss, longer.validation_loss, count) &&
         ColumnBegins(shorter.learning_rate, longer.learning_rate, count) &&
         ColumnBegins(shorter.gradient_noise_scale, longer.gradient_noise_scale, count);
}

PutOutcome MergeContinuation(std::int64_t points, const Curve& tail, std::int64_t tail_begin,
                             const Curve& given, std::int64_t begin) {
  if (begin > points || given.size() == 0) return PutOutcome::kConflict;
  const auto shared = static_cast<std::size_t>(std::min<std::int64_t>(points - begin, given.step.size()));
  const Curve held = Slice(tail, static_cast<std::size_t>(begin - tail_begin), shared);
  if (!IsBeginningOf(Slice(given, 0, shared), held)) return PutOutcome::kConflict;
  if (shared == given.size()) return PutOutcome::kDuplicate;
  if (tail.size() > 0 && given.step[shared] <= tail.step.back()) return PutOutcome::kConflict;
  return PutOutcome::kAccepted;
}

Merge MergeRun(const Run& stored, const Curve& stored_curve, const Run& given, const Curve& given_curve) {
  const bool adds_points = given_curve.size() > stored_curve.size();
  const bool curves_agree =
      adds_points ? IsBeginningOf(stored_curve, given_curve) : IsBeginningOf(given_curve, stored_curve);
  const bool same = SameFields(stored, given);
  const bool may_change = stored.state == fitting::RunState::kRunning && SameRecipe(stored, given);
  if (!curves_agree || (!same && !may_change)) return {};
  if (same && !adds_points) return {PutOutcome::kDuplicate, false, false};
  return {PutOutcome::kAccepted, !same, adds_points};
}

}  // namespace sextant::storage
