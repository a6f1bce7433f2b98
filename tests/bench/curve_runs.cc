// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/curve_runs.h"

#include <rapidjson/document.h>

#include <cmath>
#include <fstream>
#include <map>

#include "fitting/curve/extrapolate.h"
#include "fitting/curve/local_regression.h"
#include "tests/bench/csv_rows.h"

namespace sextant::bench {
namespace {

// Runs with their curves inside, as `runs export` writes them.
std::vector<CalibrationRun> ReadJsonLines(const std::string& path) {
  std::ifstream file(path);
  std::vector<CalibrationRun> runs;
  for (std::string line; std::getline(file, line);) {
    rapidjson::Document row;
    if (row.Parse(line.c_str()).HasParseError() || !row.HasMember("curve")) continue;
    const auto number = [&](const char* name) { return row[name].GetDouble(); };
    CalibrationRun run;
    run.id = row["run_id"].GetString();
    run.params = number("params_non_embedding");
    run.tokens = number("tokens");
    run.batch_size_tokens = number("batch_size_tokens");
    run.schedule = {.shape = fitting::DecayShape::kCosine,
                    .peak_learning_rate = number("learning_rate"),
                    .total_steps = number("steps"),
                    .warmup_steps = number("warmup_steps")};
    double sum = 0, count = 0;
    const auto& steps = row["curve"]["step"];
    const auto& losses = row["curve"]["train_loss"];
    for (rapidjson::SizeType i = 0; i < steps.Size(); ++i) {
      if (!losses[i].IsNumber()) continue;
      const double step = steps[i].GetDouble(), loss = losses[i].GetDouble();
      run.curve.step.push_back(step);
      run.curve.tokens.push_back(step * run.batch_size_tokens);
      run.curve.train_loss.push_back(loss);
      if (step <= .95 * run.schedule.total_steps) continue;
      sum += loss;
      count += 1;
    }
    if (count == 0) continue;
    run.end_loss = sum / count;
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace

std::vector<CalibrationRun> ReadCalibrationRuns(const std::string& folder) {
  std::vector<CalibrationRun> runs = ReadJsonLines(folder + "/runs.jsonl");
  if (!runs.empty()) return runs;
  std::map<std::string, size_t> index;
  for (auto& row : ReadCsv(folder + "/runs.csv")) {
    CalibrationRun run;
    run.id = row["run_id"];
    run.params = std::stod(row["params_non_embedding"]);
    run.tokens = std::stod(row["tokens"]);
    run.batch_size_tokens = std::stod(row["batch_size_tokens"]);
    run.end_loss = std::stod(row["train_loss_last5pct_nats"]);
    run.schedule = {.shape = fitting::DecayShape::kCosine,
                    .peak_learning_rate = std::stod(row["learning_rate"]),
                    .total_steps = std::stod(row["steps"]),
                    .warmup_steps = std::stod(row["warmup_steps"])};
    index[run.id] = runs.size();
    runs.push_back(std::move(run));
  }
  for (auto& row : ReadCsv(folder + "/curves.csv")) {
    const auto at = index.find(row["run_id"]);
    if (at == index.end()) continue;
    fitting::LossCurve& curve = runs[at->second].curve;
    curve.step.push_back(std::stod(row["step"]));
    curve.tokens.push_back(std::stod(row["tokens"]));
    curve.train_loss.push_back(std::stod(row["train_loss_nats"]));
  }
  return runs;
}

fitting::LossCurve Head(const CalibrationRun& run, double share) {
  fitting::LossCurve head;
  for (size_t i = 0; i < run.curve.step.size(); ++i) {
    if (run.curve.step[i] > share * run.schedule.total_steps) continue;
    head.step.push_back(run.curve.step[i]);
    head.tokens.push_back(run.curve.tokens[i]);
    head.train_loss.push_back(run.curve.train_loss[i]);
  }
  return head;
}

Baselines ComputeBaselines(const CalibrationRun& run, double share) {
  const fitting::LossCurve head = Head(run, share);
  const double end = 0.975 * run.schedule.total_steps;  // the middle of the last 5 %
  std::vector<double> u, v, weight, x, y;
  for (size_t i = 0; i < head.step.size(); ++i) {
    if (head.step[i] > 0.3 * head.step.back()) {
      u.push_back(std::log(head.step[i]));
      v.push_back(std::log(head.train_loss[i]));
      weight.push_back(1);
    }
    if (head.step[i] > 2 * run.schedule.warmup_steps) {
      x.push_back(head.step[i]);
      y.push_back(head.train_loss[i]);
    }
  }
  const fitting::LocalRegression line(u, v, weight);
  Baselines result;
  size_t recent = 0;
  while (recent + 4 < u.size() && u[recent] < u.back() - 0.2) ++recent;
  result.last_value = std::exp(line.Through(recent, u.size(), u.back()).value);
  result.power_in_steps = std::exp(line.Through(0, u.size(), std::log(end)).value);
  const auto fit =
      fitting::ExtrapolateCurve(x, y, std::vector<double>{end}, {.form = fitting::CurveForm::kM2});
  result.chinchilla = fit.ok() ? fit->points[0].value : result.last_value;
  return result;
}

std::vector<fitting::FinishedRun> PeersOf(const CalibrationRun& run,
                                          const std::vector<CalibrationRun>& runs) {
  std::vector<fitting::FinishedRun> peers;
  for (const CalibrationRun& other : runs) {
    if (other.params == run.params && std::fabs(other.tokens / run.tokens - 1) < 0.01) continue;
    peers.push_back({other.curve, other.schedule, other.params, other.batch_size_tokens});
  }
  return peers;
}

}  // namespace sextant::bench
