// SPDX-License-Identifier: Apache-2.0
// Seeded calls of the public library with denormal, huge, missing and infinite numbers among plausible ones:
// whatever is answered is finite, or a warning says what is not. SEXTANT_HOSTILE_ROUNDS and SEXTANT_TEST_SEED
// make other and longer runs; the default is some 4000 calls.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/curve/extrapolate.h"
#include "fitting/curve/forecast.h"
#include "fitting/fit.h"
#include "fitting/fit_check.h"
#include "fitting/predict.h"
#include "tests/fitting/catalogue_fixture.h"

namespace sextant::fitting {
namespace {

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::uint64_t Rounds(std::uint64_t usual) { return usual * FromEnvironment("SEXTANT_HOSTILE_ROUNDS", 1); }
std::uint64_t Seed() { return FromEnvironment("SEXTANT_TEST_SEED", 1); }

class HostileNumbers {
 public:
  HostileNumbers(std::uint64_t seed, std::uint64_t round) : random_(seed, round) {
    // Every third round has none, so that what follows the checks is reached as well.
    rate_ = round % 3 == 0 ? 0 : round % 3 == 1 ? 0.02 : 0.3;
    // Units: losses of 1e-300 or steps of 1e300 are plausible to nobody, but finite.
    scale_ = random_.Index(4) == 0 ? std::exp(600 * (2 * random_.Uniform() - 1)) : 1;
  }
  double Number(double plausible) { return Chance(rate_) ? Odd() : plausible * scale_; }
  double Unscaled(double plausible) { return Chance(rate_) ? Odd() : plausible; }
  bool Chance(double share) { return random_.Uniform() < share; }
  double Odd() {
    using Limits = std::numeric_limits<double>;
    const double odd[] = {Limits::quiet_NaN(),
                          Limits::infinity(),
                          -Limits::infinity(),
                          Limits::denorm_min(),
                          -Limits::denorm_min(),
                          Limits::min(),
                          Limits::max(),
                          -Limits::max(),
                          Limits::epsilon(),
                          1e-310,
                          1e-200,
                          1e200,
                          1e-20,
                          1e20,
                          0.0,
                          -0.0,
                          -1.0,
                          1.0};
    return odd[random_.Index(std::size(odd))];
  }
  RandomStream& random() { return random_; }

 private:
  RandomStream random_;
  double rate_, scale_;
};

void ExpectFinite(std::vector<double> values, const std::vector<std::string>& warnings,
                  const std::string& what) {
  if (std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); })) return;
  EXPECT_FALSE(warnings.empty()) << what << " holds a number that is not finite, and nothing says so";
}

TEST(HostileNumbers, ExtrapolatedCurvesAreFinite) {
  constexpr CurveForm kForms[] = {
      CurveForm::kAuto, CurveForm::kAuto, CurveForm::kAuto, CurveForm::kM1,
      CurveForm::kM2,   CurveForm::kM3,   CurveForm::kM4,   CurveForm::kBrokenPowerLaw};
  int answered = 0;
  for (std::uint64_t round = 0; round < Rounds(500); ++round) {
    HostileNumbers numbers(Seed(), round), places(Seed(), 1'000'000 + round);
    const std::size_t count = 1 + numbers.random().Index(30);
    std::vector<double> x, y, at;
    for (std::size_t i = 0; i < count; ++i) {
      const auto step = static_cast<double>(i + 1);
      x.push_back(places.Number(100 * step));
      y.push_back(numbers.Number(1.5 + 3 / std::sqrt(step) + 0.01 * numbers.random().Normal()));
    }
    for (int i = 0; i < 4; ++i) at.push_back(places.Number(100 * std::exp(12 * places.random().Uniform())));
    std::erase_if(at, [](double v) { return !(v > 0) || !std::isfinite(v); });
    ExtrapolateOptions options;
    options.form = kForms[numbers.random().Index(std::size(kForms))];
    const auto curve = ExtrapolateCurve(x, y, at, options);
    if (!curve.ok()) continue;
    ++answered;
    const std::string what = "round " + std::to_string(round);
    ExpectFinite({curve->noise}, curve->warnings, what + ": noise");
    for (const ExtrapolatedPoint& p : curve->points) {
      ExpectFinite({p.x, p.value, p.low, p.high}, curve->warnings, what + ": point");
      if (std::isfinite(p.value)) {
        EXPECT_LE(p.low, p.value) << what;
        EXPECT_GE(p.high, p.value) << what;
      }
    }
    for (const CurveFormFit& fit : curve->fits) {
      ExpectFinite({fit.objective, fit.weight}, curve->warnings, what + ": " + fit.law);
      for (const CurveParameter& p : fit.parameters)
        ExpectFinite({p.estimate}, curve->warnings, what + ": " + p.name);
    }
  }
  EXPECT_GT(answered, 150);
}

