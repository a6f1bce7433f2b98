// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/kinked_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/least_squares/summary.h"

namespace sextant::fitting::solve {
namespace {

constexpr double kLargest = 1e300;  // of a parameter that is walked by its logarithm

// The same parameters with those of `logs` walked by their logarithm, inside the part of their bounds that
// allows it. Nothing where none changes.
std::optional<ParameterMap> WalkedByLogarithm(const LawSpec& spec, const SolveOptions& options,
                                              const ParameterMap& map, const std::vector<bool>& logs) {
  LawSpec walked = spec;
  std::map<std::string, Range> bounds;
  bool any = false;
  for (std::size_t k = 0; k < map.free_count(); ++k) {
    const ParameterMap::Free& free = map.free()[k];
    ParameterSpec& parameter = walked.parameters[free.index];
    const auto given = options.bounds.find(parameter.name);
    if (given != options.bounds.end()) parameter.bounds = given->second;
    if (free.log || !logs[k] || !(parameter.bounds.high > 0)) continue;
    parameter.transform = "log";
    parameter.bounds.low = std::max(parameter.bounds.low, 0.0);
    parameter.bounds.high = std::min(parameter.bounds.high, kLargest);
    std::erase_if(parameter.starts, [](double start) { return !(start > 0); });
    any = true;
  }
  if (!any) return std::nullopt;
  absl::StatusOr<ParameterMap> made = ParameterMap::Make(walked, bounds, options.fixed);
  if (!made.ok()) return std::nullopt;
  return *std::move(made);
}

}  // namespace

absl::Status SearchKinked(const std::shared_ptr<const Law>& law, const BranchedLaw& branched,
                          const LawData& data, Evaluator& evaluator, const Objective& objective,
                          const SolveOptions& options, const StopCheck& stop, Search& search,
                          KinkedSearch& found) {
  const LawSpec& spec = law->spec();
  const ParameterMap& map = evaluator.map();
  const AffineStructure by_form = FindAffineStructure(evaluator, ProbePoint(spec, map));
  std::vector<bool> all(map.free_count(), true), amplitudes(map.free_count(), false);
  for (const std::size_t i : by_form.linear) amplitudes[i] = true;
  std::vector<ParameterMap> maps = {map};
  for (const std::vector<bool>& logs : {amplitudes, all}) {
    std::optional<ParameterMap> walked = WalkedByLogarithm(spec, options, map, logs);
    if (walked) maps.push_back(*std::move(walked));
  }
  search = Search();
  search.best.value = std::numeric_limits<double>::infinity();
  std::vector<double> natural(map.natural_count());
  for (const ParameterMap& walk : maps) {
    Evaluator own(law, data, walk, objective.residual);
    const AffineStructure structure = FindAffineStructure(own, ProbePoint(spec, walk));
    StartOptions start_options;
    start_options.random = options.random_starts;
    start_options.seed = options.seed;
    start_options.thresholds = true;
    for (const std::vector<double>& start : options.starts) {
      start_options.given.emplace_back(walk.free_count());
      walk.ToWalked(start, start_options.given.back());
    }
    int assignments = 0;
    RETURN_IF_ERROR(
        BranchStarts(branched, data, walk, objective, options.seed, stop, start_options.given, assignments));
    const std::vector<std::vector<double>> starts =
        MakeStarts(own, spec, data, objective, structure, start_options);
    if (starts.empty()) continue;
    Search part;
    RETURN_IF_ERROR(PolishStarts(own, objective, starts, true, stop, part));
    IndependentSearch independent;
    RETURN_IF_ERROR(SearchIndependently(own, objective, true, options.seed, stop, part, independent));
    found.assignments += assignments;
    ++found.maps;
    std::erase_if(part.polished, [](const Polished& p) { return !std::isfinite(p.value); });
    part.polished.push_back(part.best);
    for (Polished& polished : part.polished) {
      walk.ToNatural(polished.walked, natural);
      polished.walked.resize(map.free_count());
      map.ToWalked(natural, polished.walked);
      if (polished.value < search.best.value) search.best = polished;
    }
    part.polished.pop_back();
    search.polished.insert(search.polished.end(), part.polished.begin(), part.polished.end());
    search.starts += part.starts;
    found.independent.values.insert(found.independent.values.end(), independent.values.begin(),
                                    independent.values.end());
  }
  if (!std::isfinite(search.best.value)) return absl::OkStatus();
  Polisher polisher(evaluator, objective);
  Polished again = polisher.Polish(search.best.walked);
  if (again.value <= search.best.value) {
    search.best = std::move(again);
  } else {
    search.best.value = polisher.Value(search.best.walked, &search.best.scale);
    search.best.delta = again.delta;
  }
  return absl::OkStatus();
}

}  // namespace sextant::fitting::solve
