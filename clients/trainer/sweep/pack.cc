// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/sweep/pack.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "clients/trainer/model/counts.h"

namespace sextant::trainer {

double Pack::flops() const {
  double sum = 0;
  for (const RunSpec& run : runs)
    sum += CountFlopsPerToken(run.shape).exact() * static_cast<double>(run.tokens());
  return sum;
}

FusedJob MakeJob(const Sweep& sweep, const Pack& pack) {
  FusedJob job;
  job.shape = pack.runs.front().shape;
  job.batch_sequences = pack.runs.front().batch_sequences;
  job.schedule = pack.runs.front().schedule;
  job.beta1 = sweep.beta1;
  job.beta2 = sweep.beta2;
  job.epsilon = sweep.epsilon;
  job.clip_norm = sweep.clip_norm;
  job.validation_windows = sweep.data.validation_windows;
  for (const RunSpec& run : pack.runs) job.runs.push_back(run.settings);
  return job;
}

std::vector<Pack> MakePacks(const Sweep& sweep, int64_t max_fused_tokens, int max_fused_runs,
                            const std::function<bool(const FusedJob&)>& fits) {
  std::map<std::tuple<int, int, int, int, int64_t, int64_t>, std::vector<RunSpec>> groups;
  for (const RunSpec& run : sweep.runs) {
    groups[{run.shape.d_model, run.shape.layers, run.shape.ffn_hidden, run.batch_sequences,
            run.schedule.steps, run.schedule.warmup_steps}]
        .push_back(run);
  }
  std::vector<Pack> packs;
  for (const auto& [key, runs] : groups) {
    const int64_t by_tokens = std::max<int64_t>(1, max_fused_tokens / runs.front().batch_size_tokens());
    auto size = static_cast<size_t>(std::min<int64_t>(by_tokens, max_fused_runs));
    size = std::min(size, runs.size());
    while (size > 1 && !fits(MakeJob(sweep, Pack{{runs.begin(), runs.begin() + static_cast<int64_t>(size)}})))
      --size;
    // Equal packs rather than full ones and a small rest.
    const size_t count = (runs.size() + size - 1) / size;
    for (size_t i = 0; i < count; ++i) {
      packs.push_back({{runs.begin() + static_cast<int64_t>(i * runs.size() / count),
                        runs.begin() + static_cast<int64_t>((i + 1) * runs.size() / count)}});
    }
  }
  std::stable_sort(packs.begin(), packs.end(),
                   [](const Pack& a, const Pack& b) { return a.flops() > b.flops(); });
  return packs;
}

}  // namespace sextant::trainer
