// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/loss_average.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "fitting/least_squares/compose_laws.h"
#include "fitting/predict.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/fitting/least_squares/fixtures.h"

namespace sextant::fitting {
namespace {

using testing::ChinchillaLaw;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Quick;
using testing::Surface;
using testing::SurfaceRuns;

std::shared_ptr<const Law> OneTermLaw() {
  return golden::TextLaw("E + A / N^alpha", {"N", "D"},
                         {{"E", {0, 100}, "", {}}, {"A", {0, 1e300}, "log", {}}, {"alpha", {0, 5}, "", {}}},
                         "huber:1e-3");
}

const LossModel& Model(const FitResult& fit) { return std::get<LossModel>(fit.model); }

Quantity At(const FitResult& fit, double n, double d) {
  const auto predictor = Predictor::FromFit("f", fit);
  EXPECT_TRUE(predictor.ok()) << predictor.status();
  PredictionTarget target;
  target.params = n;
  target.tokens = d;
  Prediction prediction;
  (*predictor)->Predict(target, prediction);
  EXPECT_TRUE(prediction.quantities.contains(Target::kLoss));
  return prediction.quantities[Target::kLoss];
}

TEST(LossAverage, WeighsLawsByTheirErrorAtTheHeldOutScales) {
  const auto average =
      FitLossAverage({OneTermLaw(), ShippedLaw("loss-chinchilla")}, SurfaceRuns(8, 8, .002), Quick());
  ASSERT_TRUE(average.ok()) << average.status();
  const std::vector<LossMember>& members = Model(*average).members;
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].law, "loss-chinchilla");
  const double a = members[0].held_out_error, b = members[1].held_out_error;
  EXPECT_LT(a, b);
  EXPECT_NEAR(members[0].weight, b / (a + b), 1e-9);
  EXPECT_NEAR(members[0].weight + members[1].weight, 1, 1e-12);
  EXPECT_EQ(average->parameters[0].name, "w_chinchilla");
  EXPECT_EQ(average->parameters[0].estimate, members[0].weight);
  EXPECT_NEAR(At(*average, 3e10, 6e11).value / Surface().Loss(3e10, 6e11), 1, .01);
  EXPECT_LT(Model(*average).held_out_error, b);
}

TEST(LossAverage, IsTheWeightedGeometricMeanOfItsLaws) {
  const LawData data = SurfaceRuns(8, 8, .005);
  const auto average = FitLossAverage({OneTermLaw(), ShippedLaw("loss-chinchilla")}, data, Quick(), .2, 0);
  ASSERT_TRUE(average.ok()) << average.status();
  const auto one = FitLossLaw(OneTermLaw(), data, Quick());
  const auto two = FitLossLaw(ShippedLaw("loss-chinchilla"), data, Quick());
  ASSERT_TRUE(one.ok() && two.ok());
  const double w = Model(*average).members[0].weight;
  const double mean =
      w * std::log(At(*two, 1e10, 1e11).value) + (1 - w) * std::log(At(*one, 1e10, 1e11).value);
  EXPECT_NEAR(std::log(At(*average, 1e10, 1e11).value), mean, 1e-9);
}

