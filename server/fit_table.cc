// SPDX-License-Identifier: Apache-2.0
#include "server/fit_table.h"

#include <utility>
#include <variant>

#include "server/names.h"
#include "server/status.h"

namespace sextant::server {
namespace {

// Sets what answers for the study: the newest fit of each quantity. One that was left out for want of memory
// is not passed over for an older one.
void ChooseCurrent(ServedStudy& study) {
  std::map<std::string, std::pair<const std::string*, const ServedFit*>> newest;
  for (const auto& [id, fit] : study.fits) {
    if (!fit.predictor && !fit.left_out) continue;
    auto& best = newest[fit.quantity];
    if (best.second == nullptr || fit.end_time >= best.second->end_time) best = {&id, &fit};
  }
  study.current.clear();
  study.left_out.clear();
  for (const auto& [quantity, fit] : newest) {
    if (fit.second->predictor) {
      study.current.push_back(fit.second->predictor);
    } else {
      study.left_out = *fit.first;
    }
  }
}

std::int64_t BytesOf(const ServedStudy& study) {
  std::int64_t bytes = 0;
  for (const auto& [id, fit] : study.fits) bytes += fit.predictor ? fit.bytes : 0;
  return bytes;
}

}  // namespace

void FitTable::AddStudy(const std::string& study) {
  std::lock_guard lock(change_);
  auto next = std::make_shared<Snapshot>(*snapshot_.load());
  next->try_emplace(study, std::make_shared<const ServedStudy>());
  snapshot_.store(std::move(next));
}

void FitTable::RemoveStudy(const std::string& study) {
  std::lock_guard lock(change_);
  auto next = std::make_shared<Snapshot>(*snapshot_.load());
  const auto found = next->find(study);
  if (found == next->end()) return;
  bytes_ -= BytesOf(*found->second);
  next->erase(found);
  snapshot_.store(std::move(next));
}

template <typename Change>
void FitTable::ChangeStudy(const std::string& study, Change change) {
  std::lock_guard lock(change_);
  auto next = std::make_shared<Snapshot>(*snapshot_.load());
  const auto found = next->find(study);
  if (found == next->end()) return;
  auto changed = std::make_shared<ServedStudy>(*found->second);
  change(*changed);
  ChooseCurrent(*changed);
  bytes_ += BytesOf(*changed) - BytesOf(*found->second);
  found->second = std::move(changed);
  snapshot_.store(std::move(next));
}

bool FitTable::Put(const std::string& study, const std::string& fit, ServedFit served) {
  bool has_room = true;
  ChangeStudy(study, [&](ServedStudy& served_study) {
    const auto before = served_study.fits.find(fit);
    const bool replaces = before != served_study.fits.end() && before->second.predictor;
    has_room = !served.predictor || bytes_ - (replaces ? before->second.bytes : 0) + served.bytes <= budget_;
    if (!has_room) {
      served.predictor = nullptr;
      served.left_out = true;
    }
    served_study.fits.insert_or_assign(fit, std::move(served));
  });
  return has_room;
}

void FitTable::Remove(const std::string& study, const std::string& fit) {
  ChangeStudy(study, [&](ServedStudy& served_study) { served_study.fits.erase(fit); });
}

void FitTable::MarkDamaged(const std::string& study, const std::string& damage) {
  ChangeStudy(study, [&](ServedStudy& served_study) { served_study.damage = damage; });
}

std::int64_t BytesServed(const fitting::FitResult& result) {
  std::size_t doubles = 2 * result.replicates.size();
  if (const auto* optimum = std::get_if<fitting::OptimumModel>(&result.model))
    doubles += 2 * optimum->replicates.size();
  return static_cast<std::int64_t>(doubles * sizeof(double));
}

ServedFit ServeFit(const storage::Fit& fit) {
  ServedFit served;
  served.state = fit.state;
  served.error = fit.error;
  served.end_time = fit.end_time;
  if (fit.state != storage::FitState::kSucceeded) return served;
  if (!fit.damage.empty()) {
    served.state = storage::FitState::kFailed;
    served.error = "cannot be read back: the stored fit " + fit.damage;
    served.set_aside = true;
    return served;
  }
  const absl::Status read = StopExceptions([&] {
    auto spec = fitting::ParseLawSpec(fit.result.law_toml);
    if (!spec.ok()) return spec.status();
    auto predictor = fitting::Predictor::FromFit(FitName(fit.study_id, fit.id), fit.result);
    if (!predictor.ok()) return predictor.status();
    served.quantity = fitting::QuantityName(*spec);
    served.bytes = BytesServed(fit.result);
    served.predictor = *std::move(predictor);
    return absl::OkStatus();
  });
  if (!read.ok()) {
    served.state = storage::FitState::kFailed;
    served.error = "cannot be read back: " + std::string(read.message());
    served.set_aside = true;
  }
  return served;
}

}  // namespace sextant::server
