// SPDX-License-Identifier: Apache-2.0
#include "fitting/ledger/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace sextant::fitting::ledger {
namespace {

// Rates by factors of 2 around 4e-3, the best of them; the loss rises by 1 % for each factor.
std::vector<Trial> Rates() {
  std::vector<Trial> trials;
  for (int i = -2; i <= 2; ++i)
    trials.push_back(
        {"r" + std::to_string(i + 2), 4e-3 * std::pow(2, i), 65536, 3 * (1 + 0.01 * std::abs(i))});
  return trials;
}

ScoredForecast Rate(double value, double low, double high) {
  ScoredForecast forecast;
  forecast.learning_rate = {value, low, high, value / 1.2, value * 1.2};
  return forecast;
}

const Outcome* Find(const ForecastOutcome& scored, const std::string& quantity) {
  for (const Outcome& outcome : scored.outcomes) {
    if (outcome.quantity == quantity) return &outcome;
  }
  return nullptr;
}

TEST(Score, ARateIsHeldAgainstTheBestOfItsNeighbours) {
  const auto trials = Rates();
  const ForecastOutcome right = ScoreForecast(Rate(4e-3, 3e-3, 6e-3), trials);
  const Outcome* rate = Find(right, "learning_rate");
  ASSERT_NE(rate, nullptr);
  EXPECT_EQ(rate->run, "r2");
  EXPECT_EQ(rate->actual, 4e-3);
  EXPECT_EQ(rate->verdict, Verdict::kInside);
  EXPECT_NEAR(rate->excess_loss, 0, 1e-15);
  EXPECT_EQ(rate->note, "");

  const ForecastOutcome wrong = ScoreForecast(Rate(16e-3, 12e-3, 20e-3), trials);
  EXPECT_EQ(Find(wrong, "learning_rate")->verdict, Verdict::kOutside);
  EXPECT_NEAR(Find(wrong, "learning_rate")->error, std::log(0.25), 1e-12);
  EXPECT_NEAR(Find(wrong, "learning_rate")->excess_loss, 0.02, 1e-12);

  // The best of a grid stands for the range in which it was the nearest tried: 2.83e-3 to 5.66e-3.
  EXPECT_EQ(Find(ScoreForecast(Rate(5.7e-3, 5.6e-3, 6e-3), trials), "learning_rate")->verdict,
            Verdict::kInside);
  EXPECT_EQ(Find(ScoreForecast(Rate(5.8e-3, 5.7e-3, 6e-3), trials), "learning_rate")->verdict,
            Verdict::kOutside);
}

TEST(Score, ALossIsNotHeldAgainstTheMeanOverRatesThatTheForecastLeavesOpen) {
  std::vector<Trial> trials = Rates();
  trials.push_back({"again", 4e-3, 65536, 3.02});
  ScoredForecast forecast;
  forecast.batch_size_tokens = {65536, 32768, 131072, 50000, 80000};
  forecast.loss = {3, 2.9, 3.1, kNotStated, kNotStated};
  const ForecastOutcome scored = ScoreForecast(forecast, trials);
  const Outcome* loss = Find(scored, "loss");
  ASSERT_NE(loss, nullptr);
  EXPECT_NEAR(loss->actual, 3.01, 1e-12);  // two runs at the best of five rates
  EXPECT_EQ(
      loss->note,
      "the mean of 2 runs of one setting, the best of 5 settings that the forecast does not tell apart");
}

TEST(Score, ABestAtTheEdgeIsSaidToBeOne) {
  std::vector<Trial> trials = Rates();
  trials.resize(3);  // the best is the largest
  const ForecastOutcome scored = ScoreForecast(Rate(16e-3, 12e-3, 20e-3), trials);
  EXPECT_EQ(Find(scored, "learning_rate")->verdict, Verdict::kInside) << "nothing says how far up it lies";
  EXPECT_NE(Find(scored, "learning_rate")->note.find("edge"), std::string::npos);
}

TEST(Score, FewerThanThreeValuesTellNothingOfARate) {
  std::vector<Trial> trials = Rates();
  trials.resize(2);
  trials.push_back(trials[0]);
  trials.back().id = "again";
  const ForecastOutcome scored = ScoreForecast(Rate(4e-3, 3e-3, 6e-3), trials);
  EXPECT_EQ(Find(scored, "learning_rate"), nullptr);
  ASSERT_EQ(scored.unscored.size(), 1U);
  EXPECT_EQ(scored.unscored[0].quantity, "learning_rate");
  EXPECT_NE(scored.unscored[0].reason.find("2 values"), std::string::npos);
}

TEST(Score, ALossIsThatOfTheRecommendedSetting) {
  ScoredForecast forecast = Rate(4.1e-3, 3e-3, 6e-3);
  forecast.loss = {3.05, 2.9, 3.1};
  std::vector<Trial> trials = Rates();
  ForecastOutcome scored = ScoreForecast(forecast, trials);
  EXPECT_EQ(Find(scored, "loss")->run, "r2");
  EXPECT_EQ(Find(scored, "loss")->verdict, Verdict::kInside);
  EXPECT_NEAR(Find(scored, "loss")->error, std::log(3 / 3.05), 1e-12);

  // Repeats of the setting are one measurement: their mean.
  trials.push_back({"r2-seed-2", 4e-3, 65536, 3.4});
  scored = ScoreForecast(forecast, trials);
  EXPECT_NEAR(Find(scored, "loss")->actual, 3.2, 1e-12);
  EXPECT_EQ(Find(scored, "loss")->verdict, Verdict::kOutside);

  // Nothing was run inside the band: a worse setting is no measure of the forecast.
  std::vector<Trial> far = {trials[0], trials[4]};
  scored = ScoreForecast(forecast, far);
  EXPECT_EQ(Find(scored, "loss"), nullptr);
  EXPECT_EQ(scored.unscored.back().quantity, "loss");
}

TEST(Score, ALossWithoutASettingIsThatOfTheBestRun) {
  ScoredForecast forecast;
  forecast.loss = {2.95, 2.9, 2.99};
  const ForecastOutcome scored = ScoreForecast(forecast, Rates());
  EXPECT_EQ(Find(scored, "loss")->actual, 3);
  EXPECT_EQ(Find(scored, "loss")->verdict, Verdict::kOutside);
  forecast.loss.low = kNotStated;
  EXPECT_EQ(Find(ScoreForecast(forecast, Rates()), "loss")->verdict, Verdict::kNoInterval);
}

TEST(Score, AFixedSettingIsNoForecast) {
  ScoredForecast forecast = Rate(8e-3, kNotStated, kNotStated);
  forecast.fixed_rate = true;
  forecast.loss = {3.03, 3, 3.06};
  const ForecastOutcome scored = ScoreForecast(forecast, Rates());
  EXPECT_EQ(Find(scored, "learning_rate"), nullptr);
  EXPECT_NEAR(Find(scored, "loss")->actual, 3.03, 1e-12) << "at the rate that was to be run";
}

TEST(Score, RunsThatDoNotSayTheirRateAreNoHelp) {
  std::vector<Trial> trials = Rates();
  for (Trial& trial : trials) trial.learning_rate = kNotStated;
  ScoredForecast forecast = Rate(4e-3, 3e-3, 6e-3);
  forecast.loss = {3, 2.9, 3.1};
  const ForecastOutcome scored = ScoreForecast(forecast, trials);
  EXPECT_TRUE(scored.outcomes.empty());
  EXPECT_EQ(scored.unscored.size(), 2U);
  EXPECT_TRUE(ScoreForecast(forecast, {}).outcomes.empty());
}

}  // namespace
}  // namespace sextant::fitting::ledger
