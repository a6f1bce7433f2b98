// SPDX-License-Identifier: Apache-2.0
// Several fits at one target: the loss is charged for a rate or a batch that is not the best.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fitting/predict.h"

namespace sextant::fitting {
namespace {

using Group = std::vector<std::shared_ptr<const Predictor>>;

std::optional<double> ValueOf(const Prediction& prediction, Target target) {
  const auto found = prediction.quantities.find(target);
  return found == prediction.quantities.end() ? std::nullopt : std::optional(found->second.value);
}

/// The model of the loss that was answered; null for published laws and fits from before there were any.
const LossModel* LossModelOf(const Group& group) {
  for (const auto& predictor : group) {
    if (predictor->target() != Target::kLoss || predictor->fit() == nullptr) continue;
    return std::get_if<LossModel>(&predictor->fit()->model);
  }
  return nullptr;
}

bool Sweeps(const OptimumModel& model, const std::string& axis) {
  return std::any_of(model.parameter_names.begin(), model.parameter_names.end(),
                     [&](const std::string& name) { return name.rfind("surface." + axis + ".", 0) == 0; });
}

/// What to take for an axis that the runs did not vary: the surface ignores it.
double MiddleOf(const FittedRange& range) {
  return range.low > 0 && std::isfinite(range.high) ? std::sqrt(range.low * range.high) : 1;
}

/// Over the loss at the recommended setting: 1.01 is 1 % more.
struct Charge {
  double factor = 1, low = 1, high = 1;
  double rate = 0, batch = 0;
};

/// The settings that are asked for, and those that are recommended. Absent: no fit says.
struct Settings {
  std::optional<double> rate, batch, best_rate, best_batch;
};

/// By the fit's loss surface; nothing where it has none, or does not cover an axis that the target fixes.
std::optional<Charge> ChargeBy(const Predictor& predictor, const PredictionTarget& target,
                               const PredictionTarget& free, const Settings& at) {
  const auto* model =
      predictor.fit() == nullptr ? nullptr : std::get_if<OptimumModel>(&predictor.fit()->model);
  if (model == nullptr || (target.learning_rate && !Sweeps(*model, "rate")) ||
      (target.batch_size_tokens && !Sweeps(*model, "batch"))) {
    return std::nullopt;
  }
  Charge charge;
  const double best_rate = at.best_rate.value_or(at.rate.value_or(MiddleOf(model->learning_rate)));
  const double best_batch = at.best_batch.value_or(at.batch.value_or(MiddleOf(model->batch_size_tokens)));
  charge.rate = at.rate.value_or(best_rate);
  charge.batch = at.batch.value_or(best_batch);
  // Without a law of the other axis its best is not known: the price of the recommended setting would be off.
  if ((target.learning_rate && !at.best_rate) || (target.batch_size_tokens && !at.best_batch))
    return std::nullopt;
  const auto grid = predictor.Penalties(free, {charge.rate, best_rate}, {charge.batch, best_batch}, nullptr);
  if (!grid.ok()) return std::nullopt;
  const PenaltyPoint& asked = grid->front();
  // The recommended setting has a price as well, since the optimum is not known: the loss includes it.
  const double recommended = 1 + grid->back().expected;
  charge.factor = std::max(1.0, (1 + asked.expected) / recommended);
  charge.low = std::clamp((1 + asked.low.value_or(asked.expected)) / recommended, 1.0, charge.factor);
  charge.high = std::max(charge.factor, (1 + asked.high.value_or(asked.expected)) / recommended);
  return std::isfinite(charge.high) ? std::optional(charge) : std::nullopt;
}

/// Warnings of several fits: each said once, by the laws that it is about; those that all share name none.
class SharedWarnings {
 public:
  explicit SharedWarnings(std::size_t fits) : fits_(fits) {}

  void Take(const std::string& law, std::vector<std::string>& warnings) {
    for (std::string& text : warnings) {
      const auto found =
          std::find_if(lines_.begin(), lines_.end(), [&](const Line& line) { return line.text == text; });
      Line& line = found == lines_.end() ? lines_.emplace_back(Line{std::move(text), {}}) : *found;
      line.laws.push_back(law);
    }
    warnings.clear();
  }

  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    for (const Line& line : lines_) {
      const bool of_all = line.laws.size() == fits_;
      lines.push_back(of_all ? line.text : absl::StrCat(absl::StrJoin(line.laws, ", "), ": ", line.text));
    }
    return lines;
  }

 private:
  struct Line {
    std::string text;
    std::vector<std::string> laws;
  };
  const std::size_t fits_;
  std::vector<Line> lines_;
};

void ChargeSetting(const Group& group, const PredictionTarget& target, Prediction& prediction) {
  const auto loss = prediction.quantities.find(Target::kLoss);
  if (loss == prediction.quantities.end() || (!target.learning_rate && !target.batch_size_tokens)) return;
  const std::string asked = !target.learning_rate       ? "the given batch"
                            : !target.batch_size_tokens ? "the given learning rate"
                                                        : "the given learning rate and batch";
  const LossModel* model = LossModelOf(group);
  if (model == nullptr && !target.learning_rate) return;
  if (model == nullptr || !model->cell_best) {
    prediction.warnings.push_back(
        absl::StrCat("the loss is not that at ", asked, ": it is of runs whatever their setting"));
    return;
  }
  // Without a fixed setting the same fits recommend the best one.
  PredictionTarget free = target;
  free.learning_rate.reset();
  free.batch_size_tokens.reset();
  Prediction best;
  for (const auto& predictor : group) {
    if (predictor->target() != Target::kLoss) predictor->Predict(free, best);
  }
  Settings settings;
  settings.best_rate = ValueOf(best, Target::kLearningRate);
  settings.best_batch = ValueOf(best, Target::kBatchSizeTokens);
  settings.rate = target.learning_rate ? target.learning_rate : ValueOf(prediction, Target::kLearningRate);
  settings.batch = target.batch_size_tokens ? target.batch_size_tokens : settings.best_batch;
  std::optional<Charge> charge;
  for (const auto& predictor : group) {
    if (!charge) charge = ChargeBy(*predictor, target, free, settings);
  }
  if (!charge) {
    prediction.warnings.push_back(absl::StrCat(
        "the loss is that at the best setting, not at ", asked,
        ": that takes fits of learning rate and batch size by an estimator with a loss surface"));
    return;
  }
  Quantity& quantity = loss->second;
  quantity.value *= charge->factor;
  for (auto* low : {&quantity.low, &quantity.parameter_low}) {
    if (*low) *low = **low * charge->low;
  }
  for (auto* high : {&quantity.high, &quantity.parameter_high}) {
    if (*high) *high = **high * charge->high;
  }
  prediction.warnings.push_back(absl::StrFormat(
      "the loss is that at learning rate %.4g and %.4g tokens per step, %.2f %% over the best "
      "setting",
      charge->rate, charge->batch, 100 * (charge->factor - 1)));
}

}  // namespace

Prediction PredictTogether(const Group& group, const PredictionTarget& target) {
  Prediction prediction;
  SharedWarnings warnings(group.size());
  for (const auto& predictor : group) {
    predictor->Predict(target, prediction);
    warnings.Take(predictor->law()->spec().id, prediction.warnings);
  }
  prediction.warnings = warnings.Lines();
  ChargeSetting(group, target, prediction);
  return prediction;
}

}  // namespace sextant::fitting