TEST(LossAverage, OfFitsMadeBeforeEqualsTheFitOfTheAverage) {
  const LawData data = SurfaceRuns(8, 8, .005);
  SolveOptions options = Quick();
  options.replicates = 30;
  const std::vector<std::shared_ptr<const Law>> laws = {ShippedLaw("loss-skaling"),
                                                        ShippedLaw("loss-chinchilla")};
  const auto whole = FitLossAverage(laws, data, options, .2, 0);
  auto one = FitLossLaw(laws[0], data, options), two = FitLossLaw(laws[1], data, options);
  ASSERT_TRUE(whole.ok() && one.ok() && two.ok());
  const FitResult* fits[] = {&*one, &*two};
  const auto average = AverageLossFits(fits);
  ASSERT_TRUE(average.ok()) << average.status();
  const Quantity a = At(*whole, 3e10, 6e11), b = At(*average, 3e10, 6e11);
  EXPECT_NEAR(a.value, b.value, 1e-9);
  EXPECT_NEAR(*a.parameter_low, *b.parameter_low, 1e-9);
  EXPECT_LE(*b.low, *a.low + 1e-9);  // what held-out scales cost is bounded from above
  two->data_digest = "of other runs";
  EXPECT_EQ(AverageLossFits(fits).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(LossAverage, LeavesOutWhatCannotBeFittedAndSaysWhy) {
  const auto other = golden::TextLaw("E + A / x^alpha", {"x"},
                                     {{"E", {}, "", {}}, {"A", {0, 1e9}, "log", {}}, {"alpha", {}, "", {}}});
  const auto average = FitLossAverage({ChinchillaLaw(), other}, SurfaceRuns(6, 6, .002), Quick());
  ASSERT_TRUE(average.ok()) << average.status();
  EXPECT_EQ(Model(*average).members.size(), 1u);
  EXPECT_THAT(average->warnings.back(), HasSubstr("other variables"));
  EXPECT_FALSE(FitLossAverage({}, SurfaceRuns(6, 6, .002), Quick()).ok());
}

TEST(LossAverage, TakesLargeLawsWhereThereAreRowsForThem) {
  const std::vector<std::shared_ptr<const Law>> laws = {ShippedLaw("loss-farseer"), ChinchillaLaw()};
  const auto few = FitLossAverage(laws, SurfaceRuns(8, 8, .002), Quick());
  ASSERT_TRUE(few.ok()) << few.status();
  EXPECT_EQ(Model(*few).members.size(), 1u);
  EXPECT_THAT(
      few->warnings,
      ::testing::Contains(HasSubstr("loss-farseer: has 9 parameters and takes part from 108 rows on")));
  const auto many = FitLossAverage(laws, SurfaceRuns(11, 11, .002), Quick());
  ASSERT_TRUE(many.ok()) << many.status();
  EXPECT_EQ(Model(*many).members.size(), 2u);
}

TEST(LossAverage, TheShippedLawIsTheCompositionOfTheFormsThatAreAveraged) {
  std::vector<const LawSpec*> specs;
  const LawSpec& shipped = ShippedLaw(kLossAverageId)->spec();
  for (const auto& [id, law] : ShippedCatalogue()->laws()) {
    if (MayBeAveraged(law->spec(), shipped)) specs.push_back(&law->spec());
  }
  EXPECT_GE(specs.size(), 4u);
  const auto composed = ComposeLaws(specs);
  ASSERT_TRUE(composed.ok()) << composed.status();
  EXPECT_EQ(shipped.expression, composed->expression);
  ASSERT_EQ(shipped.parameters.size(), composed->parameters.size());
  for (std::size_t p = 0; p < shipped.parameters.size(); ++p)
    EXPECT_EQ(shipped.parameters[p].name, composed->parameters[p].name);
}

TEST(ComposeLaws, RenamesParametersAndNothingElse) {
  LawSpec law =
      golden::TextLaw("exp(e) + 1.5e1 / N^e1 + 2e-1", {"N"}, {{"e", {}, "", {}}, {"e1", {}, "", {}}})->spec();
  law.id = "loss-1a";
  LawSpec twin = law;
  const LawSpec* both[] = {&law, &twin};
  const auto composed = ComposeLaws(both);
  ASSERT_TRUE(composed.ok()) << composed.status();
  EXPECT_EQ(composed->expression,
            "exp(w_law_1a * log(exp(law_1a_e) + 1.5e1 / N^law_1a_e1 + 2e-1) + "
            "w_law_1a_ * log(exp(law_1a__e) + 1.5e1 / N^law_1a__e1 + 2e-1))");
  EXPECT_TRUE(Law::Compile(*composed).ok());
}

TEST(ComposeLaws, RefusesMoreThanALawMayHold) {
  std::vector<const LawSpec*> many(8, &ShippedLaw("loss-farseer")->spec());
  EXPECT_THAT(std::string(ComposeLaws(many).status().message()), HasSubstr("parameters"));
  EXPECT_FALSE(ComposeLaws({}).ok());
}

TEST(LossLaw, SaysWhenNothingCanBeHeldOut) {
  const auto fit = FitLossLaw(OneTermLaw(), SurfaceRuns(3, 1, .002), Quick());
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_TRUE(std::isnan(Model(*fit).held_out_error));
  EXPECT_THAT(fit->warnings, ::testing::Contains(HasSubstr("could not be held out")));
}

TEST(LossLaw, ThePredictionIntervalHoldsRunsAndTheParameterIntervalTheCurve) {
  int runs = 0, curve = 0;
  constexpr int kStudies = 20;
  for (int study = 0; study < kStudies; ++study) {
    SolveOptions options = Quick();
    options.replicates = 40;
    const double noise = .01;
    const auto fit = FitLossLaw(ChinchillaLaw(),
                                SurfaceRuns(6, 6, noise, static_cast<std::uint64_t>(study) + 50), options);
    ASSERT_TRUE(fit.ok());
    const Quantity p = At(*fit, 3e10, 6e11);
    EXPECT_LE(*p.low, *p.parameter_low);
    EXPECT_GE(*p.high, *p.parameter_high);
    EXPECT_LE(*p.parameter_low, p.value);
    EXPECT_GE(*p.parameter_high, p.value);
    const double truth = Surface().Loss(3e10, 6e11);
    RandomStream random(9, static_cast<std::uint64_t>(study));
    const double run = truth * std::exp(noise * random.Normal());
    runs += *p.low <= run && run <= *p.high;
    curve += *p.parameter_low <= truth && truth <= *p.parameter_high;
  }
  EXPECT_GE(runs, kStudies * 75 / 100);
  EXPECT_GE(curve, kStudies * 60 / 100);
}

TEST(LossLaw, GrowsWiderBeyondTheData) {
  SolveOptions options = Quick();
  options.replicates = 30;
  const auto average = FitLossAverage({OneTermLaw(), ChinchillaLaw()}, SurfaceRuns(8, 8, .005), options);
  ASSERT_TRUE(average.ok());
  const auto width = [&](double n, double d) {
    const Quantity p = At(*average, n, d);
    return std::log(*p.high / *p.low);
  };
  EXPECT_GT(width(1e11, 3e12), 1.3 * width(1e10, 2e11));
}

}  // namespace
}  // namespace sextant::fitting
