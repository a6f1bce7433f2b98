// SPDX-License-Identifier: Apache-2.0
#include "server/curve_columns.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "server/limits.h"

namespace sextant::server {
namespace {

constexpr std::size_t kMostCurves = 20'000;
constexpr std::size_t kPointsPerCurve = 500, kMostPoints = 200'000;
constexpr char kCurvePrefix[] = "curve.";
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct CurveColumn {
  const char* name;
  std::vector<double> fitting::LossCurve::*values;
};
constexpr CurveColumn kCurveColumns[] = {
    {"curve.step", &fitting::LossCurve::step},
    {"curve.tokens", &fitting::LossCurve::tokens},
    {"curve.train_loss", &fitting::LossCurve::train_loss},
    {"curve.validation_loss", &fitting::LossCurve::validation_loss},
    {"curve.learning_rate", &fitting::LossCurve::learning_rate},
};

double At(const std::vector<double>& column, std::size_t row) {
  return row < column.size() ? column[row] : kNone;
}

bool Usable(const RunCurve& run) {
  return run.run.state == fitting::RunState::kFinished && run.curve.step.size() > 0;
}

/// The losses that a law is fitted to: of training, or of validation where no training loss was recorded.
const std::vector<double>& LossesOf(const fitting::LossCurve& curve) {
  const bool trained = std::any_of(curve.train_loss.begin(), curve.train_loss.end(),
                                   [](double loss) { return std::isfinite(loss); });
  return trained ? curve.train_loss : curve.validation_loss;
}

/// The rate of each step up to the last recorded one; empty without two recorded rates.
std::vector<double> RatesOfSteps(const RunCurve& run) {
  const fitting::LossCurve& curve = run.curve;
  std::vector<std::pair<double, double>> known;  // step (1 for the first), rate
  for (std::size_t i = 0; i < curve.step.size(); ++i) {
    const double rate = At(curve.learning_rate, i);
    if (std::isfinite(rate) && rate >= 0 && curve.step[i] >= 1) known.emplace_back(curve.step[i], rate);
  }
  if (known.size() < 2 || known.back().first > static_cast<double>(kMaxEvaluatedSteps)) return {};
  const auto [first, rate] = known.front();
  const double warmup = std::isfinite(run.run.warmup_steps) ? run.run.warmup_steps : 0;
  if (first > 1 && warmup > 0) {
    if (warmup < first) known.insert(known.begin(), std::pair(warmup, rate));  // the warm-up had ended
    known.insert(known.begin(), std::pair(0.0, 0.0));
  } else if (first > 1) {
    known.insert(known.begin(), std::pair(1.0, rate));
  }
  std::vector<double> rates;
  rates.reserve(static_cast<std::size_t>(known.back().first));
  std::size_t next = 1;
  for (double step = 1; step <= known.back().first; ++step) {
    while (next + 1 < known.size() && known[next].first < step) ++next;
    const auto& [from, low] = known[next - 1];
    const auto& [to, high] = known[next];
    const double share = to > from ? std::clamp((step - from) / (to - from), 0.0, 1.0) : 1.0;
    rates.push_back(low + share * (high - low));
  }
  return rates;
}

}  // namespace

bool ReadsCurves(const std::map<std::string, std::string>& columns) {
  return std::any_of(columns.begin(), columns.end(),
                     [](const auto& column) { return column.second.rfind(kCurvePrefix, 0) == 0; });
}

absl::StatusOr<std::shared_ptr<const fitting::DataColumns>> LoadCurveColumns(
    storage::Snapshot& snapshot, const std::string& study, const std::vector<storage::Condition>& where) {
  ASSIGN_OR_RETURN(const storage::Study described, snapshot.GetStudy(study));
  ASSIGN_OR_RETURN(const std::vector<RunCurve> runs, LoadRunCurves(snapshot, study, where, kMostCurves));
  const auto usable = static_cast<std::size_t>(std::count_if(runs.begin(), runs.end(), &Usable));
  const std::size_t most =
      std::clamp<std::size_t>(kMostPoints / std::max<std::size_t>(1, usable), 4, kPointsPerCurve);
  auto table = std::make_shared<fitting::DataColumns>();
  table->source = "curves";
  const auto add = [&](const std::string& name, double value) { table->columns[name].push_back(value); };
  for (const RunCurve& run : runs) {
    if (!Usable(run)) continue;
    const std::size_t count = run.curve.step.size(), taken = std::min(count, most);
    for (std::size_t k = 0; k < taken; ++k) {
      const std::size_t i = taken == 1 ? count - 1 : k * (count - 1) / (taken - 1);
      for (const CurveColumn& column : kCurveColumns) add(column.name, At(run.curve.*column.values, i));
      for (const char* name : {"params", "N"}) add(name, run.params);
      for (const char* name : {"tokens", "D"}) add(name, run.run.tokens);
      for (const char* name : {"batch_size_tokens", "B"}) add(name, run.run.batch_size_tokens);
      for (const char* name : {"steps", "S"}) add(name, run.run.steps);
      add("learning_rate", run.run.learning_rate);
      add("loss_nats", run.run.loss);
      add("weight_decay", run.run.weight_decay);
      add("warmup_steps", run.run.warmup_steps);
      for (std::size_t place = 0; place < described.declared.size(); ++place) {
        add(described.declared[place].name, At(run.run.values, place));
      }
      table->row_ids.push_back(absl::StrCat(run.run.id, " at step ", run.curve.step[i]));
      table->cell_ids.push_back(run.run.id);
    }
  }
  return std::shared_ptr<const fitting::DataColumns>(std::move(table));
}

absl::StatusOr<std::vector<fitting::ScheduledRun>> LoadScheduledRuns(
    storage::Snapshot& snapshot, const std::string& study, const std::vector<storage::Condition>& where) {
  ASSIGN_OR_RETURN(const std::vector<RunCurve> runs, LoadRunCurves(snapshot, study, where, kMostCurves));
  std::vector<fitting::ScheduledRun> scheduled;
  for (const RunCurve& run : runs) {
    if (!Usable(run)) continue;
    fitting::ScheduledRun& out = scheduled.emplace_back();
    out.run_id = run.run.id;
    out.params = run.params;
    out.batch_size_tokens = run.run.batch_size_tokens;
    out.curve.learning_rate = RatesOfSteps(run);
    const std::vector<double>& losses = LossesOf(run.curve);
    for (std::size_t i = 0; i < run.curve.step.size(); ++i) {
      const double step = run.curve.step[i], loss = At(losses, i);
      const bool past =
          !out.curve.learning_rate.empty() && step > static_cast<double>(out.curve.learning_rate.size());
      if (!(step >= 1) || past || !(loss > 0) || !std::isfinite(loss)) continue;
      out.curve.step.push_back(static_cast<std::size_t>(step) - 1);
      out.curve.loss.push_back(loss);
    }
  }
  return scheduled;
}

}  // namespace sextant::server
