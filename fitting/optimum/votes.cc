// SPDX-License-Identifier: Apache-2.0
#include "fitting/optimum/votes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"
#include "fitting/optimum/cell_quadratic.h"

namespace sextant::fitting::optimum {
namespace {

double LogTarget(const CellRun& run, const OptimumOptions& options) {
  return options.target == OptimumTarget::kLearningRate ? run.log_rate : run.log_batch;
}

LogPoint PointOf(const CellRun& run, const OptimumOptions& options, double weight) {
  return {LawLogVariables(options.variables, run.log_params, run.log_tokens), LogTarget(run, options),
          weight};
}

double LowestLoss(const DrawnCell& draw) {
  double best = std::numeric_limits<double>::infinity();
  for (const std::uint32_t run : draw.runs) {
    best = std::min(best, draw.cell->runs[run].loss);
  }
  return best;
}

std::vector<DrawnCell> AllRuns(const std::vector<Cell>& cells) {
  std::vector<DrawnCell> all;
  for (const Cell& cell : cells) {
    all.push_back({&cell, std::vector<std::uint32_t>(cell.runs.size())});
    std::iota(all.back().runs.begin(), all.back().runs.end(), 0u);
  }
  return all;
}

/// Standard deviation of cells about the law, with the degrees of freedom that the law used taken off.
double CellScatter(const std::vector<LogPoint>& cell_means, const LawParameters& law) {
  double sum = 0;
  for (const LogPoint& mean : cell_means) {
    double value = law[0];
    for (std::size_t k = 0; k < mean.at.count; ++k) {
      value += law[1 + k] * mean.at.x[k];
    }
    sum += (mean.log_target - value) * (mean.log_target - value);
  }
  const double cells = static_cast<double>(cell_means.size());
  const double parameters = static_cast<double>(1 + cell_means.front().at.count);
  return std::sqrt(sum / std::max(1.0, cells - parameters));
}

/// Mean over cells of how far, in log, the runs within the band reach below and above their own mean.
std::pair<double, double> BandReach(const std::vector<Cell>& cells, const OptimumOptions& options) {
  std::pair<double, double> reach(0, 0);
  for (const Cell& cell : cells) {
    double sum = 0;
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    int count = 0;
    for (const CellRun& run : cell.runs) {
      if (run.loss <= cell.best_loss() * (1 + options.band)) {
        const double value = LogTarget(run, options);
        sum += value;
        low = std::min(low, value);
        high = std::max(high, value);
        ++count;
      }
    }
    reach.first += (low - sum / count) / static_cast<double>(cells.size());
    reach.second += (high - sum / count) / static_cast<double>(cells.size());
  }
  return reach;
}

}  // namespace

VoteRule BandVotes(const OptimumOptions& options, double band) {
  return [&options, band](const DrawnCell& draw, std::vector<LogPoint>& points) {
    const double limit = LowestLoss(draw) * (1 + band);
    int count = 0;
    for (const std::uint32_t run : draw.runs) {
      if (draw.cell->runs[run].loss <= limit) {
        points.push_back(PointOf(draw.cell->runs[run], options, 1));
        ++count;
      }
    }
    return count;
  };
}

VoteRule SoftBandVotes(const OptimumOptions& options, double band) {
  return [&options, band](const DrawnCell& draw, std::vector<LogPoint>& points) {
    const double best = LowestLoss(draw);
    const std::size_t first = points.size();
    double total = 0;
    for (const std::uint32_t run : draw.runs) {
      const double weight = std::exp(-(draw.cell->runs[run].loss / best - 1) / band);
      points.push_back(PointOf(draw.cell->runs[run], options, weight));
      total += weight;
    }
    for (std::size_t i = first; i < points.size(); ++i) {
      points[i].weight /= total;
    }
    return static_cast<int>(draw.runs.size());
  };
}

VoteRule QuadraticVotes(const OptimumOptions& options, double band) {
  return [&options, band](const DrawnCell& draw, std::vector<LogPoint>& points) {
    const CellVertex vertex = FitCellQuadratic(draw);
    const int axis = options.target == OptimumTarget::kLearningRate ? 0 : 1;
    if (vertex.valid()) {
      points.push_back({LawLogVariables(options.variables, draw.cell->log_params, draw.cell->log_tokens),
                        vertex.at[axis], 1});
      return vertex.runs;
    }
    const std::size_t first = points.size();
    const int count = BandVotes(options, band)(draw, points);
    for (std::size_t i = first; i < points.size(); ++i) {
      points[i].weight = 0.5 / count;
    }
    return count;
  };
}

absl::StatusOr<OptimumFit> FitByVotes(const std::vector<Cell>& cells, const OptimumOptions& options,
                                      const VoteRule& rule) {
  OptimumFit fit;
  std::vector<LogPoint> points;
  std::vector<LogPoint> cell_means;
  for (const DrawnCell& cell : AllRuns(cells)) {
    const std::size_t first = points.size();
    fit.runs_used += rule(cell, points);
    double sum = 0;
    double weight = 0;
    for (std::size_t i = first; i < points.size(); ++i) {
      sum += points[i].weight * points[i].log_target;
      weight += points[i].weight;
    }
    cell_means.push_back(
        {LawLogVariables(options.variables, cell.cell->log_params, cell.cell->log_tokens), sum / weight});
  }
  const absl::StatusOr<LogLinearFit> solved = SolveLogLinear(points);
  if (!solved.ok()) {
    return solved.status();
  }
  fit.parameter_names = LawParameterNames(options.variables);
  fit.law_parameters = fit.parameter_names.size();
  for (const char* name : {"beyond.params", "beyond.tokens", "offset"}) {
    fit.parameter_names.push_back(name);
  }
  fit.estimates.assign(solved->parameters.begin(),
                       solved->parameters.begin() + static_cast<std::ptrdiff_t>(fit.law_parameters));
  fit.estimates.resize(fit.parameter_names.size(), 0);
  fit.objective = solved->objective;
  fit.condition_number = solved->condition_number;
  fit.near_optimal_tolerance = options.band;
  std::tie(fit.near_optimal_low, fit.near_optimal_high) = BandReach(cells, options);

  const double scatter = CellScatter(cell_means, solved->parameters);
  const std::size_t law_parameters = fit.law_parameters;
  const ReplicateFit replicate = [&rule, scatter, law_parameters](const std::vector<DrawnCell>& drawn,
                                                                  RandomStream& random, double* row) {
    thread_local std::vector<LogPoint> votes;
    votes.clear();
    for (const DrawnCell& draw : drawn) {
      rule(draw, votes);
    }
    LawParameters law{};
    if (!SolveLogLinearExactly(votes, law)) {
      return false;
    }
    std::copy_n(law.begin(), law_parameters, row);
    row[law_parameters] = row[law_parameters + 1] = 0;
    row[law_parameters + 2] = scatter * random.Normal();
    return true;
  };
  absl::StatusOr<Replicates> replicates = RunReplicates(cells, options.replicates, fit.parameter_names.size(),
                                                        options.seed, options.cancelled, replicate);
  if (!replicates.ok()) {
    return replicates.status();
  }
  if (replicates->failed > 0) {
    fit.warnings.push_back(
        absl::StrFormat("%d of %d bootstrap replicates did not determine the law and are left "
                        "out of the intervals",
                        replicates->failed, options.replicates));
  }
  fit.replicates = std::move(replicates->rows);
  fit.replicate_count = replicates->count;
  return fit;
}

}  // namespace sextant::fitting::optimum
