#include "fitting/optimum/band.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_format.h"
#include "fitting/optimum/bootstrap.h"
#include "fitting/optimum/log_linear.h"

namespace sextant::fitting::optimum {
namespace {

LogPoint PointOf(const CellRun& run, const OptimumOptions& options) {
  return {LawLogVariables(options.variables, run.log_params, run.log_tokens),
          options.target == OptimumTarget::kLearningRate ? run.log_rate : run.log_batch};
}

/// What the selected runs of the cells say besides the law.
struct Selection {
  std::vector<LogPoint> points;
  std::vector<LogPoint> cell_means;  ///< one a cell: the mean ln target of its selected runs
  double reach_low = 0;  ///< mean over cells of the lowest selected value's log offset from the mean
  double reach_high = 0;
};

Selection Select(const std::vector<Cell>& cells, const OptimumOptions& options, double band) {
  Selection selection;
  for (const Cell& cell : cells) {
    double sum = 0;
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    int count = 0;
    for (const CellRun& run : cell.runs) {
      if (run.loss <= cell.best_loss() * (1 + band)) {
        selection.points.push_back(PointOf(run, options));
        const double value = selection.points.back().log_target;
        sum += value;
        low = std::min(low, value);
        high = std::max(high, value);
        ++count;
      }
    }
    const double mean = sum / count;
    selection.cell_means.push_back(
        {LawLogVariables(options.variables, cell.log_params, cell.log_tokens), mean});
    selection.reach_low += (low - mean) / static_cast<double>(cells.size());
    selection.reach_high += (high - mean) / static_cast<double>(cells.size());
  }
  return selection;
}

void SelectDrawn(const std::vector<DrawnCell>& drawn, const OptimumOptions& options, double band,
                 std::vector<LogPoint>& points) {
  points.clear();
  for (const DrawnCell& draw : drawn) {
    double best = std::numeric_limits<double>::infinity();
    for (const std::uint32_t run : draw.runs) {
      best = std::min(best, draw.cell->runs[run].loss);
    }
    for (const std::uint32_t run : draw.runs) {
      if (draw.cell->runs[run].loss <= best * (1 + band)) {
        points.push_back(PointOf(draw.cell->runs[run], options));
      }
    }
  }
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

}  // namespace

absl::StatusOr<OptimumFit> FitBand(const std::vector<Cell>& cells, const OptimumOptions& options,
                                   double band) {
  const Selection selection = Select(cells, options, band);
  const absl::StatusOr<LogLinearFit> solved = SolveLogLinear(selection.points);
  if (!solved.ok()) {
    return solved.status();
  }
  OptimumFit fit;
  fit.parameter_names = LawParameterNames(options.variables);
  fit.law_parameters = fit.parameter_names.size();
  fit.parameter_names.push_back("offset");
  fit.estimates.assign(solved->parameters.begin(),
                       solved->parameters.begin() + static_cast<std::ptrdiff_t>(fit.law_parameters));
  fit.estimates.push_back(0);
  fit.runs_used = static_cast<int>(selection.points.size());
  fit.objective = solved->objective;
  fit.condition_number = solved->condition_number;
  fit.near_optimal_tolerance = band;
  fit.near_optimal_low = selection.reach_low;
  fit.near_optimal_high = selection.reach_high;

  const double scatter = CellScatter(selection.cell_means, solved->parameters);
  const std::size_t law_parameters = fit.law_parameters;
  const ReplicateFit replicate = [&options, band, scatter, law_parameters](
                                     const std::vector<DrawnCell>& drawn, CounterRandom& random,
                                     double* row) {
    thread_local std::vector<LogPoint> points;
    SelectDrawn(drawn, options, band, points);
    LawParameters law{};
    if (!SolveLogLinearExactly(points, law)) {
      return false;
    }
    std::copy_n(law.begin(), law_parameters, row);
    row[law_parameters] = scatter * random.Normal();
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
