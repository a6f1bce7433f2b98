// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/random.h"
#include "fitting/optimum/cells.h"
#include "fitting/optimum/excess_loss.h"
#include "fitting/optimum/log_linear.h"
#include "tests/bench/optimum_studies.h"
#include "tests/fitting/optimum/sweep_files.h"
#include "tests/test_paths.h"

namespace sextant::fitting::bench {
namespace {

using optimum::Cell;
using optimum::CellRun;

/// One recorded sweep, its cells and their scorers.
struct Sweep {
  std::string name;
  RunTable runs;
  bool batch;  ///< whether the batch was swept, too
  std::vector<Cell> cells;
  std::vector<std::optional<StudyTarget>> targets;  ///< one a cell; empty where it cannot be scored
};

/// Excess along the rate alone, for cells of three or four rates: the parabola of ln loss through the best
/// rate and its neighbours, repeats averaged. Nothing where the best rate is the lowest or highest tried.
std::optional<StudyTarget> ParabolaTarget(const Cell& cell) {
  std::map<int, std::array<double, 3>> levels;  // sum of ln rate, sum of ln loss, count
  for (const CellRun& run : cell.runs) {
    std::array<double, 3>& sum = levels[run.rate_level];
    sum[0] += run.log_rate, sum[1] += std::log(run.loss), sum[2] += 1;
  }
  std::vector<std::pair<double, double>> points;
  for (const auto& [level, sum] : levels) points.emplace_back(sum[0] / sum[2], sum[1] / sum[2]);
  const auto best = std::min_element(points.begin(), points.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (best == points.begin() || best + 1 == points.end()) return std::nullopt;
  const auto [x0, y0] = *(best - 1);
  const auto [x1, y1] = *best;
  const auto [x2, y2] = *(best + 1);
  const double rise = (y2 - y1) / (x2 - x1), fall = (y1 - y0) / (x1 - x0);
  const double curvature = (rise - fall) / (x2 - x0);
  if (!(curvature > 0)) return std::nullopt;
  const double at = 0.5 * (x0 + x1) - fall / (2 * curvature);
  return StudyTarget{std::exp(cell.log_params),
                     std::exp(cell.log_tokens),
                     false,
                     {at, std::numeric_limits<double>::quiet_NaN()},
                     [at, curvature](const Eigen::Vector2d& where) {
                       return 100 * std::expm1(std::min(curvature * (where[0] - at) * (where[0] - at), 5.0));
                     },
                     0};
}

std::optional<StudyTarget> SplineTarget(const Cell& cell) {
  std::optional<optimum::CellScorer> made = optimum::CellScorer::Make(cell);
  if (!made) return std::nullopt;
  auto scorer = std::make_shared<const optimum::CellScorer>(*std::move(made));
  return StudyTarget{std::exp(cell.log_params),
                     std::exp(cell.log_tokens),
                     false,
                     scorer->optimum(),
                     [scorer](const Eigen::Vector2d& where) { return scorer->ExcessWithinRuns(where); },
                     0};
}

/// The law in N and D of least mean excess over all cells, held-out ones too: what a power law can reach.
/// Found by coordinate steps from the least squares through the cells' own optima.
void SetReachable(Sweep& sweep) {
  std::vector<optimum::LogPoint> points[2];
  double n_mean = 0, d_mean = 0, count = 0;
  for (const std::optional<StudyTarget>& target : sweep.targets) {
    if (!target) continue;
    n_mean += std::log(target->params), d_mean += std::log(target->tokens), ++count;
  }
  n_mean /= count, d_mean /= count;
  for (const std::optional<StudyTarget>& target : sweep.targets) {
    for (int axis = 0; target && axis < (sweep.batch ? 2 : 1); ++axis) {
      points[axis].push_back({{{std::log(target->params) - n_mean, std::log(target->tokens) - d_mean}, 2},
                              target->optimum[axis],
                              1});
    }
  }
  std::array<optimum::LawParameters, 2> laws{};
  for (int axis = 0; axis < (sweep.batch ? 2 : 1); ++axis) {
    optimum::LawParameters& law = laws[static_cast<std::size_t>(axis)];
    if (optimum::SolveLogLinearExactly(points[axis], law)) continue;
    // Too few cells can be scored for a law: a constant.
    law = {};
    for (const optimum::LogPoint& point : points[axis]) law[0] += point.log_target / count;
  }
  const auto excess = [&](const StudyTarget& target) {
    Eigen::Vector2d at;
    for (int axis = 0; axis < 2; ++axis) {
      const optimum::LawParameters& law = laws[static_cast<std::size_t>(axis)];
      at[axis] =
          law[0] + law[1] * (std::log(target.params) - n_mean) + law[2] * (std::log(target.tokens) - d_mean);
    }
    return std::clamp(target.excess_pct(at), 0.0, 100.0);
  };
  const auto total = [&] {
    double sum = 0;
    for (const std::optional<StudyTarget>& target : sweep.targets) sum += target ? excess(*target) : 0;
    return sum;
  };
  const auto descend = [&] {
    double best = total();
    for (double step = 0.4; step > 0.004; step /= 2) {
      for (bool improved = true; improved;) {
        improved = false;
        for (std::size_t k = 0; k < (sweep.batch ? 6u : 3u); ++k) {
          double& parameter = laws[k / 3][k % 3];
          for (const double move : {step, -step}) {
            parameter += move;
            const double moved = total();
            if (moved < best - 1e-9) {
              best = moved, improved = true;
            } else {
              parameter -= move;
            }
          }
        }
      }
    }
    return best;
  };
  // Steep cells hold coordinate steps up: other starts about the best.
  constexpr int kStarts = 40;
  double best = descend();
  RandomStream random(1, 77);
  for (int start = 0; start < kStarts; ++start) {
    const std::array<optimum::LawParameters, 2> kept = laws;
    for (std::size_t k = 0; k < (sweep.batch ? 6u : 3u); ++k) {
      laws[k / 3][k % 3] += (k % 3 == 0 ? 0.4 : 0.2) * random.Normal();
    }
    const double found = descend();
    if (found < best) {
      best = found;
    } else {
      laws = kept;
    }
  }
  for (std::optional<StudyTarget>& target : sweep.targets) {
    if (target) target->reachable_pct = excess(*target);
  }
}

Sweep MakeSweep(std::string name, RunTable runs, bool batch) {
  Sweep sweep{std::move(name), std::move(runs), batch, {}, {}};
  sweep.cells = optimum::GroupIntoCells(sweep.runs, {true, batch}, 0.003)->cells;
  for (const Cell& cell : sweep.cells) {
    sweep.targets.push_back(batch ? SplineTarget(cell) : ParabolaTarget(cell));
  }
  SetReachable(sweep);
  return sweep;
}

std::optional<double> JsonNumber(const std::string& line, const std::string& key) {
  const std::size_t at = line.find("\"" + key + "\":");
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(line.c_str() + at + key.size() + 3, nullptr);
}

/// Runs in the project's own format, one a line.
std::optional<RunTable> ReadRunLines(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  RunTable runs;
  for (std::string line; std::getline(file, line);) {
    runs.id.push_back("run-" + std::to_string(runs.id.size()));
    runs.params.push_back(*JsonNumber(line, "params_non_embedding"));
    runs.tokens.push_back(*JsonNumber(line, "tokens"));
    runs.learning_rate.push_back(*JsonNumber(line, "learning_rate"));
    runs.batch_size_tokens.push_back(*JsonNumber(line, "batch_size_tokens"));
    runs.loss.push_back(*JsonNumber(line, "loss_nats"));
    runs.state.push_back(RunState::kFinished);
  }
  return runs;
}

/// Fits the cells that `train` marks; judged on those that `test` marks and that can be scored.
void AddCase(const Sweep& sweep, const std::string& split, const std::vector<bool>& train,
             const std::vector<bool>& test, std::vector<StudyCase>& cases,
             const std::function<bool(const CellRun&)>& keep = {}) {
  StudyCase made;
  made.family = sweep.name + ", " + split;
  made.batch = sweep.batch;
  std::vector<bool> rows(sweep.runs.size(), false);
  double n_low = 1e300, n_high = 0, d_low = 1e300, d_high = 0;
  for (std::size_t c = 0; c < sweep.cells.size(); ++c) {
    bool any = false;
    for (const CellRun& run : sweep.cells[c].runs) {
      rows[run.row] = train[c] && (!keep || keep(run));
      any = any || rows[run.row];
    }
    if (!any) continue;
    const double n = std::exp(sweep.cells[c].log_params), d = std::exp(sweep.cells[c].log_tokens);
    n_low = std::min(n_low, n), n_high = std::max(n_high, n);
    d_low = std::min(d_low, d), d_high = std::max(d_high, d);
  }
  made.runs = SelectRows(sweep.runs, rows);
  made.worst_pct = WorstTriedPercent(made.runs);
  for (std::size_t c = 0; c < sweep.cells.size(); ++c) {
    if (!test[c] || !sweep.targets[c]) continue;
    made.targets.push_back(*sweep.targets[c]);
    StudyTarget& target = made.targets.back();
    target.beyond = target.params < 0.99 * n_low || target.params > 1.01 * n_high ||
                    target.tokens < 0.99 * d_low || target.tokens > 1.01 * d_high;
  }
  if (!made.targets.empty()) cases.push_back(std::move(made));
}

std::vector<bool> Where(const Sweep& sweep, const std::function<bool(const Cell&)>& holds) {
  std::vector<bool> marks;
  for (const Cell& cell : sweep.cells) marks.push_back(holds(cell));
  return marks;
}

std::vector<bool> Not(std::vector<bool> marks) {
  marks.flip();
  return marks;
}

/// Splits along N or D: fitted below the middle value, judged above; and each value left out in turn.
void AddSplits(const Sweep& sweep, double Cell::*variable, const std::string& name,
               std::vector<StudyCase>& cases) {
  std::vector<double> values;
  for (const Cell& cell : sweep.cells) {
    const bool known = std::any_of(values.begin(), values.end(),
                                   [&](double v) { return std::abs(v - cell.*variable) < 0.006; });
    if (!known) values.push_back(cell.*variable);
  }
  std::sort(values.begin(), values.end());
  const double middle = values[(values.size() + 1) / 2] - 0.006;
  const std::vector<bool> small = Where(sweep, [&](const Cell& cell) { return cell.*variable < middle; });
  AddCase(sweep, "small to large " + name, small, Not(small), cases);
  // The other places to cut, at most six.
  const std::size_t stride = std::max<std::size_t>(1, values.size() / 6);
  for (std::size_t cut = 2; cut < values.size(); cut += stride) {
    const double from = values[cut] - 0.006;
    if (std::abs(from - middle) < 1e-9) continue;
    const std::vector<bool> below = Where(sweep, [&](const Cell& cell) { return cell.*variable < from; });
    AddCase(sweep, "other cuts in " + name, below, Not(below), cases);
  }
  for (const double value : values) {
    if (values.size() > 6) break;  // one row a value would crowd out the rest
    const std::vector<bool> held =
        Where(sweep, [&](const Cell& cell) { return std::abs(cell.*variable - value) < 0.006; });
    AddCase(sweep, "leave one " + name + " out", Not(held), held, cases);
  }
}

/// Draws of a sweep that lost cells or runs, judged on all its cells.
void AddThinned(const Sweep& sweep, int seeds, std::vector<StudyCase>& cases) {
  const std::vector<bool> all(sweep.cells.size(), true);
  std::size_t total = 0;
  for (const Cell& cell : sweep.cells) total += cell.runs.size();
  AddCase(sweep, "all runs, in sample", all, all, cases);
  for (int seed = 1; seed <= seeds; ++seed) {
    RandomStream random(static_cast<std::uint64_t>(seed), 21);
    const std::vector<bool> cells = Where(sweep, [&](const Cell&) { return random.Uniform() > 1.0 / 3; });
    AddCase(sweep, "a third of cells missing", cells, all, cases);
    AddCase(sweep, "a third of runs missing", all, all, cases,
            [&](const CellRun&) { return random.Uniform() > 1.0 / 3; });
    Sweep noisy = sweep;
    RandomStream noise(static_cast<std::uint64_t>(seed), 22);
    for (double& loss : noisy.runs.loss) loss *= std::exp(0.01 * noise.Normal());
    AddCase(noisy, "1 % noise", all, all, cases);
    if (!sweep.batch) continue;
    std::vector<std::pair<double, std::size_t>> order;
    for (const Cell& cell : sweep.cells) {
      for (const CellRun& run : cell.runs) order.emplace_back(random.Uniform(), run.row);
    }
    std::sort(order.begin(), order.end());
    std::set<std::size_t> forty;
    for (std::size_t i = 0; i < std::min<std::size_t>(40, order.size()); ++i) forty.insert(order[i].second);
    AddCase(sweep, "40 random runs", all, all, cases,
            [&](const CellRun& run) { return forty.contains(run.row); });
    const double rate_phase = std::floor(2 * random.Uniform()),
                 batch_phase = std::floor(2 * random.Uniform());
    const double step = std::log(4.0);
    // The one run of every factor of four in rate and batch that lies nearest the factor's grid.
    AddCase(sweep, "grid factor 4", all, all, cases, [&](const CellRun& run) {
      const auto near = [step](double value, double phase) {
        const double at = value / step + 0.5 * phase;
        return std::abs(at - std::round(at)) < 0.13;
      };
      return near(run.log_rate, rate_phase) && near(run.log_batch, batch_phase);
    });
  }
}

}  // namespace

double WorstTriedPercent(const RunTable& runs) {
  std::vector<double> excess;
  const absl::StatusOr<optimum::CellTable> table = optimum::GroupIntoCells(runs, {}, 0.003);
  for (const Cell& cell : table->cells) {
    for (const CellRun& run : cell.runs) excess.push_back(100 * (run.loss / cell.best_loss() - 1));
  }
  if (excess.empty()) return 100;
  std::sort(excess.begin(), excess.end());
  return std::min(100.0, excess[excess.size() * 9 / 10]);
}

std::vector<StudyCase> RecordedStudies(int seeds, std::vector<std::string>& missing) {
  const std::string shared = SEXTANT_SOURCE_DIR "/../shared/data/";
  const std::string shipped = SEXTANT_SOURCE_DIR "/data/calibration/";
  const testing::SweepColumns own{"params_non_embedding", "tokens", "learning_rate", "batch_size_tokens",
                                  "val_loss_nats"};
  std::vector<Sweep> sweeps;
  const auto add = [&](const std::string& name, std::optional<RunTable> runs, bool batch) {
    if (runs) {
      sweeps.push_back(MakeSweep(name, *std::move(runs), batch));
    } else {
      missing.push_back(name);
    }
  };
  add("steplaw-dense", testing::ReadStepLawDense(), true);
  add("h100-bytes-t128", testing::ReadSweep(shipped + "h100-bytes-t128/runs.csv", own), true);
  add("h100-bytes-t512", testing::ReadSweep(shared + "h100-bytes-t512/runs.csv", own), true);
  add("h100-lines-t128", ReadRunLines(shipped + "h100-lines-t128/runs.jsonl"), true);
  add("misfitting",
      testing::ReadSweep(shared + "misfitting/runs.csv", {"N_no_emb", "D", "peak_lr", "", "loss"}), false);
  std::vector<StudyCase> cases;
  for (const Sweep& sweep : sweeps) {
    AddThinned(sweep, seeds, cases);
    AddSplits(sweep, &Cell::log_params, "N", cases);
    AddSplits(sweep, &Cell::log_tokens, "D", cases);
  }
  return cases;
}

}  // namespace sextant::fitting::bench
