// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/pack.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "clients/trainer/model/counts.h"

namespace sextant::trainer {
namespace {

struct Limits {
  int64_t tokens;
  int runs;
  const std::function<bool(const FusedJob&)>& fits;
};

// How many of `runs` may train together; at least one.
size_t Together(const Sweep& sweep, const std::vector<RunSpec>& runs, const Limits& limits) {
  const int64_t by_tokens = std::max<int64_t>(1, limits.tokens / runs.front().batch_size_tokens());
  auto size = static_cast<size_t>(std::min<int64_t>(by_tokens, limits.runs));
  size = std::min(size, runs.size());
  while (size > 1 &&
         !limits.fits(MakeJob(
             sweep, Pack{{runs.begin(), runs.begin() + static_cast<int64_t>(size)}, kNoTrunk, {}, {}, {}})))
    --size;
  return size;
}

// Equal parts of at most `size` rather than full ones and a small rest: the bounds of each.
std::vector<std::pair<size_t, size_t>> Divide(size_t all, size_t size) {
  const size_t count = (all + size - 1) / size;
  std::vector<std::pair<size_t, size_t>> parts;
  for (size_t i = 0; i < count; ++i) parts.emplace_back(i * all / count, (i + 1) * all / count);
  return parts;
}

std::vector<Pack> PacksOfLoneRuns(const Sweep& sweep, const Limits& limits) {
  std::map<std::tuple<int, int, int, int, int64_t, int64_t>, std::vector<RunSpec>> groups;
  for (const RunSpec& run : sweep.runs) {
    groups[{run.shape.d_model, run.shape.layers, run.shape.ffn_hidden, run.batch_sequences,
            run.schedule.steps, run.schedule.warmup_steps}]
        .push_back(run);
  }
  std::vector<Pack> packs;
  for (const auto& [key, runs] : groups) {
    for (const auto& [begin, end] : Divide(runs.size(), Together(sweep, runs, limits))) {
      packs.push_back({{runs.begin() + static_cast<int64_t>(begin), runs.begin() + static_cast<int64_t>(end)},
                       kNoTrunk,
                       {},
                       {},
                       {}});
    }
  }
  return packs;
}

// What trunks must share to train together, with all their branches.
std::string PlanOf(const Trunk& trunk) {
  std::string plan;
  auto add = [&plan](const RunSpec& run) {
    absl::StrAppend(&plan, run.shape.d_model, " ", run.shape.layers, " ", run.shape.ffn_hidden, " ",
                    run.batch_sequences, " ", run.schedule.steps, " ", run.schedule.warmup_steps, " ",
                    run.schedule.decay_steps, " ", run.from.step, "\n");
  };
  add(trunk.run);
  for (const RunSpec& run : trunk.branches) add(run);
  return plan;
}

// The pack of some trunks, then the packs of their branches, which name it as `index`.
std::vector<Pack> PacksOfTrunks(const Sweep& sweep, const std::vector<const Trunk*>& trunks, int index) {
  std::vector<Pack> packs(1 + trunks.front()->branches.size());
  std::set<int64_t> keep, validate;
  for (const RunSpec& run : trunks.front()->branches) {
    keep.insert(run.from.step);
    if (run.role != RunRole::kHorizon) continue;
    for (const int64_t step : EvenSteps(run.schedule.steps, sweep.curve.validation_points))
      if (step <= run.from.step) validate.insert(step);
  }
  packs[0].keep.assign(keep.begin(), keep.end());
  packs[0].validate.assign(validate.begin(), validate.end());
  for (const Trunk* trunk : trunks) {
    packs[0].runs.push_back(trunk->run);
    for (size_t i = 0; i < trunk->branches.size(); ++i) {
      packs[i + 1].runs.push_back(trunk->branches[i]);
      packs[i + 1].trunk = index;
      packs[i + 1].places.push_back(packs[0].runs.size() - 1);
    }
  }
  return packs;
}

void LongestFirst(std::vector<Pack>* packs) {
  std::stable_sort(packs->begin(), packs->end(),
                   [](const Pack& a, const Pack& b) { return a.flops() > b.flops(); });
}

}  // namespace

double Pack::flops() const {
  double sum = 0;
  for (const RunSpec& run : runs)
    sum += CountFlopsPerToken(run.shape).exact() * static_cast<double>(run.own_tokens());
  return sum;
}

FusedJob MakeJob(const Sweep& sweep, const Pack& pack) {
  const RunSpec& first = pack.runs.front();
  FusedJob job;
  job.shape = first.shape;
  job.batch_sequences = first.batch_sequences;
  job.schedule = first.schedule;
  job.beta1 = sweep.beta1;
  job.beta2 = sweep.beta2;
  job.epsilon = sweep.epsilon;
  job.clip_norm = sweep.clip_norm;
  job.validation_windows = sweep.data.validation_windows;
  job.first_window =
      first.from.tokens / first.shape.sequence_length - first.from.step * first.batch_sequences;
  for (const RunSpec& run : pack.runs) job.runs.push_back(run.settings);
  return job;
}

std::vector<int64_t> EvenSteps(int64_t steps, int points) {
  std::set<int64_t> at;
  for (int i = 1; i <= points; ++i) at.insert(std::max<int64_t>(1, steps * i / points));
  return {at.begin(), at.end()};
}

std::vector<Pack> MakePacks(const Sweep& sweep, int64_t max_fused_tokens, int max_fused_runs,
                            const std::function<bool(const FusedJob&)>& fits) {
  const Limits limits{max_fused_tokens, max_fused_runs, fits};
  std::map<std::string, std::vector<const Trunk*>> groups;
  for (const Trunk& trunk : sweep.trunks) groups[PlanOf(trunk)].push_back(&trunk);
  std::vector<std::vector<const Trunk*>> parts;
  for (const auto& [plan, trunks] : groups) {
    // Trunks and each of their branches train in packs of one size, so that all fit.
    size_t size = trunks.size();
    for (const Pack& pack : PacksOfTrunks(sweep, trunks, 0))
      size = std::min(size, Together(sweep, pack.runs, limits));
    for (const auto& [begin, end] : Divide(trunks.size(), size)) {
      parts.emplace_back(trunks.begin() + static_cast<int64_t>(begin),
                         trunks.begin() + static_cast<int64_t>(end));
    }
  }
  auto flops = [&](const std::vector<const Trunk*>& part) {
    double sum = 0;
    for (const Pack& pack : PacksOfTrunks(sweep, part, 0)) sum += pack.flops();
    return sum;
  };
  std::stable_sort(parts.begin(), parts.end(),
                   [&](const auto& a, const auto& b) { return flops(a) > flops(b); });
  std::vector<Pack> packs;
  std::vector<Pack> rest = PacksOfLoneRuns(sweep, limits);
  for (size_t i = 0; i < parts.size(); ++i) {
    std::vector<Pack> made = PacksOfTrunks(sweep, parts[i], static_cast<int>(i));
    packs.push_back(std::move(made.front()));
    rest.insert(rest.end(), std::make_move_iterator(made.begin() + 1), std::make_move_iterator(made.end()));
  }
  LongestFirst(&rest);
  packs.insert(packs.end(), std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  return packs;
}

}  // namespace sextant::trainer
