// SPDX-License-Identifier: Apache-2.0
#include "fitting/ledger/score.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace sextant::fitting::ledger {
namespace {

constexpr double kSameDistance = 1e-9;  // of logarithms: repeats of one setting

struct Band {
  double low = 0, high = std::numeric_limits<double>::infinity();
};

Band BandOf(const Stated& setting) {
  if (!setting.known()) return {};
  if (setting.near_optimal_low <= setting.near_optimal_high)
    return {setting.near_optimal_low, setting.near_optimal_high};
  return {setting.value / kSameSetting, setting.value * kSameSetting};
}

bool Inside(const Stated& setting, double value) {
  if (!setting.known()) return true;
  const Band band = BandOf(setting);
  // What a log prints as 0.001 is not always the same double.
  return value >= band.low * (1 - kSameDistance) && value <= band.high * (1 + kSameDistance);
}

/// Squared distance in logarithms from what is recommended; infinite where the run does not say.
double Distance(const ScoredForecast& forecast, const Trial& trial) {
  double sum = 0;
  for (const auto& [stated, value] : {std::pair{&forecast.learning_rate, trial.learning_rate},
                                      std::pair{&forecast.batch_size_tokens, trial.batch_size_tokens}}) {
    if (!stated->known()) continue;
    if (!(value > 0)) return std::numeric_limits<double>::infinity();
    sum += std::pow(std::log(value / stated->value), 2);
  }
  return sum;
}

Verdict VerdictOf(const Stated& stated, double low, double high) {
  if (std::isnan(stated.low) || std::isnan(stated.high)) return Verdict::kNoInterval;
  return high >= stated.low && low <= stated.high ? Verdict::kInside : Verdict::kOutside;
}

const Trial& Best(std::span<const Trial> trials) {
  return *std::min_element(trials.begin(), trials.end(), [](const Trial& a, const Trial& b) {
    return a.loss != b.loss ? a.loss < b.loss : a.id < b.id;
  });
}

void ScoreLoss(const ScoredForecast& forecast, std::span<const Trial> trials, ForecastOutcome& scored) {
  if (!forecast.loss.known()) return;
  Outcome outcome;
  outcome.quantity = "loss";
  if (!forecast.learning_rate.known() && !forecast.batch_size_tokens.known()) {
    const Trial& best = Best(trials);
    outcome.run = best.id;
    outcome.actual = best.loss;
    if (trials.size() > 1) outcome.note = "the best of the runs there: the forecast recommends no setting";
  } else {
    std::vector<const Trial*> there;
    for (const Trial& trial : trials) {
      if (Inside(forecast.learning_rate, trial.learning_rate) &&
          Inside(forecast.batch_size_tokens, trial.batch_size_tokens))
        there.push_back(&trial);
    }
    if (there.empty()) {
      scored.unscored.push_back({"loss", "no run has the recommended rate and batch"});
      return;
    }
    std::sort(there.begin(), there.end(), [&](const Trial* a, const Trial* b) {
      const double da = Distance(forecast, *a), db = Distance(forecast, *b);
      return da != db ? da < db : a->id < b->id;
    });
    // What the forecast leaves open is at its best in it: of the nearest settings the best one tells.
    const double nearest = Distance(forecast, *there.front());
    std::map<std::pair<double, double>, std::vector<const Trial*>> settings;
    for (const Trial* trial : there) {
      if (Distance(forecast, *trial) > nearest + kSameDistance) break;
      const auto known = [](double value) { return value > 0 ? value : 0; };  // NaN has no order
      settings[{known(trial->learning_rate), known(trial->batch_size_tokens)}].push_back(trial);
    }
    outcome.actual = std::numeric_limits<double>::infinity();
    std::size_t repeats = 0;
    for (const auto& [setting, runs] : settings) {
      double sum = 0;
      for (const Trial* run : runs) sum += run->loss;
      const double mean = sum / static_cast<double>(runs.size());
      if (mean >= outcome.actual) continue;
      outcome.actual = mean;
      outcome.run = runs.front()->id;
      repeats = runs.size();
    }
    if (repeats > 1) outcome.note = "the mean of " + std::to_string(repeats) + " runs of one setting";
    if (settings.size() > 1) {
      outcome.note += (outcome.note.empty() ? "the best of " : ", the best of ") +
                      std::to_string(settings.size()) + " settings that the forecast does not tell apart";
    }
  }
  outcome.error = std::log(outcome.actual / forecast.loss.value);
  outcome.verdict = VerdictOf(forecast.loss, outcome.actual, outcome.actual);
  scored.outcomes.push_back(std::move(outcome));
}

void ScoreSetting(const ScoredForecast& forecast, const char* quantity, const Stated& stated,
                  double Trial::*member, std::span<const Trial> trials, ForecastOutcome& scored) {
  if (!stated.known()) return;
  std::vector<Trial> told;
  std::set<double> tried;
  for (const Trial& trial : trials) {
    if (!(trial.*member > 0)) continue;
    told.push_back(trial);
    tried.insert(trial.*member);
  }
  if (tried.size() < kFewestNeighbours) {
    scored.unscored.push_back({quantity, std::to_string(tried.size()) +
                                             " values of it were tried there, of " +
                                             std::to_string(kFewestNeighbours) + " that a best one needs"});
    return;
  }
  const Trial& best = Best(told);
  const double value = best.*member;
  const auto at = tried.find(value);
  Outcome outcome;
  outcome.quantity = quantity;
  outcome.run = best.id;
  outcome.actual = value;
  outcome.error = std::log(value / stated.value);
  double low = 0, high = std::numeric_limits<double>::infinity();
  if (at != tried.begin()) low = std::sqrt(value * *std::prev(at));
  if (std::next(at) != tried.end()) high = std::sqrt(value * *std::next(at));
  if (low == 0 || std::isinf(high)) outcome.note = "the best is at the edge of what was tried";
  outcome.verdict = VerdictOf(stated, low, high);
  const Trial& nearest = *std::min_element(told.begin(), told.end(), [&](const Trial& a, const Trial& b) {
    const double da = Distance(forecast, a), db = Distance(forecast, b);
    return da != db ? da < db : a.loss < b.loss;
  });
  outcome.excess_loss = nearest.loss / best.loss - 1;
  scored.outcomes.push_back(std::move(outcome));
}

}  // namespace

ForecastOutcome ScoreForecast(const ScoredForecast& forecast, std::span<const Trial> trials) {
  ForecastOutcome scored;
  if (trials.empty()) return scored;
  if (!forecast.fixed_rate) {
    ScoreSetting(forecast, "learning_rate", forecast.learning_rate, &Trial::learning_rate, trials, scored);
  }
  if (!forecast.fixed_batch) {
    ScoreSetting(forecast, "batch_size_tokens", forecast.batch_size_tokens, &Trial::batch_size_tokens, trials,
                 scored);
  }
  ScoreLoss(forecast, trials, scored);
  return scored;
}

}  // namespace sextant::fitting::ledger
