// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/curve_families.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "tests/bench/csv_rows.h"
#include "tests/bench/curve_runs.h"
#include "tests/test_paths.h"

namespace sextant::bench {
namespace {

using Points = std::vector<std::pair<double, double>>;
using Grouped = std::map<std::string, Points>;

std::string Shared(const std::string& file) { return SEXTANT_SOURCE_DIR "/../shared/data/" + file; }

double Number(const std::string& text) {
  if (text.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::strtod(text.c_str(), nullptr);
}

// One point an x: the best y where a study tried several settings there.
Points Best(Points points) {
  std::sort(points.begin(), points.end());
  Points best;
  for (const auto& point : points) {
    if (!(point.first > 0) || !(point.second > 0)) continue;
    if (best.empty() || point.first > best.back().first * 1.02) best.push_back(point);
  }
  return best;
}

void Add(const std::string& family, const Points& points, size_t head, std::vector<DevCurve>& curves) {
  if (head < 4 || points.size() < head + 2) return;
  DevCurve curve{family, {}, {}, {}, {}, {}};
  for (size_t i = 0; i < points.size(); ++i) {
    (i < head ? curve.x : curve.tail_x).push_back(points[i].first);
    (i < head ? curve.y : curve.tail_y).push_back(points[i].second);
  }
  curves.push_back(std::move(curve));
}

// Every `stride`th of the groups, in order of their names.
void AddBySteps(const std::string& family, const Grouped& grouped, size_t stride,
                std::vector<DevCurve>& curves) {
  size_t index = 0;
  for (const auto& [name, raw] : grouped) {
    if (index++ % stride != 0) continue;
    const Points points = Best(raw);
    if (points.empty()) continue;
    size_t head = 0;
    while (head < points.size() && points[head].first <= .5 * points.back().first) ++head;
    Add(family, points, head, curves);
  }
}

void AddByCount(const std::string& family, const Grouped& grouped, std::vector<DevCurve>& curves) {
  for (const auto& [name, raw] : grouped) {
    const Points points = Best(raw);
    Add(family, points, points.size() - points.size() / 3, curves);
  }
}

void AddCalibration(const std::string& folder, size_t stride, std::vector<DevCurve>& curves) {
  Grouped grouped;
  for (const CalibrationRun& run : ReadCalibrationRuns(SEXTANT_SOURCE_DIR "/data/calibration/" + folder)) {
    for (size_t i = 0; i < run.curve.step.size(); ++i) {
      if (run.curve.step[i] > 2 * run.schedule.warmup_steps)
        grouped[run.id].emplace_back(run.curve.step[i], run.curve.train_loss[i]);
    }
  }
  AddBySteps("calibration", grouped, stride, curves);
}

}  // namespace

std::vector<DevCurve> FamilyCurves() {
  std::vector<DevCurve> curves;
  Grouped routed, olmo, descent, width, data, compute;
  for (auto& row : ReadCsv(Shared("routed_lm/curves.csv"))) {
    for (const char* loss : {"loss_validation", "loss_wikitext103"})
      routed[row["hyper_id"] + loss].emplace_back(Number(row["step"]), Number(row[loss]));
  }
  AddBySteps("routed-steps", routed, 7, curves);
  for (auto& row : ReadCsv(Shared("olmo_ladder/curves.csv"))) {
    // From the end of the warm-up on: the first five hundredths hold it.
    if (Number(row["learning_rate_group0"]) < .9 * Number(row["learning_rate_peak"]) &&
        Number(row["step"]) < 1000)
      continue;
    for (const char* loss : {"c4_en_ce", "wikitext_103_ce"}) {
      olmo[row["size"] + "/" + row["xC"] + "/" + row["rerun"] + loss].emplace_back(Number(row["step"]),
                                                                                   Number(row[loss]));
    }
  }
  AddBySteps("olmo-steps", olmo, 1, curves);
  AddCalibration("h100-bytes-t128", 9, curves);
  AddCalibration("h100-lines-t128", 13, curves);
  for (auto& row : ReadCsv(Shared("nslpfn_extra/curves.csv"))) {
    const bool is_width = row["set"].starts_with("nanogpt");
    (is_width ? width : descent)[row["set"] + row["task"]].emplace_back(Number(row["x"]), Number(row["y"]));
  }
  AddByCount("double-descent", descent, curves);
  AddByCount("width", width, curves);
  for (auto& row : ReadCsv(Shared("gadre_scaling/runs.csv"))) {
    if (row["eval"] != "c4_val" && row["eval"] != "openlm" && row["eval"] != "paloma_c4_en") continue;
    data["gadre" + row["dataset"] + row["N"] + row["eval"]].emplace_back(Number(row["D"]),
                                                                         Number(row["loss"]));
  }
  for (auto& row : ReadCsv(Shared("porian/runs.csv"))) {
    data["porian" + row["file"] + row["hparams"] + row["warmup"] + row["decay"] + row["param_count"] +
         row["N"]]
        .emplace_back(Number(row["D"]), Number(row["loss"]));
  }
  for (auto& row : ReadCsv(Shared("steplaw-dense/runs.csv")))
    data["steplaw" + row["N"]].emplace_back(Number(row["D"]), Number(row["smooth_loss"]));
  AddByCount("data", data, curves);
  for (auto& row : ReadCsv(Shared("porian/isoflop_optima.csv"))) {
    compute[row["file"] + row["hparams"] + row["warmup"] + row["decay"] + row["param_count"]].emplace_back(
        Number(row["flops"]), Number(row["loss_opt"]));
  }
  AddByCount("compute", compute, curves);
  for (DevCurve& curve : PublicSeries()) curves.push_back(std::move(curve));
  return curves;
}

}  // namespace sextant::bench
