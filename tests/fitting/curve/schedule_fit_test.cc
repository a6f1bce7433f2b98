// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/schedule_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "fitting/curve/rate_changes.h"

namespace sextant::fitting {
namespace {

// The 25M model of Luo et al. 2025 under the schedules its authors fitted.
const MultiPowerLaw kTruth = {3.04045406, .52468604, .50786857, 363.78751622,
                              2.06560812, .58279013, .64142257};

std::vector<double> Rates(DecayShape shape, double total, double end = 3e-5) {
  return *MakeSchedule({.shape = shape,
                        .peak_learning_rate = 3e-4,
                        .final_learning_rate = end,
                        .total_steps = total,
                        .warmup_steps = 500});
}

ScheduledCurve Curve(std::vector<double> rate, double noise, uint64_t stream) {
  ScheduledCurve curve;
  curve.learning_rate = std::move(rate);
  for (size_t step = 700; step < curve.learning_rate.size(); step += 60) curve.step.push_back(step);
  curve.loss = MultiPowerLoss(kTruth, curve.learning_rate, curve.step);
  RandomStream random(1, stream);
  for (double& loss : curve.loss) loss *= std::exp(noise * random.Normal());
  return curve;
}

std::vector<ScheduledCurve> Training(double noise) {
  std::vector<double> two_stage = Rates(DecayShape::kConstant, 8000);
  for (size_t i = 5000; i < two_stage.size(); ++i) two_stage[i] = 9e-5;
  return {Curve(Rates(DecayShape::kCosine, 8000), noise, 1),
          Curve(Rates(DecayShape::kConstant, 8000), noise, 2), Curve(two_stage, noise, 3)};
}

double RelativeError(const std::vector<double>& predicted, const std::vector<double>& observed) {
  double sum = 0;
  for (size_t i = 0; i < predicted.size(); ++i) sum += std::fabs(predicted[i] / observed[i] - 1);
  return sum / static_cast<double>(predicted.size());
}

TEST(MultiPowerFit, PredictsASchedulesItHasNotSeen) {
  const auto fit = FitMultiPower(Training(.002), {.points_per_curve = 60});
  ASSERT_TRUE(fit.ok()) << fit.status().message();
  EXPECT_TRUE(fit->converged);
  EXPECT_LT(fit->relative_error, .0025);
  EXPECT_GE(fit->starts_at_optimum, 6) << "of " << fit->starts;
  for (DecayShape shape : {DecayShape::kWsd, DecayShape::kLinear}) {
    const ScheduledCurve unseen = Curve(Rates(shape, 16000), 0, 9);
    EXPECT_LT(RelativeError(MultiPowerLoss(fit->law, unseen.learning_rate, unseen.step), unseen.loss), .003);
  }
}

TEST(MultiPowerFit, FindsTheLawBehindExactCurves) {
  const auto fit = FitMultiPower(Training(0), {.points_per_curve = 60});
  ASSERT_TRUE(fit.ok());
  EXPECT_LT(fit->relative_error, 4e-4);  // what merging the rate changes costs
  EXPECT_NEAR(fit->law.l0, kTruth.l0, .02);
  EXPECT_NEAR(fit->law.alpha, kTruth.alpha, .02);
}

TEST(MultiPowerFit, PlacesALoneDropWhereItIs) {
  // One drop at step 2500 of 8000 and nothing after it: placed later, its gain would come too late.
  std::vector<double> rate = Rates(DecayShape::kConstant, 8000);
  for (size_t i = 2500; i < rate.size(); ++i) rate[i] = 6e-5;
  std::vector<double> later = Rates(DecayShape::kConstant, 8000);
  for (size_t i = 6000; i < later.size(); ++i) later[i] = 6e-5;
  const auto fit = FitMultiPower(std::vector<ScheduledCurve>{Curve(rate, 0, 1), Curve(later, 0, 2)},
                                 {.points_per_curve = 120});
  ASSERT_TRUE(fit.ok()) << fit.status().message();
  EXPECT_LT(fit->relative_error, 2e-4);
}

TEST(MultiPowerFit, EveryPointEntersAndOutliersDoNot) {
  // 40 times the points of what a curve is gathered into: the noise of the answer falls with all of them.
  std::vector<ScheduledCurve> curves;
  for (const DecayShape shape : {DecayShape::kCosine, DecayShape::kWsd}) {
    ScheduledCurve& curve = curves.emplace_back();
    curve.learning_rate = Rates(shape, 8000);
    for (size_t step = 700; step < 8000; ++step) curve.step.push_back(step);
    curve.loss = MultiPowerLoss(kTruth, curve.learning_rate, curve.step);
    RandomStream random(3, curves.size());
    for (double& loss : curve.loss) {
      loss *= std::exp(.01 * random.Normal());
      if (random.Index(100) == 0) loss *= 2;  // spikes
    }
  }
  const auto fit = FitMultiPower(curves, {.replicates = 40});
  ASSERT_TRUE(fit.ok()) << fit.status().message();
  EXPECT_EQ(fit->replicates.size(), 40U);
  for (const DecayShape shape : {DecayShape::kLinear, DecayShape::kConstant}) {
    const ScheduledCurve unseen = Curve(Rates(shape, 8000), 0, 9);
    EXPECT_LT(RelativeError(MultiPowerLoss(fit->law, unseen.learning_rate, unseen.step), unseen.loss), .0015);
  }
}

TEST(MultiPowerFit, APriorThatCurvesContradictIsNotFelt) {
  // Memory of 100 steps instead of 9, beta 0.3: falls of several sizes tell.
  MultiPowerLaw truth = kTruth;
  truth.beta = .3;
  truth.c = std::pow(3e-4, truth.gamma - 1) / 100;
  std::vector<ScheduledCurve> curves = Training(0);
  curves.push_back(Curve(Rates(DecayShape::kWsd, 8000), 0, 4));
  for (ScheduledCurve& curve : curves) curve.loss = MultiPowerLoss(truth, curve.learning_rate, curve.step);
  const auto fit = FitMultiPower(curves);
  ASSERT_TRUE(fit.ok()) << fit.status().message();
  EXPECT_NEAR(fit->law.beta, .3, .03);
  EXPECT_TRUE(fit->warnings.empty()) << fit->warnings.front();
  EXPECT_LT(fit->relative_error, 1e-4);
}

TEST(RateChanges, MergedSumsAreThoseOfEveryChange) {
  std::vector<double> rates = Rates(DecayShape::kCosine, 20000);
  for (size_t i = 15000; i < rates.size(); ++i) rates[i] *= .3;
  for (size_t i = 18000; i < rates.size(); ++i) rates[i] = 0;
  const RateChanges changes(rates);
  for (const size_t step : {0, 3, 450, 499, 600, 9999, 14999, 15000, 15003, 17999, 19999}) {
    const std::vector<size_t> at = {step};
    const double exact = MultiPowerLoss(kTruth, rates, at).front();
    double gained = 0;
    const auto merged = changes.Before(step);
    EXPECT_LT(merged.size(), 80U);
    for (const MergedChange& change : merged) {
      const double q = kTruth.c * std::exp(-kTruth.gamma * change.log_rate) * change.since;
      gained += change.drop * (1 - std::pow(1 + q, -kTruth.beta));
    }
    const double loss = kTruth.l0 + kTruth.a * std::pow(changes.Sum(step), -kTruth.alpha) - kTruth.b * gained;
    EXPECT_NEAR(loss / exact, 1, 2e-5) << step;
  }
}

TEST(TissueFit, RecoversItsOwnLaw) {
  const TissueLaw truth = {.l0 = 2.5, .a = .5, .alpha = .5, .c = .4, .lambda = .999, .anneal_from = 500};
  std::vector<ScheduledCurve> curves = Training(0);
  for (ScheduledCurve& curve : curves) {
    const std::vector<double> loss = TissueLoss(truth, curve.learning_rate);
    for (size_t i = 0; i < curve.step.size(); ++i) curve.loss[i] = loss[curve.step[i]];
  }
  const auto fit = FitTissue(curves, {.anneal_from = 500});
  ASSERT_TRUE(fit.ok()) << fit.status().message();
  EXPECT_TRUE(fit->converged);
  EXPECT_DOUBLE_EQ(fit->law.lambda, .999);
  EXPECT_NEAR(fit->law.l0, 2.5, 1e-4);
  EXPECT_NEAR(fit->law.alpha, .5, 1e-4);
  EXPECT_NEAR(fit->law.c, .4, 1e-3);
}

TEST(ScheduleFits, SayWhatIsMissing) {
  const std::vector<ScheduledCurve> constant = {Curve(Rates(DecayShape::kConstant, 8000), 0, 1)};
  EXPECT_EQ(FitTissue(constant, {.anneal_from = 500}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(FitTissue({}).ok());
  std::vector<ScheduledCurve> bad = Training(0);
  bad[1].step.back() = 1'000'000;
  bad[1].loss.resize(bad[1].step.size());
  EXPECT_EQ(FitMultiPower(bad).status().code(), absl::StatusCode::kInvalidArgument);
  bad = Training(0);
  bad[0].learning_rate[10] = NAN;
  EXPECT_EQ(FitMultiPower(bad).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sextant::fitting
