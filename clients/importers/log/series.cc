// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/series.h"

#include <algorithm>
#include <cmath>

#include "clients/importers/limits.h"

namespace sextant::importers {
namespace {

bool IsOfValidation(Metric metric) {
  return metric == Metric::kValidationLoss || metric == Metric::kValidationBits ||
         metric == Metric::kValidationPerplexity;
}

bool IsOfTraining(Metric metric) {
  return metric == Metric::kTrainLoss || metric == Metric::kTrainBits || metric == Metric::kTrainPerplexity ||
         metric == Metric::kLearningRate;
}

}  // namespace

void SeriesSet::DropFrom(Entry* entry, std::int64_t step) {
  std::vector<std::int64_t>& steps = entry->points.step;
  const auto keep =
      static_cast<std::size_t>(std::lower_bound(steps.begin(), steps.end(), step) - steps.begin());
  superseded_ += static_cast<std::int64_t>(steps.size() - keep);
  steps.resize(keep);
  entry->points.value.resize(keep);
  entry->file_begin = std::min(entry->file_begin, keep);
  entry->kept = std::min(entry->kept, keep);
}

// `before` is when the last point before the restart came. A point at `step` itself that came later is of the
// restarted run: the row that tells of the restart may name other quantities first.
void SeriesSet::VoidFrom(Entry* entry, std::int64_t step, std::int64_t before) {
  const std::vector<std::int64_t>& steps = entry->points.step;
  if (steps.empty() || (steps.back() == step && entry->arrived > before)) return;
  if (entry->kept > 0) step = std::max(step, steps[entry->kept - 1] + 1);
  DropFrom(entry, step);
}

void SeriesSet::VoidOthers(std::size_t series, std::int64_t step, std::int64_t before) {
  // A validation stands before the next update: what was trained up to its step is still true.
  const bool validation = IsOfValidation(entries_[series].metric);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (i != series) VoidFrom(&entries_[i], validation ? step + 1 : step, before);
  }
}

std::size_t SeriesSet::Open(Metric metric) {
  entries_.emplace_back();
  entries_.back().metric = metric;
  return entries_.size() - 1;
}

void SeriesSet::Add(std::size_t series, std::int64_t step, double value) {
  Entry& into = entries_[series];
  Series& points = into.points;
  const std::int64_t before = into.arrived;
  const bool training = IsOfTraining(into.metric);
  trained_ |= training;
  const bool again = !points.step.empty() && step == points.step.back();
  const bool back = !points.step.empty() && step < points.step.back();
  if (in_order_ && step < last_step()) {
    VoidOthers(series, step, arrivals_);
  } else if (back && training) {
    VoidOthers(series, step, before);
  }
  if (back) DropFrom(&into, step);
  into.arrived = ++arrivals_;
  if (again) {  // a rewrite of one value, not a restart
    points.value.back() = value;
  } else if (points.step.size() >= kMaxCurvePoints) {
    ++dropped_;
  } else {
    points.step.push_back(step);
    points.value.push_back(value);
  }
}

void SeriesSet::RestartAt(std::int64_t step) {
  for (Entry& each : entries_) {
    const std::vector<std::int64_t>& steps = each.points.step;
    const bool earlier = each.file_begin > 0 && steps[each.file_begin - 1] >= step;
    DropFrom(&each, earlier ? steps[each.file_begin - 1] + 1 : step);
  }
}

void SeriesSet::BeginFile() {
  for (Entry& each : entries_) {
    const std::size_t size = each.points.step.size();
    if (!trained_ && size > each.file_begin) each.kept = size;
    each.file_begin = size;
  }
  trained_ = false;
}

bool SeriesSet::empty() const {
  return std::all_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.points.step.empty(); });
}

std::int64_t SeriesSet::last_step() const {
  std::int64_t last = 0;
  for (const Entry& each : entries_) {
    if (!each.points.step.empty()) last = std::max(last, each.points.step.back());
  }
  return last;
}

std::vector<double> TokensAt(const std::vector<std::int64_t>& steps, const Series& counter,
                             double tokens_per_count) {
  std::vector<double> at, known, tokens(steps.size(), std::nan(""));
  for (std::size_t i = 0; i < counter.step.size(); ++i) {
    if (!std::isfinite(counter.value[i])) continue;
    at.push_back(static_cast<double>(counter.step[i]));
    known.push_back(counter.value[i] * tokens_per_count);
  }
  const std::size_t n = at.size();
  std::size_t next = 0;
  for (std::size_t i = 0; i < steps.size() && n > 0; ++i) {
    const auto step = static_cast<double>(steps[i]);
    while (next < n && at[next] < step) ++next;
    if (next < n && at[next] == step) {
      tokens[i] = known[next];
    } else if (next > 0 && n > 1) {
      // One formula between two counts and beyond the last, so that whole batches give the same number.
      const std::size_t from = std::min(next, n - 1) - 1;
      const double batch = (known[from + 1] - known[from]) / (at[from + 1] - at[from]);
      tokens[i] = known[next - 1] + (step - at[next - 1]) * batch;
    } else if (at[0] > 0) {
      tokens[i] = known[0] / at[0] * step;
    }
  }
  return tokens;
}

}  // namespace sextant::importers
