// SPDX-License-Identifier: Apache-2.0
#include "fitting/comparison/compare_recipes.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/quantile.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "fitting/comparison/recipe_path.h"
#include "fitting/comparison/verdict.h"
#include "fitting/refusal.h"

namespace sextant::fitting::comparison {
namespace {

/// Exponents of compute: 0.05 (Kaplan et al. 2020) to 0.155 (Hoffmann et al. 2022) at scale, more for small
/// models. Wide: the runs are to say.
constexpr NormalPrior kExponent = {0.15, 0.25};
/// Two recipes' exponents differ by about a tenth of either: 0.0941 and 0.0915 over evaluations, 0.088 to
/// 0.094 over recipes (marin).
constexpr NormalPrior kDrift = {0, 0.012};
constexpr NormalPrior kHeld = {0, 1e-7};

Estimate Summarise(double value, std::vector<double> draws, double interval, bool exponential) {
  Estimate estimate{exponential ? std::exp(value) : value};
  std::sort(draws.begin(), draws.end());
  // Infinite draws stay at their end.
  const auto at = [&](double q) {
    const double position = q * static_cast<double>(draws.size() - 1);
    const auto index = static_cast<std::size_t>(position);
    const double below = draws[index], above = draws[std::min(index + 1, draws.size() - 1)];
    return std::isfinite(above) ? below + (position - static_cast<double>(index)) * (above - below) : above;
  };
  const double low = at((1 - interval) / 2), high = at((1 + interval) / 2);
  const auto keep = [exponential](double x) -> std::optional<double> {
    const double natural = exponential ? std::exp(x) : x;
    return std::isfinite(natural) ? std::optional(natural) : std::nullopt;
  };
  estimate.low = keep(low);
  estimate.high = keep(high);
  return estimate;
}

Estimate Through(const Posterior& posterior, double interval, bool exponential,
                 const std::function<double(const LawPair&)>& quantity) {
  std::vector<double> draws;
  draws.reserve(posterior.draws.size());
  for (const LawPair& draw : posterior.draws) draws.push_back(quantity(draw));
  return Summarise(quantity(posterior.mode), std::move(draws), interval, exponential);
}

// ln multiplier from two losses and A's law.
double PointMultiplier(const LawPair& law, double loss_a, double loss_b) {
  const double a = loss_a - law.floor_a, b = loss_b - law.floor_a;
  if (!(a > 0)) return -std::numeric_limits<double>::infinity();
  if (!(b > 0)) return std::numeric_limits<double>::infinity();
  return std::log(a / b) / law.exponent_a;
}

std::size_t RepeatsAt(const std::vector<RecipeCell>& cells, const BudgetComparison& point, double loss) {
  for (const RecipeCell& cell : cells) {
    if (cell.loss == loss && std::fabs(std::log(cell.flops / point.flops)) <= 2 * kSameBudget)
      return cell.repeats;
  }
  return 1;
}

void AddPointwise(const Sides& sides, const Posterior& posterior, const CompareRecipesOptions& options,
                  RecipeComparison& comparison) {
  for (BudgetComparison& point : comparison.common) {
    const double deviation_a =
        posterior.deviation / std::sqrt(static_cast<double>(RepeatsAt(sides.a, point, point.loss_a)));
    const double deviation_b =
        posterior.deviation / std::sqrt(static_cast<double>(RepeatsAt(sides.b, point, point.loss_b)));
    std::vector<double> draws;
    for (std::size_t i = 0; i < posterior.draws.size(); ++i) {
      RandomStream random(options.seed ^ 0x706f696e74, i);
      const double scale = std::sqrt(posterior.degrees / random.ChiSquared(posterior.degrees));
      draws.push_back(PointMultiplier(posterior.draws[i],
                                      point.loss_a * std::exp(scale * deviation_a * random.Normal()),
                                      point.loss_b * std::exp(scale * deviation_b * random.Normal())));
    }
    point.multiplier = Summarise(PointMultiplier(posterior.mode, point.loss_a, point.loss_b),
                                 std::move(draws), options.interval, true);
  }
}

RecipeLaw LawOf(const Posterior& posterior, double interval, bool second) {
  RecipeLaw law;
  law.floor =
      Through(posterior, interval, false, [=](const LawPair& p) { return second ? p.floor_b : p.floor_a; });
  law.reducible = Through(posterior, interval, true,
                          [=](const LawPair& p) { return second ? p.log_reducible_b : p.log_reducible_a; });
  law.exponent = Through(posterior, interval, false,
                         [=](const LawPair& p) { return second ? p.exponent_b : p.exponent_a; });
  return law;
}

// Tokens per second of one recipe at the reference; 0 where they are not known.
double Speed(const std::vector<RecipeCell>& cells, const RecipeCell& reference,
             const std::optional<double>& given, double& flops_per_token) {
  const RecipeCell* nearest = nullptr;
  for (const RecipeCell& cell : cells) {
    if (!given && !(cell.tokens_per_second > 0)) continue;
    if (nearest == nullptr || std::fabs(std::log(cell.flops / reference.flops)) <
                                  std::fabs(std::log(nearest->flops / reference.flops))) {
      nearest = &cell;
    }
  }
  if (nearest == nullptr) return 0;
  flops_per_token = nearest->flops / nearest->tokens;
  return given ? *given : nearest->tokens_per_second;
}

absl::Status Check(std::span<const RecipeRun> a, std::span<const RecipeRun> b,
                   const CompareRecipesOptions& options) {
  if (!(options.interval > 0 && options.interval < 1))
    return absl::InvalidArgumentError("interval: must lie between 0 and 1");
  if (options.exponent && !(*options.exponent > 0 && *options.exponent < 10)) {
    return absl::InvalidArgumentError("exponent: must be positive and below 10");
  }
  if (options.floor == FloorKind::kPinned &&
      !(options.pinned_floor >= 0 && std::isfinite(options.pinned_floor))) {
    return absl::InvalidArgumentError("floor: must be zero or more, and finite");
  }
  for (const double budget : options.budgets) {
    if (!(budget > 0 && budget < 1e40))
      return absl::InvalidArgumentError("budgets: must be positive and below 1e40");
  }
  for (const auto& speed : {options.tokens_per_second_a, options.tokens_per_second_b}) {
    if (speed && !(*speed > 0 && *speed < 1e15))
      return absl::InvalidArgumentError("tokens_per_second: must be positive and below 1e15");
  }
  if (a.empty()) return NotIdentifiable("recipe A has no finished run with N, D and a loss");
  if (b.empty()) return NotIdentifiable("recipe B has no finished run with N, D and a loss");
  if (options.floor != FloorKind::kPinned) return absl::OkStatus();
  for (const auto& runs : {a, b}) {
    for (const RecipeRun& run : runs) {
      if (run.loss <= options.pinned_floor) {
        return NotIdentifiable(absl::StrCat("a run has loss ", run.loss, ", at or below the pinned floor ",
                                            options.pinned_floor));
      }
    }
  }
  return absl::OkStatus();
}

void Decide(const PosteriorProblem& problem, const Posterior& posterior, const CompareRecipesOptions& options,
            RecipeComparison& comparison) {
  const Estimate& multiplier = comparison.multiplier;
  if (multiplier.low && *multiplier.low > 1) comparison.verdict = Verdict::kBetter;
  if (multiplier.high && *multiplier.high < 1) comparison.verdict = Verdict::kWorse;
  if (comparison.verdict != Verdict::kCannotTell) return;
  const MoreRuns more = RunsToTell(problem, posterior, std::log(multiplier.value), options.interval);
  comparison.seeds_to_tell = more.seeds;
  comparison.rungs_to_tell = more.rungs;
}

void Warn(const Sides& sides, const Posterior& posterior, RecipeComparison& comparison) {
  std::vector<std::string>& warnings = comparison.warnings;
  if (comparison.common.empty())
    warnings.push_back("the recipes have no budget in common: the multiplier rests on their laws alone");
  if (posterior.noise == NoiseSource::kAssumed) {
    warnings.push_back(
        absl::StrCat("neither repeated seeds nor residuals tell the noise: ", 100 * kAssumedDeviation,
                     " % of the loss is assumed between seeds; repeat a run with another seed"));
  } else if (posterior.noise == NoiseSource::kResiduals && comparison.seeds.degrees == 0) {
    warnings.push_back("no setting was repeated with another seed: the noise is that of the laws' residuals");
  }
  if (posterior.lack_of_fit_tail && *posterior.lack_of_fit_tail <= kSameBudget + 0.03) {
    warnings.push_back(
        "the laws miss the runs by more than seeds differ (lack of fit): intervals rest on the residuals");
  }
  const auto settings = [](const std::vector<RecipeCell>& cells) {
    double sum = 0;
    for (const RecipeCell& cell : cells) sum += static_cast<double>(cell.settings);
    return sum / static_cast<double>(cells.size());
  };
  const double a = settings(sides.a), b = settings(sides.b);
  if (a > 2 * b || b > 2 * a) {
    warnings.push_back(absl::StrCat("the recipes were not tuned alike: ", a, " settings a cell of A, ", b,
                                    " of B; the less tuned one looks worse than it is"));
  }
}

}  // namespace

absl::StatusOr<RecipeComparison> CompareRecipes(std::span<const RecipeRun> a, std::span<const RecipeRun> b,
                                                const CompareRecipesOptions& options) {
  RETURN_IF_ERROR(Check(a, b, options));
  RecipeComparison comparison;
  Sides sides{CellsOf(a), CellsOf(b)};
  comparison.form = ChooseForm(sides, comparison.warnings);
  std::vector<RepeatGroup> groups = RepeatGroups(a);
  const std::vector<RepeatGroup> groups_b = RepeatGroups(b);
  groups.insert(groups.end(), groups_b.begin(), groups_b.end());
  comparison.seeds = PoolRepeats(groups);
  comparison.common = CommonBudgets(sides);
  const RecipeCell reference = Reference(sides, comparison.common);
  comparison.reference_flops = reference.flops;

  PosteriorProblem problem;
  problem.law.form = comparison.form;
  problem.law.points = Points(sides, reference, &RecipeCell::flops);
  problem.law.exponent = options.exponent ? NormalPrior{*options.exponent, 1e-7} : kExponent;
  problem.law.drift = options.exponent ? kHeld : kDrift;
  problem.exponent_pinned = options.exponent.has_value();
  problem.floor = options.floor;
  problem.pinned = options.pinned_floor;
  problem.seeds = comparison.seeds;
  problem.draws = options.draws;
  problem.seed = options.seed;
  if (options.exponent && comparison.form == LawForm::kSurface) {
    return absl::InvalidArgumentError("exponent: cells that spread over N and D have two; leave it out");
  }
  const bool one_budget =
      std::all_of(problem.law.points.begin(), problem.law.points.end(),
                  [](const LawPoint& point) { return std::fabs(point.log_compute) <= kSameBudget; });
  if (one_budget && !options.exponent) {
    return NotIdentifiableFromDesign(
        "all runs are of one budget, so that the price of compute is not known: give the exponent, or "
        "runs of another budget");
  }
  const Posterior posterior = ComputePosterior(problem);
  if (posterior.draws.empty()) return NotIdentifiable("no floor below the losses admits a law");

  comparison.noise = posterior.noise;
  comparison.noise_deviation = posterior.deviation;
  comparison.noise_degrees = posterior.degrees;
  comparison.lack_of_fit_tail = posterior.lack_of_fit_tail;
  comparison.multiplier =
      Through(posterior, options.interval, true, [](const LawPair& p) { return p.LogMultiplier(0); });
  if (!std::isfinite(comparison.multiplier.value)) {
    return NotIdentifiable(
        "recipe B lies below the floor of A's law: no compute takes A there; pin a lower floor, or share it");
  }
  comparison.law_a = LawOf(posterior, options.interval, false);
  comparison.law_b = LawOf(posterior, options.interval, true);
  comparison.law_a.cells = sides.a.size();
  comparison.law_b.cells = sides.b.size();
  comparison.law_a.runs = a.size();
  comparison.law_b.runs = b.size();
  AddPointwise(sides, posterior, options, comparison);

  std::vector<double> budgets = options.budgets;
  if (budgets.empty()) budgets = {10 * reference.flops, 100 * reference.flops};
  for (const double flops : budgets) {
    const double at = std::log(flops / reference.flops);
    comparison.projections.push_back(
        {flops, Through(posterior, options.interval, false, [at](const LawPair& p) { return p.LossA(at); }),
         Through(posterior, options.interval, false, [at](const LawPair& p) { return p.LossB(at); }),
         Through(posterior, options.interval, true, [at](const LawPair& p) { return p.LogMultiplier(at); })});
  }

  if (comparison.form == LawForm::kSurface) {
    comparison.token_multiplier =
        Through(posterior, options.interval, true, [](const LawPair& p) { return p.LogTokenMultiplier(); });
  } else if (!options.exponent) {
    PosteriorProblem tokens = problem;
    tokens.law.points = Points(sides, reference, &RecipeCell::tokens);
    // Along a path D grows as about the root of C: exponents of D are about twice those of C.
    tokens.law.exponent = {2 * kExponent.mean, 2 * kExponent.deviation};
    tokens.law.drift = {0, 2 * kDrift.deviation};
    const bool vary =
        std::any_of(tokens.law.points.begin(), tokens.law.points.end(),
                    [](const LawPoint& point) { return std::fabs(point.log_compute) > kSameBudget; });
    if (vary) {
      const Posterior by_tokens = ComputePosterior(tokens);
      if (!by_tokens.draws.empty()) {
        comparison.token_multiplier =
            Through(by_tokens, options.interval, true, [](const LawPair& p) { return p.LogMultiplier(0); });
      }
    }
  }
  if (comparison.token_multiplier && !std::isfinite(comparison.token_multiplier->value))
    comparison.token_multiplier.reset();

  double flops_per_token_a = 1, flops_per_token_b = 1;
  const double speed_a = Speed(sides.a, reference, options.tokens_per_second_a, flops_per_token_a);
  const double speed_b = Speed(sides.b, reference, options.tokens_per_second_b, flops_per_token_b);
  if (speed_a > 0 && speed_b > 0) {
    const double factor = speed_b * flops_per_token_b / (speed_a * flops_per_token_a);
    Estimate wall = comparison.multiplier;
    wall.value *= factor;
    if (wall.low) *wall.low *= factor;
    if (wall.high) *wall.high *= factor;
    comparison.wall_clock_multiplier = wall;
  }
  Decide(problem, posterior, options, comparison);
  Warn(sides, posterior, comparison);
  return comparison;
}

}  // namespace sextant::fitting::comparison
