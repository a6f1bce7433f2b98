// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/summary.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fitting/least_squares/diagnostics.h"
#include "fitting/least_squares/identifiability.h"

namespace sextant::fitting::solve {
namespace {

// A normal matrix worse than this loses more than half of the digits of a double.
constexpr double kIllConditioned = 1e8;
constexpr double kStronglyCorrelated = 0.99;

// Column j of a row-major matrix.
std::vector<double> Column(const std::vector<double>& matrix, std::size_t width, std::size_t j) {
  std::vector<double> column;
  column.reserve(matrix.size() / width);
  for (std::size_t at = j; at < matrix.size(); at += width) column.push_back(matrix[at]);
  return column;
}

double StandardDeviation(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
}

// Pearson correlations of natural parameters; a parameter that never moves correlates with nothing.
std::vector<double> Correlations(const std::vector<double>& replicates, std::size_t p) {
  const std::size_t rows = replicates.size() / p;
  std::vector<double> mean(p, 0.0), products(p * p, 0.0), correlations(p * p, 0.0);
  for (std::size_t at = 0; at < replicates.size(); ++at)
    mean[at % p] += replicates[at] / static_cast<double>(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < p; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        products[i * p + j] += (replicates[r * p + i] - mean[i]) * (replicates[r * p + j] - mean[j]);
      }
    }
  }
  for (std::size_t i = 0; i < p; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double scale = std::sqrt(products[i * p + i]) * std::sqrt(products[j * p + j]);
      const double value = i == j ? 1.0 : (scale > 0 ? products[i * p + j] / scale : 0.0);
      correlations[i * p + j] = correlations[j * p + i] = value;
    }
  }
  return correlations;
}

void FillReplicates(const SolveOptions& options, const ParameterMap& map, const ReplicateFits& fits,
                    FitResult& result) {
  const std::size_t p = map.natural_count();
  const std::size_t k = map.free_count();
  const std::size_t rows = fits.objective.size();
  result.bootstrap_replicates = static_cast<std::int64_t>(rows);
  if (rows == 0) return;
  result.replicates.resize(rows * p);
  for (std::size_t r = 0; r < rows; ++r) {
    map.ToNatural({fits.walked.data() + r * k, k}, {result.replicates.data() + r * p, p});
  }
  const double tail = 0.5 * (1 - options.interval_level);
  for (const ParameterMap::Free& free : map.free()) {
    std::vector<double> values = Column(result.replicates, p, free.index);
    result.diagnostics["standard_error." + result.parameters[free.index].name] = StandardDeviation(values);
    std::sort(values.begin(), values.end());
    result.parameters[free.index].low = SortedQuantile(values, tail);
    result.parameters[free.index].high = SortedQuantile(values, 1 - tail);
  }
  result.correlations = Correlations(result.replicates, p);
  result.diagnostics["replicates_contested"] = fits.contested;
  if (fits.unconverged > 0) {
    result.diagnostics["replicates_unconverged"] = fits.unconverged;
    result.warnings.push_back(absl::StrCat(fits.unconverged, " of ", rows,
                                           " bootstrap replicates did not converge; intervals may be off"));
  }
}

void AddWarnings(const ParameterMap& map, const Search& search, FitResult& result) {
  const auto& parameters = result.parameters;
  for (const ParameterEstimate& parameter : parameters) {
    if (!parameter.at_bound) continue;
    result.warnings.push_back(absl::StrCat(parameter.name, " ended at its bound (", parameter.estimate,
                                           "): not identifiable from this design beyond that side"));
  }
  if (!search.best.converged) {
    result.warnings.push_back(
        "no start reached a minimum to full precision; the estimate is the best point found");
  }
  if (!(result.condition_number < kIllConditioned)) {
    result.warnings.push_back(
        absl::StrCat("the parameters are barely identifiable from this design (condition number ",
                     result.condition_number, "); trust predictions inside the data's range only"));
  }
  const bool checked = result.diagnostics.contains("search.independent");  // it has said what it found
  if (!checked && search.starts > 4 && 10 * search.at_optimum < search.starts) {
    result.warnings.push_back(absl::StrCat("only ", search.at_optimum, " of ", search.starts,
                                           " starts reached the optimum; a better one may exist"));
  }
  const std::size_t p = parameters.size();
  for (const ParameterMap::Free& a : map.free()) {
    for (const ParameterMap::Free& b : map.free()) {
      if (b.index <= a.index || result.correlations.empty()) continue;
      const double correlation = result.correlations[a.index * p + b.index];
      if (std::abs(correlation) < kStronglyCorrelated) continue;
      result.warnings.push_back(absl::StrCat(parameters[a.index].name, " and ", parameters[b.index].name,
                                             " move together (correlation ", correlation,
                                             "): neither means anything alone"));
    }
  }
}

}  // namespace

