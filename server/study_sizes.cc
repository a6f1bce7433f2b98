// SPDX-License-Identifier: Apache-2.0
#include "server/study_sizes.h"

#include <absl/strings/str_cat.h>

#include <cstdint>
#include <variant>

namespace sextant::server {

void StudySizes::Learn(storage::Snapshot& snapshot, const std::string& study) {
  const auto size = snapshot.GetStudySize(study);
  if (!size.ok()) return;
  const std::lock_guard lock(mutex_);
  sizes_[study] = *size;
}

void StudySizes::Forget(const std::string& study) {
  const std::lock_guard lock(mutex_);
  sizes_.erase(study);
}

std::optional<storage::StudySize> StudySizes::Find(const std::string& study) const {
  const std::lock_guard lock(mutex_);
  const auto found = sizes_.find(study);
  return found == sizes_.end() ? std::nullopt : std::optional(found->second);
}

void NoteOrigin(const storage::StudySize& size, const fitting::FitRequest& request,
                fitting::FitResult& result) {
  auto& notes = result.diagnostics;
  notes["study.runs"] = static_cast<double>(size.runs);
  notes["study.points"] = static_cast<double>(size.points);
  if (request.estimator.empty() || request.estimator == "auto") notes["option.auto"] = 1;
  for (const auto& [name, value] : request.fixed_parameters) notes["fixed." + name] = value;
  if (const auto* near = std::get_if<fitting::NearOptimalOptions>(&request.options))
    notes["option.band"] = near->band;
  if (const auto* batch = std::get_if<fitting::CriticalBatchOptions>(&request.options)) {
    notes["option.overhead"] = batch->overhead;
    notes["option.overhead_anchor_tokens"] = batch->overhead_anchor_tokens;
    for (std::size_t i = 0; i < batch->target_losses.size(); ++i)
      notes[absl::StrCat("option.target_loss.", i)] = batch->target_losses[i];
  }
  if (const auto* compute = std::get_if<fitting::ComputeOptimalOptions>(&request.options)) {
    notes["option.flops_count." + compute->flops_count] = 1;
  }
  if (const auto* loss = std::get_if<fitting::LossOptions>(&request.options)) {
    if (loss->runs == fitting::LossRuns::kAll) notes["option.runs.all"] = 1;
    if (loss->runs == fitting::LossRuns::kCellBest) notes["option.runs.cell-best"] = 1;
  }
  // What is asked for here, provenance has word for word.
  if (!request.loss.empty()) notes["option.loss"] = 1;
  if (!request.columns.empty()) notes["option.columns"] = 1;
}

std::string WhatFitMissed(const fitting::FitResult& fit, const storage::StudySize& now) {
  const auto runs = fit.diagnostics.find("study.runs");
  const auto points = fit.diagnostics.find("study.points");
  if (runs == fit.diagnostics.end() || points == fit.diagnostics.end()) return {};
  const auto more = now.runs - static_cast<std::int64_t>(runs->second);
  if (more > 0) {
    return absl::StrCat("its study has ", more, more == 1 ? " run" : " runs", " more than when it was made (",
                        now.runs, ", then ", static_cast<std::int64_t>(runs->second), ")");
  }
  if (more == 0 && now.points > static_cast<std::int64_t>(points->second)) {
    return "logs of its study's runs have grown since it was made";
  }
  return {};
}

}  // namespace sextant::server
