// SPDX-License-Identifier: Apache-2.0
#include "server/fit_table.h"

#include <algorithm>
#include <utility>

#include "server/names.h"
#include "server/newest_answer.h"
#include "server/status.h"

namespace sextant::server {
namespace {

const fitting::LossModel* LossModelOf(const ServedFit& fit) {
  if (!fit.predictor || fit.predictor->target() != fitting::Target::kLoss) return nullptr;
  return std::get_if<fitting::LossModel>(&fit.predictor->fit()->model);
}

// The newest fit of each law to the same losses as `newest`, averaged by held-out error; `newest` by itself
// where it is an average already, or there is no other. Errors on other rows say nothing about these.
std::shared_ptr<const fitting::Predictor> AveragedLoss(const std::map<std::string, ServedFit>& fits,
                                                       const ServedFit& newest) {
  const fitting::LossModel* model = LossModelOf(newest);
  if (model == nullptr || !model->members.empty()) return newest.predictor;
  const fitting::FitResult& fit = *newest.predictor->fit();
  std::map<std::string, const ServedFit*> by_law;
  for (const auto& [id, other] : fits) {
    const fitting::LossModel* of_other = LossModelOf(other);
    if (of_other == nullptr || !of_other->members.empty() || of_other->cell_best != model->cell_best)
      continue;
    const fitting::FitResult& made = *other.predictor->fit();
    if (made.data_digest != fit.data_digest || made.objective_kind != fit.objective_kind) continue;
    const ServedFit*& best = by_law[made.law_id];
    if (best == nullptr || other.end_time >= best->end_time) best = &other;
  }
  std::vector<std::shared_ptr<const fitting::Predictor>> averaged = {newest.predictor};
  for (const auto& [law, other] : by_law) {
    if (law != fit.law_id) averaged.push_back(other->predictor);
  }
  if (averaged.size() < 2) return newest.predictor;
  auto average = fitting::Predictor::Average(averaged);
  return average.ok() ? *std::move(average) : newest.predictor;
}

std::vector<std::shared_ptr<const fitting::Predictor>> CurrentOf(
    const std::map<std::string, ServedFit>& fits) {
  std::map<std::string, std::vector<const ServedFit*>> by_quantity;
  for (const auto& [id, fit] : fits) {
    if (fit.predictor) by_quantity[fit.quantity].push_back(&fit);
  }
  std::vector<std::shared_ptr<const fitting::Predictor>> current;
  for (auto& [quantity, of_one] : by_quantity) {
    // Of two that ended in one instant the last by id comes first.
    std::reverse(of_one.begin(), of_one.end());
    std::stable_sort(of_one.begin(), of_one.end(),
                     [](const ServedFit* a, const ServedFit* b) { return a->end_time > b->end_time; });
    std::vector<std::shared_ptr<const fitting::Predictor>> newest_first = {AveragedLoss(fits, *of_one[0])};
    for (std::size_t i = 1; i < of_one.size(); ++i) newest_first.push_back(of_one[i]->predictor);
    current.push_back(NewestAnswer(std::move(newest_first)));
  }
  return current;
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
  next->erase(study);
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
  changed->current = CurrentOf(changed->fits);
  found->second = std::move(changed);
  snapshot_.store(std::move(next));
}

void FitTable::Put(const std::string& study, const std::string& fit, ServedFit served) {
  ChangeStudy(study,
              [&](ServedStudy& served_study) { served_study.fits.insert_or_assign(fit, std::move(served)); });
}

void FitTable::Remove(const std::string& study, const std::string& fit) {
  ChangeStudy(study, [&](ServedStudy& served_study) { served_study.fits.erase(fit); });
}

void FitTable::MarkDamaged(const std::string& study, const std::string& damage) {
  ChangeStudy(study, [&](ServedStudy& served_study) { served_study.damage = damage; });
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
