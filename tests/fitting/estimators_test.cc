// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/estimators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "fitting/fit.h"
#include "fitting/predict.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/fitting/synthetic.h"
#include "tests/test_paths.h"

namespace sextant::fitting {
namespace {

using ::testing::HasSubstr;

FitRequest Request(const std::string& estimator) {
  FitRequest request;
  request.estimator = estimator;
  request.bootstrap_replicates = 20;
  return request;
}

TEST(Estimators, EachEntryFitsPredictsAndNamesItself) {
  const FitInput input{.runs = KnownSweep(5e-4)};
  for (const OptimumEstimator& estimator : OptimumEstimators()) {
    absl::StatusOr<FitResult> fit = Fit(ShippedLaw("lr-power-nd"), input, Request(estimator.name));
    ASSERT_TRUE(fit.ok()) << estimator.name << ": " << fit.status();
    EXPECT_EQ(fit->estimator, estimator.name);
    const OptimumModel& model = std::get<OptimumModel>(fit->model);
    EXPECT_EQ(model.estimator, estimator.name);
    EXPECT_EQ(std::count(model.parameter_names.begin(), model.parameter_names.end(), "surface.bowl.0"),
              estimator.joint ? 1 : 0)
        << estimator.name << ": a joint estimator has a loss surface behind its law";
    absl::StatusOr<std::shared_ptr<const Predictor>> predictor = Predictor::FromFit("f", *fit);
    ASSERT_TRUE(predictor.ok()) << estimator.name << ": " << predictor.status();
    Prediction prediction;
    PredictionTarget target;
    target.params = 1e9;
    target.tokens = 1e11;
    (*predictor)->Predict(target, prediction);
    EXPECT_EQ(prediction.quantities.count(Target::kLearningRate), 1U) << estimator.name;
  }
}

TEST(Estimators, EachEntryIsAcceptedForTheLawsThatItFits) {
  for (const OptimumEstimator& estimator : OptimumEstimators()) {
    for (const char* law : {"lr-power-nd", "batch-power-d", "weight-decay-power-nd"}) {
      EXPECT_TRUE(ValidateFitRequest(Request(estimator.name), ShippedLaw(law)->spec()).empty());
    }
    const std::vector<std::string> problems =
        ValidateFitRequest(Request(estimator.name), ShippedLaw("cbs-power-n")->spec());
    ASSERT_EQ(problems.size(), 1U) << estimator.name;
    EXPECT_THAT(problems.front(), HasSubstr("hyperbola"));
    EXPECT_THAT(ListOptimumEstimators(estimator.joint), HasSubstr(estimator.name));
  }
  for (const char* law : {"lr-power-nd", "batch-power-d", "weight-decay-power-nd", "cbs-power-n"}) {
    const std::vector<std::string> problems = ValidateFitRequest(Request("no-such"), ShippedLaw(law)->spec());
    ASSERT_EQ(problems.size(), 1U) << law;
    for (const std::string& name : EstimatorsOf(ShippedLaw(law)->spec())) {
      EXPECT_THAT(problems.front(), HasSubstr(name));
    }
  }
  EXPECT_TRUE(EstimatorsOf(ShippedLaw("loss-chinchilla")->spec()).empty());
}

TEST(Estimators, LawsThatTakeNoneRefuseNamesThatAreNone) {
  const LawSpec& law = ShippedLaw("loss-chinchilla")->spec();
  for (const char* name : {"", "auto", "least-squares", "surface"})
    EXPECT_TRUE(ValidateFitRequest(Request(name), law).empty()) << name;
  const std::vector<std::string> problems = ValidateFitRequest(Request("surfaec"), law);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_THAT(problems.front(), HasSubstr("'surfaec'"));
}

TEST(Estimators, EachEntryHasItsLineInTheDocumentation) {
  std::ifstream file(SEXTANT_SOURCE_DIR "/docs/optimum.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const OptimumEstimator& estimator : OptimumEstimators()) {
    EXPECT_THAT(text.str(), HasSubstr("| `" + std::string(estimator.name) + "` |"));
  }
}

}  // namespace
}  // namespace sextant::fitting
