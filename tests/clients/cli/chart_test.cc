// SPDX-License-Identifier: Apache-2.0
// Charts against golden drawings, which were looked at before they were kept (SEXTANT_WRITE_GOLDEN=1 writes
// them).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "clients/cli/chart/scale.h"
#include "clients/cli/chart/scene.h"
#include "clients/cli/chart/svg.h"
#include "clients/cli/chart/terminal.h"
#include "clients/cli/output/text_table.h"
#include "tests/test_paths.h"

namespace sextant::cli::chart {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kHostile[] = "<script>alert('x')</script> \"q\" \x1b[31m \xE2\x80\xAE";

// A law over its data and beyond, as `fits show --plot` has it.
Chart LawChart() {
  Chart chart;
  chart.title = "lr-power-d fitted to mine";
  chart.x = {"tokens", true, true, {}, {}};
  chart.y = {"learning rate", true, false, {}, {}};
  Series band, law;
  band.name = "90 % interval";
  band.mark = Mark::kBand;
  law.name = "lr-power-d";
  Series beyond = law;
  beyond.name.clear();
  beyond.dashed = true;
  for (int i = 0; i <= 20; ++i) {
    const double x = 8e6 * std::pow(1000, i / 20.0), y = 0.01 * std::pow(x / 8e6, -0.3);
    band.x.push_back(x);
    band.low.push_back(y / (1 + 0.03 * i));
    band.high.push_back(y * (1 + 0.03 * i));
    if (i <= 8) law.x.push_back(x), law.y.push_back(y);
    if (i >= 8) beyond.x.push_back(x), beyond.y.push_back(y);
  }
  Series seen, held_out;
  seen.mark = held_out.mark = Mark::kPoints;
  seen.color = held_out.color = 1;
  seen.name = "best run of a cell";
  seen.x = {8e6, 2.4e7, 7.2e7};
  seen.y = {0.0105, 0.0072, 0.0051};
  held_out.name = "held out";
  held_out.hollow = true;
  held_out.x = {2.1e8};
  held_out.y = {0.0041};
  chart.series = {band, law, beyond, seen, held_out};
  chart.notes = {"solid: the fitted range; dashed: beyond it"};
  return chart;
}

std::string GoldenPath(const std::string& name) {
  return SEXTANT_SOURCE_DIR "/tests/clients/cli/golden/" + name;
}

void ExpectGolden(const std::string& name, const std::string& text) {
  if (std::getenv("SEXTANT_WRITE_GOLDEN") != nullptr) std::ofstream(GoldenPath(name)) << text;
  std::ifstream file(GoldenPath(name));
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(text, expected.str()) << name;
}

std::vector<std::string> Labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> labels;
  for (const Tick& tick : ticks) {
    if (!tick.label.empty()) labels.push_back(tick.label);
  }
  return labels;
}

TEST(Charts, DrawALawInTheTerminal) {
  ExpectGolden("law_chart.txt", RenderText(LawChart(), {72, 16, false}));
}

TEST(Charts, DrawALawAsSvg) { ExpectGolden("law_chart.svg", RenderSvg({LawChart()})); }

TEST(Charts, FitTheWidthAndUseColourOnlyWhenAsked) {
  for (const int width : {40, 61, 120}) {
    std::istringstream lines(RenderText(LawChart(), {width, 12, false}));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LT(DisplayWidth(line), static_cast<std::size_t>(width)) << line;
      EXPECT_THAT(line, Not(HasSubstr("\x1b")));
    }
  }
  EXPECT_THAT(RenderText(LawChart(), {80, 12, true}), HasSubstr("\x1b[36m"));
}

TEST(Charts, HostileTextStaysText) {
  Chart chart = LawChart();
  chart.title = chart.x.label = chart.y.label = chart.series[1].name = kHostile;
  chart.notes = {std::string(10'000, 'n') + kHostile};
  const std::string text = RenderText(chart, {80, 12, false});
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\xE2\x80\xAE")));
  const std::string svg = RenderSvg({chart});
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, Not(HasSubstr("\x1b")));
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;"));
  EXPECT_LT(svg.size(), 20'000U);
}

TEST(Charts, EveryKindOfBadValueIsLeftOut) {
  Chart chart = LawChart();
  const double nan = std::numeric_limits<double>::quiet_NaN(),
               infinity = std::numeric_limits<double>::infinity();
  Series odd;
  odd.x = {nan, 0, -1, infinity, 1e7, 2e7};
  odd.y = {1, 1, 1, 1, nan, -infinity};
  chart.series = {odd};
  EXPECT_TRUE(LayOut(chart).shapes.empty());
  chart.series.clear();
  EXPECT_THAT(RenderText(chart, {60, 8, false}), HasSubstr("learning rate"));
  EXPECT_THAT(RenderSvg({chart}), HasSubstr("</svg>"));
}

TEST(Charts, ManyLinesAreToldApartByLetters) {
  Chart chart = LawChart();
  chart.series[2].name = "other";
  EXPECT_THAT(RenderText(chart, {80, 12, false}),
              testing::AllOf(HasSubstr("a lr-power-d"), HasSubstr("b other")));
}

TEST(Charts, AWideIntervalDoesNotHideTheLine) {
  Chart chart = LawChart();
  for (double& high : chart.series[0].high) high = 1e6;
  EXPECT_LT(LayOut(chart).y.high, 1);
}

TEST(Scales, TicksAreRoundValues) {
  const Axis linear{"x", false, false, {}, {}}, log{"x", true, false, {}, {}}, count{"x", true, true, {}, {}};
  EXPECT_THAT(Labels(TicksOf(linear, {false, 0, 1}, 5)), ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1"));
  EXPECT_THAT(Labels(TicksOf(linear, {false, -3, 3}, 3)), ElementsAre("-2", "0", "2"));
  EXPECT_THAT(Labels(TicksOf(count, {true, 9e5, 2e9}, 5)), ElementsAre("1M", "10M", "100M", "1B"));
  EXPECT_THAT(Labels(TicksOf(log, {true, 0.9, 11}, 6)), ElementsAre("1", "2", "3", "5", "10"));
  EXPECT_THAT(Labels(TicksOf(log, {true, 2.31, 2.58}, 4)), ElementsAre("2.4", "2.5"));
}

TEST(Scales, OneValueStillHasARange) {
  const Scale scale = ScaleOf({"x", true, false, {}, {}}, {5});
  EXPECT_LT(scale.low, 5);
  EXPECT_GT(scale.high, 5);
  EXPECT_NEAR(scale.At(5), 0.5, 0.01);
  EXPECT_TRUE(std::isnan(scale.At(-1)));
}

}  // namespace
}  // namespace sextant::cli::chart
