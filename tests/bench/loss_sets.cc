// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/loss_sets.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <utility>

#include "tests/bench/csv_rows.h"
#include "tests/bench/curve_runs.h"
#include "tests/test_paths.h"

namespace sextant::bench {
namespace {

using Lowest = std::map<std::pair<double, double>, double>;

double Number(const std::string& text) {
  return text.empty() ? std::numeric_limits<double>::quiet_NaN() : std::strtod(text.c_str(), nullptr);
}

void Keep(double n, double d, double loss, Lowest& lowest) {
  if (!(n > 0) || !(d > 0) || !(loss > 0) || !std::isfinite(loss)) return;
  // Sizes and tokens that differ in rounding only are one cell.
  const auto snapped = [](double v) { return std::exp(std::round(std::log(v) / .01) * .01); };
  const auto [at, added] = lowest.emplace(std::pair(snapped(n), snapped(d)), loss);
  if (!added) at->second = std::min(at->second, loss);
}

}  // namespace

std::vector<LossSet> LossSets() {
  const std::string shared = SEXTANT_SOURCE_DIR "/../shared/data/";
  std::map<std::string, Lowest> sets;
  for (auto& row : ReadCsv(shared + "chinchilla-epoch/runs.csv"))
    if (row["used"] == "1")
      Keep(Number(row["N"]), Number(row["D"]), Number(row["loss"]), sets["chinchilla-epoch"]);
  for (auto& row : ReadCsv(shared + "gadre_scaling/runs.csv")) {
    if (row["eval"] == "c4_val")
      Keep(Number(row["N"]), Number(row["D"]), Number(row["loss"]), sets["gadre " + row["dataset"]]);
  }
  for (auto& row : ReadCsv(shared + "porian/runs.csv")) {
    Keep(Number(row["N"]), Number(row["D"]), Number(row["loss"]),
         sets["porian " + row["dataset"] + " " + row["hparams"] + " " + row["warmup"] + " " + row["decay"] +
              " " + row["param_count"]]);
  }
  for (auto& row : ReadCsv(shared + "misfitting/runs.csv"))
    Keep(Number(row["N"]), Number(row["D"]), Number(row["loss"]), sets["misfitting"]);
  for (auto& row : ReadCsv(shared + "steplaw-dense/runs.csv"))
    Keep(Number(row["N"]), Number(row["D"]), Number(row["smooth_loss"]), sets["steplaw"]);
  std::map<std::string, std::map<std::string, std::string>> last;
  for (auto& row : ReadCsv(shared + "olmo_ladder/curves.csv"))
    last[row["size"] + row["xC"] + row["rerun"]] = row;
  for (auto& [run, row] : last) {
    std::string digits = row["size"];
    const double unit = digits.back() == 'B' ? 1e9 : 1e6;
    digits.pop_back();
    Keep(unit * Number(digits), Number(row["total_tokens"]), Number(row["c4_en_ce"]), sets["olmo-ladder"]);
  }
  for (const char* sweep : {"h100-bytes-t128", "h100-lines-t128"}) {
    for (const CalibrationRun& run :
         ReadCalibrationRuns(SEXTANT_SOURCE_DIR "/data/calibration/" + std::string(sweep)))
      Keep(run.params, run.tokens, run.end_loss, sets[sweep]);
  }
  for (auto& row : ReadCsv(shared + "h100-bytes-t512/runs.csv")) {
    Keep(Number(row["params_non_embedding"]), Number(row["tokens"]), Number(row["train_loss_last5pct_nats"]),
         sets["h100-bytes-t512"]);
  }
  std::vector<LossSet> all;
  for (const auto& [name, lowest] : sets) {
    if (lowest.size() < 15) continue;
    LossSet set{name, {}};
    set.data.columns.resize(2);
    for (const auto& [at, loss] : lowest) {
      set.data.columns[0].push_back(at.first);
      set.data.columns[1].push_back(at.second);
      set.data.observed.push_back(loss);
    }
    all.push_back(std::move(set));
  }
  return all;
}

}  // namespace sextant::bench
