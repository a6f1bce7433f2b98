// SPDX-License-Identifier: Apache-2.0
#include "server/fit_table.h"

#include <algorithm>
#include <utility>
#include <variant>

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

// Sets what answers for the study: of each quantity the newest fit that can. One that was left out for want
// of memory is not passed over for an older one.
void ChooseCurrent(ServedStudy& study) {
  std::map<std::string, std::vector<std::pair<const std::string*, const ServedFit*>>> by_quantity;
  for (const auto& [id, fit] : study.fits) {
    if (fit.predictor || fit.left_out) by_quantity[fit.quantity].emplace_back(&id, &fit);
  }
  study.current.clear();
  study.left_out.clear();
  for (auto& [quantity, of_one] : by_quantity) {
    // Of two that ended in one instant the last by id comes first.
    std::reverse(of_one.begin(), of_one.end());
    std::stable_sort(of_one.begin(), of_one.end(),
                     [](const auto& a, const auto& b) { return a.second->end_time > b.second->end_time; });
    if (!of_one[0].second->predictor) {
      study.left_out = *of_one[0].first;
      continue;
    }
    std::vector<std::shared_ptr<const fitting::Predictor>> newest_first = {
        AveragedLoss(study.fits, *of_one[0].second)};
    for (std::size_t i = 1; i < of_one.size(); ++i) {
      if (of_one[i].second->predictor) newest_first.push_back(of_one[i].second->predictor);
    }
    study.current.push_back(NewestAnswer(std::move(newest_first)));
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
  if (!loading_.contains(study)) ChooseCurrent(*changed);
  bytes_ += BytesOf(*changed) - BytesOf(*found->second);
  found->second = std::move(changed);
  snapshot_.store(std::move(next));
}

FitTable::Loading::Loading(FitTable& table, std::vector<std::string> studies)
    : table_(table), studies_(std::move(studies)) {
  const std::lock_guard lock(table_.change_);
  table_.loading_.insert(studies_.begin(), studies_.end());
}

FitTable::Loading::~Loading() {
  for (const std::string& study : studies_) {
    {
      const std::lock_guard lock(table_.change_);
      table_.loading_.erase(study);
    }
    table_.ChangeStudy(study, [](ServedStudy&) {});
  }
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
