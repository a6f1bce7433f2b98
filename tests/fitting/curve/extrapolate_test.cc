// SPDX-License-Identifier: Apache-2.0
#include "fitting/curve/extrapolate.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/give_up.h"
#include "base/random.h"
#include "fitting/curve/forms.h"

namespace sextant::fitting {
namespace {

struct Data {
  std::vector<double> x, y;
};
template <typename Shape>
Data Make(Shape shape, int points, double noise, uint64_t seed = 1) {
  Data data;
  RandomStream random(seed, 0);
  for (int i = 0; i < points; ++i) {
    const double x = 1000 * std::pow(2, 6.0 * i / (points - 1));
    data.x.push_back(x);
    data.y.push_back(shape(x) * std::exp(noise * random.Normal()));
  }
  return data;
}

double Named(const CurveFormFit& fit, const std::string& name) {
  for (const CurveParameter& p : fit.parameters) {
    if (p.name == name) return p.estimate;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

TEST(Extrapolate, EndsOnceItIsGivenUp) {
  const Data data = Make([](double x) { return CurveM2(x, 20, -.4, .5); }, 40, .01);
  const std::vector<double> at(1000, 1e6);
  std::atomic<int> looks = 0, patience = 1'000'000'000;
  const std::function<bool()> given_up = [&] { return ++looks > patience; };
  const GiveUpScope scope(given_up);
  for (const CurveForm form : {CurveForm::kAuto, CurveForm::kM4}) {
    looks = 0;
    patience = 1'000'000'000;
    ASSERT_TRUE(ExtrapolateCurve(data.x, data.y, at, {.form = form}).ok());
    const int all = looks;
    EXPECT_GT(all, 1000) << "it looks too seldom";
    for (const int part : {0, all / 100, all / 10, all - 500}) {
      looks = 0;
      patience = part;
      EXPECT_THROW((void)ExtrapolateCurve(data.x, data.y, at, {.form = form}), GivenUp) << part;
      EXPECT_LT(looks, part + 200);
    }
  }
}

TEST(Extrapolate, EachFormRecoversItsOwnExactCurve) {
  const std::vector<double> at = {1e6};
  const auto m1 = [](double x) { return CurveM1(x, 2, -.3); };
  const auto m2 = [](double x) { return CurveM2(x, 20, -.4, .5); };
  const auto m3 = [](double x) { return CurveM3(x, 5, 1e-5, .35); };
  const auto m4 = [](double x) { return CurveM4(x, 50, -.5, .7, .2, .95); };
  const auto check = [&](CurveForm form, const auto& shape, double tolerance) {
    const Data data = Make(shape, 40, 0);
    const auto result = ExtrapolateCurve(data.x, data.y, at, {.form = form});
    ASSERT_TRUE(result.ok()) << result.status().message();
    ASSERT_EQ(result->fits.size(), 1u);
    EXPECT_TRUE(result->fits[0].converged) << result->law;
    EXPECT_NEAR(result->points[0].value / shape(1e6), 1, tolerance) << result->law;
  };
  check(CurveForm::kM1, m1, 1e-9);
  check(CurveForm::kM2, m2, 1e-6);
  check(CurveForm::kM3, m3, 1e-6);
  check(CurveForm::kM4, m4, 1e-3);
  const Data data = Make(m2, 40, 0);
  const auto fit = ExtrapolateCurve(data.x, data.y, at, {.form = CurveForm::kM2})->fits[0];
  EXPECT_NEAR(Named(fit, "beta"), 20, 1e-3);
  EXPECT_NEAR(Named(fit, "c"), -.4, 1e-5);
  EXPECT_NEAR(Named(fit, "eps_inf"), .5, 1e-5);
}

TEST(Extrapolate, ParametersAreInTheUnitsOfTheData) {
  const Data data = Make([](double x) { return CurveM4(x, 50, -.5, .7, .2, .95); }, 40, .002);
  for (CurveForm form :
       {CurveForm::kM1, CurveForm::kM2, CurveForm::kM3, CurveForm::kM4, CurveForm::kBrokenPowerLaw}) {
    const auto result =
        ExtrapolateCurve(data.x, data.y, std::vector<double>{3e5}, {.form = form, .max_breaks = 1});
    ASSERT_TRUE(result.ok());
    const CurveFormFit& f = result->fits[0];
    double value = 0;
    if (f.law == "curve-m1") value = CurveM1(3e5, Named(f, "beta"), Named(f, "c"));
    if (f.law == "curve-m2") value = CurveM2(3e5, Named(f, "beta"), Named(f, "c"), Named(f, "eps_inf"));
    if (f.law == "curve-m3") value = CurveM3(3e5, Named(f, "beta"), Named(f, "gamma"), Named(f, "c"));
    if (f.law == "curve-m4") {
      value = CurveM4(3e5, Named(f, "beta"), Named(f, "c"), Named(f, "alpha"), Named(f, "eps_inf"),
                      Named(f, "eps_0"));
    }
    if (f.law == "curve-bnsl") {
      std::vector<CurveBreak> breaks;
      for (int k = 1; k <= f.breaks; ++k) {
        const std::string i = std::to_string(k);
        breaks.push_back({Named(f, "c" + i), Named(f, "d" + i), Named(f, "f" + i)});
      }
      value = CurveBnsl(3e5, Named(f, "a"), Named(f, "b"), Named(f, "c0"), breaks);
    }
    EXPECT_NEAR(value / result->points[0].value, 1, 1e-9) << f.law;
  }
}

TEST(Extrapolate, FindsABreakWhenThereIsOne) {
  const CurveBreak sharp{.6, 6000, .15};
  const Data data = Make([&](double x) { return CurveBnsl(x, .01, 3, .1, {&sharp, 1}); }, 50, .003);
  const auto result =
      ExtrapolateCurve(data.x, data.y, std::vector<double>{2e5}, {.form = CurveForm::kBrokenPowerLaw});
  ASSERT_TRUE(result.ok());
  EXPECT_GE(result->fits[0].breaks, 1);
  EXPECT_NEAR(result->points[0].value / CurveBnsl(2e5, .01, 3, .1, {&sharp, 1}), 1, .06);
  const Data straight = Make([](double x) { return CurveM1(x, 3, -.2); }, 50, .003);
  const auto none = ExtrapolateCurve(straight.x, straight.y, std::vector<double>{2e5},
                                     {.form = CurveForm::kBrokenPowerLaw});
  EXPECT_EQ(none->fits[0].breaks, 0) << "a straight line in logarithms needs no break";
}

TEST(Extrapolate, TheAverageIsCloseWhateverTheForm) {
  const std::vector<double> at = {1e5, 2e5};
  const auto check = [&](const char* name, const auto& shape) {
    double sum = 0;
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      const Data data = Make(shape, 30, .004, seed);
      const auto result = ExtrapolateCurve(data.x, data.y, at);
      ASSERT_TRUE(result.ok());
      EXPECT_EQ(result->law, "curve-average");
      for (const ExtrapolatedPoint& p : result->points) {
        const double error = std::log(p.value / shape(p.x));
        sum += error * error / 12;
        EXPECT_LE(p.low, p.value);
        EXPECT_GE(p.high, p.value);
      }
    }
    EXPECT_LT(std::sqrt(sum), .036) << name;
  };
  check("power law", [](double x) { return CurveM1(x, 2, -.3); });
  check("power law and floor", [](double x) { return CurveM2(x, 20, -.4, .5); });
  check("plateau first", [](double x) { return CurveM4(x, 300, -.6, 1, .1, .95); });
  check("stretched exponential", [](double x) { return .2 + .7 * std::exp(-std::pow(x / 2e4, .4)); });
}

TEST(Extrapolate, ACurveThatFollowsAFormExactlyIsAnsweredByThatForm) {
  const CurveBreak level_then_power{.35, 8000, .05};
  const auto check = [](const char* name, const auto& shape, double far, double tolerance) {
    const Data data = Make(shape, 24, 0);
    const double at = far * data.x.back();
    const auto result = ExtrapolateCurve(data.x, data.y, std::vector<double>{at});
    ASSERT_TRUE(result.ok());
    EXPECT_NEAR(result->points[0].value / shape(at), 1, tolerance) << name;
    EXPECT_LE(result->points[0].low, shape(at) * (1 + tolerance)) << name;
    EXPECT_GE(result->points[0].high, shape(at) * (1 - tolerance)) << name;
  };
  check(
      "floor", [](double x) { return CurveM2(x, 8, -.45, .2); }, 1000, 1e-3);
  check(
      "no floor", [](double x) { return CurveM1(x, 3, -.25); }, 1000, 1e-3);
  check(
      "bend at the start", [](double x) { return CurveM3(x, 5, 1e-5, .35); }, 1000, 1e-3);
  check(
      "level first", [](double x) { return CurveM4(x, 300, -.6, 1, .1, .95); }, 100, 1e-2);
  check(
      "level, then a power law",
      [&](double x) {
        return CurveBnsl(x, 0, .9, 0, {&level_then_power, 1});
      },
      100, 1e-2);
}

TEST(Extrapolate, ABumpAtTheEndIsNotExtrapolatedUpwards) {
  for (double top : {4e4, 6e4, 9e4}) {
    const auto shape = [&](double x) {
      const double z = std::log(x / top) / .5;
      return CurveM2(x, 20, -.4, .1) + .08 * std::exp(-.5 * z * z);
    };
    const Data data = Make(shape, 40, .002);
    const auto result = ExtrapolateCurve(data.x, data.y, std::vector<double>{1e5, 1e6, 1e7});
    ASSERT_TRUE(result.ok());
    for (const ExtrapolatedPoint& p : result->points) EXPECT_LT(p.value, 1.02 * data.y[34]) << top;
  }
  // Loss against model size at one budget falls and rises again: that is no bump.
  const Data valley = Make([](double x) { return 2 * std::pow(std::log(x / 8000) / 2, 2) + 1; }, 30, .001);
  const auto rising = ExtrapolateCurve(valley.x, valley.y, std::vector<double>{1e5});
  ASSERT_TRUE(rising.ok());
  EXPECT_GT(rising->points[0].value, valley.y.back());
}

TEST(Extrapolate, SingleFormsAreFittedBesideTheAverageOnlyOnRequest) {
  const Data data = Make([](double x) { return CurveM2(x, 20, -.4, .5); }, 30, .01);
  const std::vector<double> at = {2e5};
  const auto plain = ExtrapolateCurve(data.x, data.y, at);
  const auto full = ExtrapolateCurve(data.x, data.y, at, {.report_forms = true});
  ASSERT_TRUE(plain.ok() && full.ok());
  EXPECT_TRUE(plain->fits.empty());
  EXPECT_EQ(full->fits.size(), 5u);
  double weight = 0;
  for (const CurveFormFit& fit : full->fits) weight += fit.weight;
  EXPECT_NEAR(weight, 1, 1e-9);
  EXPECT_EQ(plain->points[0].value, full->points[0].value);
  EXPECT_EQ(plain->points[0].high, full->points[0].high);
}

TEST(Extrapolate, HugeAndTinyNumbersGiveNumbersOrAWarning) {
  const double kTiny = 5e-324, kHuge = 1.7e308;
  const std::vector<std::vector<double>> xs = {{1, 2, 3, 4, 5, 6, 7, 8},
                                               {kTiny, 1e-300, 1e-200, 1e-100, 1, 1e100, 1e200, kHuge},
                                               {1, 1, 2, 2, 3, 3, 4, INFINITY}};
  const std::vector<std::vector<double>> ys = {{8, 7, 6, 5, 4, 3, 2, 1},
                                               {kHuge, 1e300, 1e200, 1, 1e-100, 1e-200, 1e-300, kTiny},
                                               {kTiny, kTiny, kTiny, kTiny, kTiny, kTiny, kTiny, kTiny},
                                               {kHuge, kHuge, kHuge, kHuge, kHuge, kHuge, kHuge, kHuge},
                                               {NAN, INFINITY, -1, 0, 4, 3, 2, 1}};
  const std::vector<double> at = {kTiny, 1e-310, 3, 1e10, kHuge};
  for (const std::vector<double>& x : xs) {
    for (const std::vector<double>& y : ys) {
      for (CurveForm form : {CurveForm::kAuto, CurveForm::kM1, CurveForm::kM2, CurveForm::kM3, CurveForm::kM4,
                             CurveForm::kBrokenPowerLaw}) {
        const auto result = ExtrapolateCurve(x, y, at, {.form = form, .report_forms = true});
        if (!result.ok()) continue;
        bool finite = std::isfinite(result->noise);
        for (const ExtrapolatedPoint& p : result->points) {
          finite = finite && std::isfinite(p.value) && std::isfinite(p.low) && std::isfinite(p.high);
          EXPECT_LE(p.low, p.value);
          EXPECT_GE(p.high, p.value);
        }
        EXPECT_TRUE(finite) << result->law << " x0 " << x[0] << " y0 " << y[0];
        for (const CurveFormFit& fit : result->fits) {
          for (const CurveParameter& p : fit.parameters) {
            EXPECT_TRUE(std::isfinite(p.estimate) || !result->warnings.empty()) << fit.law << " " << p.name;
          }
        }
      }
    }
  }
}

TEST(Extrapolate, NinetyPercentIntervalsHoldAboutNineTailsInTen) {
  int held = 0, all = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    RandomStream random(seed, 77);
    const double c = .2 + .4 * random.Uniform(), floor = .3 * random.Uniform(),
                 size = 10 + 20 * random.Uniform();
    const Data data = Make([&](double x) { return floor + size * std::pow(x, -c); }, 40, .01, seed);
    const std::vector<double> head_x(data.x.begin(), data.x.begin() + 28),
        head_y(data.y.begin(), data.y.begin() + 28);
    const std::vector<double> tail_x(data.x.begin() + 28, data.x.end());
    const auto result = ExtrapolateCurve(head_x, head_y, tail_x);
    ASSERT_TRUE(result.ok());
    for (size_t i = 0; i < tail_x.size(); ++i) {
      ++all;
      held += result->points[i].low <= data.y[28 + i] && data.y[28 + i] <= result->points[i].high;
    }
  }
  EXPECT_GT(held, all * 80 / 100);
}

TEST(Extrapolate, AnswersEveryXAsAskedInTheOrderAsked) {
  const Data data = Make([](double x) { return CurveM1(x, 2, -.3); }, 20, .01);
  const std::vector<double> at = {1e9, 3.5, 64000, 123456.789, 1e300, 1e-300};
  const auto result = ExtrapolateCurve(data.x, data.y, at);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->points.size(), at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    EXPECT_EQ(result->points[i].x, at[i]);
    EXPECT_TRUE(std::isfinite(result->points[i].value) && result->points[i].value > 0);
    EXPECT_TRUE(std::isfinite(result->points[i].low) && std::isfinite(result->points[i].high));
  }
}

TEST(Extrapolate, APointFarOffDoesNotPullTheAnswer) {
  const auto shape = [](double x) { return CurveM2(x, 20, -.4, .5); };
  const std::vector<double> at = {2e5};
  for (size_t off : {0u, 7u, 22u, 28u}) {
    Data data = Make(shape, 30, .004);
    const double before = ExtrapolateCurve(data.x, data.y, at)->points[0].value;
    data.y[off] *= 1.4;
    const auto result = ExtrapolateCurve(data.x, data.y, at);
    ASSERT_TRUE(result.ok());
    EXPECT_NEAR(result->points[0].value / before, 1, .012) << "point " << off;
  }
}

TEST(Extrapolate, UnitsOrderAndRepetitionDoNotMatter) {
  const Data data = Make([](double x) { return CurveM4(x, 50, -.5, .7, .2, .95); }, 24, .005);
  const double expected = ExtrapolateCurve(data.x, data.y, std::vector<double>{2e5})->points[0].value;
  for (double x_unit : {1e-6, 1.0, 1e9}) {
    for (double y_unit : {1e-4, 100.0}) {
      Data scaled;
      for (size_t i = data.x.size(); i-- > 0;) {
        for (int repeat = 0; repeat < 2; ++repeat) {
          scaled.x.push_back(data.x[i] * x_unit);
          scaled.y.push_back(data.y[i] * y_unit);
        }
      }
      const auto result = ExtrapolateCurve(scaled.x, scaled.y, std::vector<double>{2e5 * x_unit});
      ASSERT_TRUE(result.ok());
      EXPECT_NEAR(result->points[0].value / y_unit / expected, 1, 1e-6) << x_unit << " " << y_unit;
    }
  }
}

TEST(Extrapolate, ACurveThatHardlyMovesStaysWhereItIs) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Data data = Make([](double) { return .8; }, 12, .01, seed);
    const auto result = ExtrapolateCurve(data.x, data.y, std::vector<double>{1.3e5});
    ASSERT_TRUE(result.ok());
    EXPECT_NEAR(result->points[0].value, .8, .03) << seed;
    EXPECT_LT(result->points[0].low, .8);
    EXPECT_GT(result->points[0].high, .8);
  }
}