double SortedQuantile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[below + 1] - sorted[below]);
}

std::vector<double> ProbePoint(const LawSpec& spec, const ParameterMap& map) {
  std::vector<double> point;
  for (const ParameterMap::Free& free : map.free()) {
    const ParameterSpec& parameter = spec.parameters[free.index];
    double value = free.log ? 0.0 : 0.37;
    if (!parameter.starts.empty()) value = parameter.starts[parameter.starts.size() / 2];
    if (parameter.value) value = *parameter.value;
    if (free.log && (!parameter.starts.empty() || parameter.value)) value = std::log(value);
    point.push_back(value);
  }
  map.Clamp(point);
  return point;
}

void Summarise(const Law& law, const LawData& data, const SolveOptions& options, const Objective& objective,
               Polisher& polisher, const Search& search, const ReplicateFits& replicates,
               const StopCheck& stop, FitResult& result) {
  const LawSpec& spec = law.spec();
  Evaluator& evaluator = polisher.evaluator();
  const ParameterMap& map = evaluator.map();
  result.law_id = spec.id;
  result.law_toml = LawSpecToToml(spec);
  result.target = spec.target;
  result.estimator = "least-squares";
  result.objective_kind = ObjectiveToString(objective);
  result.seed = options.seed;
  result.loss_unit = spec.loss_unit;
  result.runs_used = static_cast<std::int64_t>(data.size());
  result.cells_used = static_cast<std::int64_t>(CellRows(data).size());
  result.objective = search.best.value;
  result.starts = search.starts;
  result.starts_at_optimum = search.at_optimum;

  std::vector<double> natural(map.natural_count());
  map.ToNatural(search.best.walked, natural);
  for (std::size_t p = 0; p < natural.size(); ++p) {
    result.parameters.emplace_back();
    result.parameters.back().name = spec.parameters[p].name;
    result.parameters.back().estimate = natural[p];
  }
  for (std::size_t k = 0; k < map.free_count(); ++k) {
    result.parameters[map.free()[k].index].at_bound = map.AtBound(k, search.best.walked[k]);
  }
  for (std::size_t v = 0; v < data.columns.size(); ++v) {
    const auto [low, high] = std::minmax_element(data.columns[v].begin(), data.columns[v].end());
    result.fitted_range[spec.variables[v].name] = {*low, *high};
  }
  FillReplicates(options, map, replicates, result);
  result.condition_number = ConditionNumber(evaluator, search.best.walked);

  const double n = static_cast<double>(data.size());
  // Every density here has a scale, estimated with the parameters.
  const double count = static_cast<double>(map.free_count()) + 1;
  const double minus_two_log = MinusTwoLogLikelihood(polisher, search.best);
  result.diagnostics["log_likelihood"] = -0.5 * minus_two_log;
  result.diagnostics["aic"] = minus_two_log + 2 * count;
  result.diagnostics["bic"] = minus_two_log + std::log(n) * count;
  if (objective.loss == LossKind::kHuberLikelihood) result.diagnostics["scale"] = search.best.scale;

  if (options.diagnostics) {
    std::vector<double> errors;
    for (std::size_t k = 0; k < map.free_count() && !replicates.walked.empty(); ++k) {
      errors.push_back(StandardDeviation(Column(replicates.walked, map.free_count(), k)));
    }
    if (errors.empty()) errors = NormalStandardErrors(evaluator, search.best.walked);
    result.influence = FindInfluence(polisher, data, search.best, errors, stop);
    result.diagnostics.merge(HuberDeltaSensitivity(evaluator, objective, spec, search.best));
  }
  AddWarnings(map, search, result);
}

}  // namespace sextant::fitting::solve
