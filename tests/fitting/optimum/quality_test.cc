// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/quality.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "fitting/optimum/batch_conversion.h"
#include "tests/fitting/optimum/sweeps.h"

namespace sextant::fitting {
namespace {

using testing::AddRun;
using testing::BowlSweep;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Quality, CleanSweepHasNoLabels) {
  const absl::StatusOr<QualityReport> report = LabelQuality(BowlSweep().Make());
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->cells.size(), 9u);
  for (const CellQuality& cell : report->cells) {
    EXPECT_THAT(cell.labels, IsEmpty());
    EXPECT_EQ(cell.runs, 81);
  }
  for (const std::vector<std::string>& labels : report->run_labels) {
    EXPECT_THAT(labels, IsEmpty());
  }
}

TEST(Quality, LabelsDuplicatesDivergedIncompleteAndEdges) {
  RunTable runs;
  AddRun(runs, 1e8, 1e9, 0.00390, 1e5, 3.0);
  AddRun(runs, 1e8, 1e9, 0.003906, 1e5, 3.1);
  AddRun(runs, 1e8, 1e9, 0.001953, 1e5, 3.2);
  AddRun(runs, 1e8, 1e9, 0.000977, 1e5, NAN);
  AddRun(runs, NAN, 1e9, 0.001, 1e5, 3.0);
  const absl::StatusOr<QualityReport> report = LabelQuality(runs);
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->run_labels[0], ElementsAre("duplicate", "edge-of-grid"));
  EXPECT_THAT(report->run_labels[1], ElementsAre("duplicate"));
  EXPECT_THAT(report->run_labels[2], IsEmpty());
  EXPECT_THAT(report->run_labels[3], ElementsAre("diverged"));
  EXPECT_THAT(report->run_labels[4], ElementsAre("incomplete"));
  ASSERT_EQ(report->cells.size(), 1u);
  EXPECT_THAT(report->cells[0].labels, ElementsAre("edge-of-grid", "too-few-points"));
  EXPECT_EQ(report->cells[0].runs_diverged, 1);
}

TEST(Quality, LabelsFlatBowls) {
  BowlSweep sweep;
  sweep.params = {1e8};
  sweep.tokens = {1e9};
  sweep.rate_curvature = 0.0003;
  const absl::StatusOr<QualityReport> report = LabelQuality(sweep.Make());
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->cells[0].labels, Contains("weak-curvature"));
}

TEST(BatchConversion, FollowsThePublishedRules) {
  EXPECT_DOUBLE_EQ(*ConvertRateByPower(1e-3, 256, 1024, 0.5), 2e-3);  // Malladi et al., kappa = 4
  EXPECT_DOUBLE_EQ(*ConvertRateByPower(0.1, 256, 8192, 1), 3.2);      // Goyal et al.
  // Surge: rate over its maximum at B = 2 and 4 with a noise scale of 31.
  const double peak = *ConvertRateBySurge(0.4772125984, 2, 31, 31);
  EXPECT_NEAR(peak, 1, 1e-9);
  EXPECT_NEAR(*ConvertRateBySurge(1, 31, 4, 31), 0.6363159272, 1e-9);
  EXPECT_NEAR(*ConvertRateBySurge(1, 31, 124, 31), 0.8, 1e-12);
}

TEST(BatchConversion, RefusesWhatHasNoMeaning) {
  EXPECT_EQ(ConvertRateByPower(-1, 1, 2, 0.5).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ConvertRateByPower(1, 0, 2, 0.5).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ConvertRateByPower(1, 1, 2, NAN).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ConvertRateBySurge(1, 1, 2, INFINITY).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sextant::fitting