TEST(HostileNumbers, ForecastsAreFinite) {
  constexpr DecayShape kShapes[] = {DecayShape::kConstant, DecayShape::kCosine, DecayShape::kLinear,
                                    DecayShape::kWsd, DecayShape::kInverseSqrt};
  int answered = 0;
  for (std::uint64_t round = 0; round < Rounds(500); ++round) {
    HostileNumbers numbers(Seed(), 2'000'000 + round);
    RunInFlight run;
    const double total = 1000;
    run.schedule.shape = kShapes[numbers.random().Index(std::size(kShapes))];
    run.schedule.total_steps = total;
    run.schedule.peak_learning_rate = numbers.Number(1e-3);
    run.schedule.warmup_steps = numbers.Chance(0.1) ? numbers.Odd() : 10;
    run.schedule.final_learning_rate = numbers.Chance(0.1) ? numbers.Odd() : 0;
    run.shape_known = !numbers.Chance(0.2);
    const bool rates = numbers.Chance(0.5);
    const double share = numbers.random().Uniform();
    for (double step = 10; step <= share * total; step += 10) {
      run.curve.step.push_back(numbers.Unscaled(step));
      run.curve.train_loss.push_back(
          numbers.Number(2 + 8 / std::sqrt(step) + 0.01 * numbers.random().Normal()));
      if (rates) run.curve.learning_rate.push_back(numbers.Number(1e-3 * (1 - step / total)));
    }
    const auto forecast = ForecastRun(run, {});
    if (!forecast.ok() || forecast->state != ForecastState::kForecast) continue;
    ++answered;
    const std::string what = "round " + std::to_string(round);
    ExpectFinite({forecast->end_loss, forecast->low, forecast->high, forecast->share_done},
                 forecast->warnings, what);
    ExpectFinite(forecast->expected_loss, forecast->warnings, what + ": path");
    ExpectFinite(forecast->step, forecast->warnings, what + ": steps");
  }
  EXPECT_GT(answered, 100);
}

void ExpectFinite(const Prediction& answer, const std::string& what) {
  for (const auto& [target, q] : answer.quantities) {
    ExpectFinite(
        {q.value, q.low.value_or(0), q.high.value_or(0), q.parameter_low.value_or(0),
         q.parameter_high.value_or(0), q.near_optimal_low.value_or(0), q.near_optimal_high.value_or(0)},
        answer.warnings, what);
  }
  for (const auto& [name, value] : answer.other) ExpectFinite({value}, answer.warnings, what + ": " + name);
  ExpectFinite({answer.extrapolation_params, answer.extrapolation_tokens}, answer.warnings, what);
}

PredictionTarget HostileTarget(HostileNumbers& numbers) {
  PredictionTarget target;
  target.params = std::abs(numbers.Number(1e9));
  target.tokens = std::abs(numbers.Number(2e10));
  if (numbers.Chance(0.3)) target.batch_size_tokens = std::abs(numbers.Number(1e6));
  if (numbers.Chance(0.3)) target.learning_rate = std::abs(numbers.Number(1e-3));
  if (numbers.Chance(0.3)) target.loss_nats = std::abs(numbers.Number(2.5));
  return target;
}

TEST(HostileNumbers, PublishedLawsAnswerFiniteNumbers) {
  std::vector<std::shared_ptr<const Predictor>> laws;
  for (const auto& [id, law] : ShippedCatalogue()->laws()) {
    auto predictor = Predictor::FromLaw(law, ShippedCatalogue());
    if (predictor.ok()) laws.push_back(*std::move(predictor));
  }
  int answered = 0;
  for (std::uint64_t round = 0; round < Rounds(3000); ++round) {
    HostileNumbers numbers(Seed(), 3'000'000 + round);
    const PredictionTarget target = HostileTarget(numbers);
    if (!ValidateTarget(target).empty()) continue;
    const auto& law = laws[numbers.random().Index(laws.size())];
    const Prediction answer = PredictTogether({law}, target);
    ExpectFinite(answer, law->source() + ", round " + std::to_string(round));
    answered += !answer.quantities.empty() || !answer.other.empty();
  }
  EXPECT_GT(answered, 500);
}

TEST(HostileNumbers, FitsOfLossesAndWhatTheyPredictAreFinite) {
  const std::vector<std::shared_ptr<const Law>> forms = {ShippedLaw("loss-chinchilla"),
                                                         ShippedLaw("loss-kaplan")};
  int answered = 0;
  for (std::uint64_t round = 0; round < Rounds(60); ++round) {
    HostileNumbers numbers(Seed(), 4'000'000 + round);
    FitInput input;
    input.laws = forms;
    RunTable& runs = input.runs;
    for (double params : {1e7, 3e7, 1e8, 3e8}) {
      for (double tokens : {1e9, 3e9, 1e10, 3e10}) {
        runs.id.push_back(std::to_string(runs.size()));
        runs.params.push_back(numbers.Unscaled(params));
        runs.tokens.push_back(numbers.Unscaled(tokens));
        runs.loss.push_back(numbers.Number((1.8 + 400 / std::pow(params, .35) + 400 / std::pow(tokens, .3)) *
                                           std::exp(.003 * numbers.random().Normal())));
        runs.learning_rate.push_back(numbers.Unscaled(1e-3));
        runs.batch_size_tokens.push_back(numbers.Unscaled(1e6));
        runs.state.push_back(RunState::kFinished);
      }
    }
    FitRequest request;
    request.bootstrap_replicates = 8;
    const std::string id = round % 2 == 0   ? "loss-average"
                           : round % 4 == 1 ? "loss-chinchilla"
                                            : "loss-kaplan";
    const auto fit = Fit(ShippedLaw(id), input, request);
    if (!fit.ok()) continue;
    const std::string what = id + ", round " + std::to_string(round);
    EXPECT_TRUE(CheckFitResult(*fit).ok()) << what << ": " << CheckFitResult(*fit);
    for (const ParameterEstimate& p : fit->parameters)
      ExpectFinite({p.estimate, p.low.value_or(0), p.high.value_or(0)}, fit->warnings, what + ": " + p.name);
    const auto served = Predictor::FromFit("fit", *fit);
    ASSERT_TRUE(served.ok()) << what << ": " << served.status();
    for (int i = 0; i < 10; ++i) {
      const PredictionTarget target = HostileTarget(numbers);
      if (!ValidateTarget(target).empty()) continue;
      const Prediction answer = PredictTogether({*served}, target);
      ExpectFinite(answer, what);
      answered += !answer.quantities.empty();
    }
  }
  EXPECT_GT(answered, 100);
}

}  // namespace
}  // namespace sextant::fitting
