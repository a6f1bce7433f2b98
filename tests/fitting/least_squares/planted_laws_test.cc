// SPDX-License-Identifier: Apache-2.0
// The short form of law_coverage_bench: one seed of every planted law; what was planted is found to within
// the widths of its interval.
#include "tests/fitting/planted_laws.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fitting/least_squares/fit_law.h"
#include "fitting/least_squares/law_columns.h"
#include "tests/fitting/catalogue_fixture.h"

namespace sextant::fitting {
namespace {

TEST(PlantedLaws, FitsFindWhatAnIndependentFormulaPlanted) {
  int parameters = 0, covered = 0;
  for (const PlantedLaw& planted_law : planted::All()) {
    SCOPED_TRACE(planted_law.law);
    const std::shared_ptr<const Law> law = ShippedLaw(planted_law.law);
    ASSERT_NE(law, nullptr);
    const auto input = LawInputFromColumns(*law, planted::Data(planted_law, 1), {});
    ASSERT_TRUE(input.ok()) << input.status();
    SolveOptions options;
    options.replicates = 100;
    options.interval_level = 0.9;
    options.diagnostics = false;
    const auto fit = FitLaw(law, input->data, options);
    ASSERT_TRUE(fit.ok()) << fit.status();
    for (const auto& [name, value] : planted_law.planted) {
      const auto found = std::find_if(fit->parameters.begin(), fit->parameters.end(),
                                      [&name = name](const ParameterEstimate& p) { return p.name == name; });
      ASSERT_NE(found, fit->parameters.end()) << name;
      ASSERT_TRUE(found->low && found->high) << name;
      const double width = *found->high - *found->low;
      EXPECT_GT(value, *found->low - 2 * width) << name;
      EXPECT_LT(value, *found->high + 2 * width) << name;
      ++parameters;
      covered += *found->low <= value && value <= *found->high;
    }
  }
  EXPECT_GE(parameters, 100);
  EXPECT_GE(covered, parameters * 7 / 10) << "of " << parameters;
}

}  // namespace
}  // namespace sextant::fitting