TEST(Extrapolate, IsTheSameAtAnyThreadCount) {
  const Data data = Make([](double x) { return CurveM2(x, 20, -.4, .5); }, 30, .01);
  const std::vector<double> at = {1e5};
  for (CurveForm form : {CurveForm::kAuto, CurveForm::kM4}) {
    absl::StatusOr<CurveExtrapolation> a = absl::UnknownError("not run");
    {
      tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
      a = ExtrapolateCurve(data.x, data.y, at, {.form = form});
    }
    ASSERT_TRUE(a.ok());
    const auto b = ExtrapolateCurve(data.x, data.y, at, {.form = form});
    EXPECT_EQ(a->points[0].value, b->points[0].value);
    EXPECT_EQ(a->points[0].low, b->points[0].low);
    EXPECT_EQ(a->points[0].high, b->points[0].high);
  }
}

TEST(Extrapolate, RefusesBadInputAndSurvivesHardInput) {
  const std::vector<double> three = {1, 2, 3}, two = {1, 2}, at = {10};
  EXPECT_EQ(ExtrapolateCurve(three, two, at).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ExtrapolateCurve(two, two, at).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ExtrapolateCurve(three, three, std::vector<double>{NAN}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ExtrapolateCurve(three, three, at, {.confidence = 2}).status().code(),
            absl::StatusCode::kInvalidArgument);
  const std::vector<double> same = {5, 5, 5, 5}, y = {1, 2, 3, 4};
  EXPECT_EQ(ExtrapolateCurve(same, y, at).status().code(), absl::StatusCode::kFailedPrecondition);
  RandomStream random(3, 3);
  for (int trial = 0; trial < 60; ++trial) {
    std::vector<double> x, wild;
    const size_t n = 3 + random.Index(20);
    for (size_t i = 0; i < n; ++i) {
      x.push_back(std::exp(40 * random.Uniform()));
      wild.push_back(trial % 3 == 0 ? .5 : std::exp(20 * random.Normal()));
      if (random.Index(9) == 0) wild.back() = NAN;
    }
    const auto result = ExtrapolateCurve(x, wild, at);
    if (!result.ok()) continue;
    EXPECT_TRUE(std::isfinite(std::log(result->points[0].value)) || result->points[0].value == 0) << trial;
  }
}

TEST(Extrapolate, TakesAMillionPoints) {
  Data data;
  for (int i = 1; i <= 1'000'000; ++i) {
    data.x.push_back(i);
    data.y.push_back(1 + 3 * std::pow(i, -.3));
  }
  const auto result = ExtrapolateCurve(data.x, data.y, std::vector<double>{2e6});
  ASSERT_TRUE(result.ok());
  EXPECT_NEAR(result->points[0].value / (1 + 3 * std::pow(2e6, -.3)), 1, .006);
  EXPECT_EQ(result->points_used, 1'000'000u);
}

}  // namespace
}  // namespace sextant::fitting
