// SPDX-License-Identifier: Apache-2.0
// One forecast against the finished runs at its target.
//
// A loss is that of the setting which was recommended. A rate or a batch is never observed: what is known is
// which of the settings tried beside it was best, and how much worse the one nearest to the forecast was.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

namespace sextant::fitting::ledger {

inline constexpr double kNotStated = std::numeric_limits<double>::quiet_NaN();

/// A finished run at the forecast's N and D. Rate and batch are NaN where it does not record them.
struct Trial {
  std::string id;
  double learning_rate = kNotStated, batch_size_tokens = kNotStated;
  double loss = kNotStated;  ///< positive, finite
};

/// A forecast number; NaN where the forecast does not say.
struct Stated {
  double value = kNotStated, low = kNotStated, high = kNotStated;
  double near_optimal_low = kNotStated, near_optimal_high = kNotStated;
  bool known() const { return value == value; }
};

/// What is scored. A rate or batch that the run was to have is a value with equal bounds of its near-optimal
/// band, and `fixed`: it is where the loss is read, and is no forecast.
struct ScoredForecast {
  Stated learning_rate, batch_size_tokens, loss;
  bool fixed_rate = false, fixed_batch = false;
};

enum class Verdict { kNoInterval, kInside, kOutside };

struct Outcome {
  std::string quantity;             ///< "learning_rate", "batch_size_tokens", "loss"
  std::string run;                  ///< which run tells
  double actual = kNotStated;       ///< of the best run; of the loss: the mean over repeats of the setting
  double error = kNotStated;        ///< ln(actual / forecast)
  double excess_loss = kNotStated;  ///< of rate and batch: relative, of the run nearest to the forecast
  Verdict verdict = Verdict::kNoInterval;
  std::string note;  ///< what to know about it; "" for nothing
};

/// A quantity that was forecast and is not scored, and why.
struct Unscored {
  std::string quantity, reason;
};

struct ForecastOutcome {
  std::vector<Outcome> outcomes;
  std::vector<Unscored> unscored;
};

/// Settings that count as the recommended one where the forecast states no near-optimal band: within this
/// factor.
inline constexpr double kSameSetting = 1.1;
/// Different values of a rate or batch that must have been tried before its forecast is scored: with fewer,
/// the best has no neighbour on both sides.
inline constexpr std::size_t kFewestNeighbours = 3;

/// Loss: the runs inside the near-optimal band of the recommended rate and batch, of them the nearest to it;
/// where the forecast recommends no setting, the best run. Rate and batch: the value of the best run, inside
/// the interval if the interval meets the range for which that value was the nearest tried (to the geometric
/// means with its neighbours; open at the edge of what was tried). Deterministic.
ForecastOutcome ScoreForecast(const ScoredForecast& forecast, std::span<const Trial> trials);

}  // namespace sextant::fitting::ledger
