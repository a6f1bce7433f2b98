// SPDX-License-Identifier: Apache-2.0
// Laws of the loss through the door: which losses they are fitted to, and what predictions say at a setting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "fitting/fit.h"
#include "fitting/predict.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/fitting/synthetic.h"

namespace sextant::fitting {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

double Floor(double params, double tokens) {
  return 1.8 + 480 / std::pow(params, 0.35) + 2100 / std::pow(tokens, 0.37);
}

FitResult FitTo(const RunTable& runs, const std::string& law, LossRuns which, std::int64_t replicates = 50) {
  FitRequest request;
  request.bootstrap_replicates = replicates;
  request.options = LossOptions{which};
  FitInput input;
  input.runs = runs;
  for (const char* form : {"loss-chinchilla", "loss-kaplan", "loss-skaling"})
    input.laws.push_back(ShippedLaw(form));
  auto fit = Fit(ShippedLaw(law), input, request);
  EXPECT_TRUE(fit.ok()) << fit.status();
  return fit.ok() ? *fit : FitResult();
}

std::shared_ptr<const Predictor> Served(const std::string& name, const FitResult& fit) {
  auto predictor = Predictor::FromFit(name, fit);
  EXPECT_TRUE(predictor.ok()) << predictor.status();
  return predictor.ok() ? *predictor : nullptr;
}

PredictionTarget Target2B() {
  PredictionTarget target;
  target.params = 2e9;
  target.tokens = 4e10;
  return target;
}

TEST(LossFit, OfASweepIsOfEachCellsOwnOptimum) {
  const FitResult fit = FitTo(KnownSweep(1e-3), "loss-chinchilla", LossRuns::kAuto);
  const auto& model = std::get<LossModel>(fit.model);
  EXPECT_TRUE(model.cell_best);
  EXPECT_EQ(fit.runs_used, 12);
  EXPECT_EQ(model.runs_considered, 12 * 121);
  const Prediction answer = PredictTogether({Served("f", fit)}, Target2B());
  const Quantity loss = answer.quantities.at(Target::kLoss);
  EXPECT_NEAR(loss.value / Floor(2e9, 4e10), 1, 2e-3);
  EXPECT_LT(*loss.low, Floor(2e9, 4e10));
  EXPECT_GT(*loss.high, Floor(2e9, 4e10));
  // Everyone's runs, bad rates included, lie above.
  const FitResult all = FitTo(KnownSweep(1e-3), "loss-chinchilla", LossRuns::kAll);
  EXPECT_EQ(all.runs_used, 12 * 121);
  EXPECT_GT(PredictTogether({Served("f", all)}, Target2B()).quantities.at(Target::kLoss).value,
            1.005 * loss.value);
}

TEST(LossFit, OfRunsAtOneSettingIsOfAllRuns) {
  RunTable runs;
  for (const double n : {1e7, 3e7, 1e8, 3e8}) {
    for (const double d : {1e9, 3e9, 1e10}) {
      for (const double seed : {-1e-3, 1e-3}) AddRun(runs, n, d, 1e-3, 1e5, Floor(n, d) * (1 + seed));
    }
  }
  const FitResult fit = FitTo(runs, "loss-chinchilla", LossRuns::kAuto);
  EXPECT_FALSE(std::get<LossModel>(fit.model).cell_best);
  EXPECT_EQ(fit.runs_used, 24);
}

TEST(LossFit, ScoresHeldOutCellsByTheirBestToo) {
  const RunTable all = KnownSweep();
  std::vector<bool> held_out;
  for (const double params : all.params) held_out.push_back(params > 5e8);
  FitInput input;
  input.holdout = SelectRows(all, held_out);
  held_out.flip();
  input.runs = SelectRows(all, held_out);
  FitRequest request;
  request.bootstrap_replicates = 0;
  request.holdout_filter = "params > 5e8";
  const auto fit = Fit(ShippedLaw("loss-chinchilla"), input, request);
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_TRUE(fit->holdout.has_value());
  EXPECT_EQ(fit->holdout->runs, 3);
  EXPECT_LT(fit->holdout->mean_relative_error, 1e-3);
}

TEST(LossFit, OfTheAverageKeepsItsOwnLawAndPredictsAsOne) {
  const FitResult fit = FitTo(KnownSweep(1e-3), "loss-average", LossRuns::kAuto);
  EXPECT_EQ(fit.law_id, "loss-average");
  const auto& model = std::get<LossModel>(fit.model);
  ASSERT_GE(model.members.size(), 2u);
  EXPECT_THAT(fit.law_toml, HasSubstr("w_chinchilla"));
  const Prediction answer = PredictTogether({Served("f", fit)}, Target2B());
  const Quantity loss = answer.quantities.at(Target::kLoss);
  EXPECT_NEAR(loss.value / Floor(2e9, 4e10), 1, .01);
  EXPECT_LE(*loss.low, *loss.parameter_low);
  EXPECT_EQ(answer.fits, std::vector<std::string>{"f"});
}

TEST(LossFit, SeveralFitsOfOneStudyAreAveraged) {
  const RunTable runs = KnownSweep(1e-3);
  const auto chinchilla = Served("a", FitTo(runs, "loss-chinchilla", LossRuns::kAuto));
  const auto kaplan = Served("b", FitTo(runs, "loss-kaplan", LossRuns::kAuto));
  const auto average = Predictor::Average({kaplan, chinchilla});
  ASSERT_TRUE(average.ok()) << average.status();
  const Prediction together = PredictTogether({*average}, Target2B());
  const double value = together.quantities.at(Target::kLoss).value;
  const double one = PredictTogether({chinchilla}, Target2B()).quantities.at(Target::kLoss).value;
  const double other = PredictTogether({kaplan}, Target2B()).quantities.at(Target::kLoss).value;
  EXPECT_GE(value, std::min(one, other));
  EXPECT_LE(value, std::max(one, other));
  EXPECT_LT(std::abs(value - one), std::abs(value - other)) << "the form that made the data weighs more";
  EXPECT_EQ(std::set<std::string>(together.fits.begin(), together.fits.end()),
            (std::set<std::string>{"a", "b"}));
  EXPECT_THAT(together.warnings, Contains(HasSubstr("average of fits")));
  EXPECT_FALSE(Predictor::Average({chinchilla}).ok());
}

TEST(LossAtASetting, CostsWhatTheSurfaceSays) {
  const RunTable runs = KnownSweep(2e-4);
  FitRequest request;
  request.estimator = "surface";
  request.bootstrap_replicates = 50;
  std::vector<std::shared_ptr<const Predictor>> group = {
      Served("loss", FitTo(runs, "loss-chinchilla", LossRuns::kAuto))};
  for (const char* law : {"lr-power-nd", "batch-power-nd"}) {
    auto fit = Fit(ShippedLaw(law), {.runs = runs}, request);
    ASSERT_TRUE(fit.ok()) << fit.status();
    group.push_back(Served(law, *fit));
  }
  PredictionTarget target;
  target.params = 6e8;
  target.tokens = 16e9;
  const Prediction best = PredictTogether(group, target);
  const Quantity optimum = best.quantities.at(Target::kLoss);
  const double rate = best.quantities.at(Target::kLearningRate).value;
  EXPECT_THAT(best.warnings, Not(Contains(HasSubstr("over the best setting"))));
  // Four times the best rate: the bowl is 0.02 x^2 there, the batch at its best.
  target.learning_rate = 4 * rate;
  const Prediction high = PredictTogether(group, target);
  const double x = std::log(4.0);
  EXPECT_NEAR(high.quantities.at(Target::kLoss).value / optimum.value - 1, 0.02 * x * x, 0.006);
  EXPECT_THAT(high.warnings, Contains(HasSubstr("over the best setting")));
  // A fixed batch: at the best rate for it.
  target.learning_rate.reset();
  target.batch_size_tokens = 4 * best.quantities.at(Target::kBatchSizeTokens).value;
  const double y = x, least = 0.012 * y * y - 0.008 * 0.008 * y * y / (4 * 0.02);
  EXPECT_NEAR(PredictTogether(group, target).quantities.at(Target::kLoss).value / optimum.value - 1, least,
              0.004);
  // Without a surface the loss stays that at the best setting, and says so.
  const Prediction bare = PredictTogether({group.front()}, target);
  EXPECT_EQ(bare.quantities.at(Target::kLoss).value, optimum.value);
  EXPECT_THAT(bare.warnings, Contains(HasSubstr("not at the given batch")));
}

// Every answer is finite and positive, or withheld, or warned of.
TEST(LossAtASetting, NastyTargetsGiveNoNumberThatIsNone) {
  const RunTable runs = KnownSweep(1e-3);
  std::vector<std::shared_ptr<const Predictor>> fits;
  for (const char* law : {"loss-chinchilla", "loss-kaplan", "loss-average"})
    fits.push_back(Served(law, FitTo(runs, law, LossRuns::kAuto, 20)));
  for (const auto& [id, law] : ShippedCatalogue()->laws()) {
    if (auto published = Predictor::FromLaw(law, ShippedCatalogue()); published.ok())
      fits.push_back(*published);
  }
  const double denormal = std::numeric_limits<double>::denorm_min();
  const double nasty[] = {denormal, 1e-308, 1e-30, 1, 1e9, 1e29, 1e30};
  int answers = 0;
  for (const auto& fit : fits) {
    for (const double n : nasty) {
      for (const double d : nasty) {
        for (const double batch : {0.0, denormal, 1e30}) {
          PredictionTarget target;
          target.params = n;
          target.tokens = d;
          if (batch > 0) target.batch_size_tokens = batch;
          if (!ValidateTarget(target).empty()) continue;
          const Prediction answer = PredictTogether({fit}, target);
          for (const auto& [what, quantity] : answer.quantities) {
            ++answers;
            ASSERT_TRUE(std::isfinite(quantity.value)) << fit->source() << " at " << n << ", " << d;
            for (const auto& end :
                 {quantity.low, quantity.high, quantity.parameter_low, quantity.parameter_high,
                  quantity.near_optimal_low, quantity.near_optimal_high}) {
              ASSERT_TRUE(!end || std::isfinite(*end)) << fit->source() << " at " << n << ", " << d;
            }
          }
          for (const auto& [name, value] : answer.other)
            ASSERT_TRUE(std::isfinite(value)) << fit->source() << " at " << n << ", " << d;
          if (answer.tradeoff) {
            ASSERT_TRUE(std::isfinite(answer.tradeoff->extra_steps_share.value))
                << fit->source() << n << " " << d;
            ASSERT_TRUE(std::isfinite(answer.tradeoff->extra_compute_share.value)) << fit->source();
          }
          ASSERT_TRUE(std::isfinite(answer.extrapolation_params)) << fit->source() << " " << n;
          ASSERT_TRUE(std::isfinite(answer.extrapolation_tokens)) << fit->source() << " " << d;
        }
      }
    }
  }
  EXPECT_GT(answers, 1000);
}

}  // namespace
}  // namespace sextant::fitting
