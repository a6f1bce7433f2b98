// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "fitting/optimum/cells.h"
#include "fitting/optimum/form_spread.h"
#include "fitting/optimum/joint_estimator.h"
#include "fitting/optimum/own_runs.h"
#include "fitting/optimum/predict.h"
#include "tests/bench/optimum_studies.h"

namespace sextant::fitting::bench {
namespace {

constexpr int kDraws = 100;
/// Of loss in percent: below, an excess is noise; above, a recommendation is of no use, whatever it costs.
constexpr double kLeastExcess = 0.02, kMostExcess = 20;
constexpr int kFreedom = 5;
constexpr double kPriorScale = 0.14, kPriorWeight = 0.0005;

/// What the members say of one target.
struct Answer {
  std::string family;
  const StudyTarget* target;
  bool plane = true;
  bool ok = true;
  std::array<std::array<double, 3>, 2> member{};  ///< [axis]: ln of hierarchical, regret, band
  std::array<double, 2> for_band{};               ///< what the study's own runs say for the band, 0 to 1
  std::array<double, 2> deviation{};              ///< of hierarchical's replicates; 0 on an axis not swept
  std::array<double, 2> step{};
  double models = 1, params_beyond = 0, tokens_beyond = 0;
};

double MeanOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value / static_cast<double>(values.size());
  return sum;
}

std::vector<Answer> Ask(const StudyCase& study) {
  std::vector<Answer> answers;
  for (const StudyTarget& target : study.targets) {
    Answer answer;
    answer.family = study.family;
    answer.target = &target;
    answer.plane = study.rate && study.batch;
    answers.push_back(std::move(answer));
  }
  const absl::StatusOr<optimum::CellTable> table =
      optimum::GroupIntoCells(study.runs, {study.rate, study.batch}, 0.003);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? !study.rate : !study.batch) continue;
    OptimumOptions options;
    options.target = axis == 0 ? OptimumTarget::kLearningRate : OptimumTarget::kBatchSizeTokens;
    std::array<std::optional<OptimumFit>, 3> fits;
    std::array<double, 3> own{};
    for (std::size_t m = 0; m < 3; ++m) {
      options.estimator = std::array{"hierarchical", "regret", "band"}[m];
      options.replicates = m == 0 ? kDraws : 0;
      if (absl::StatusOr<OptimumFit> fit = FitOptimum(study.runs, options); fit.ok()) {
        own[m] = MeanOf(
            optimum::NearestRunExcess(table->cells, optimum::SweptAxes(table->cells, options.target), *fit));
        fits[m] = *std::move(fit);
      }
    }
    const optimum::FormDesign design = optimum::FormDesignOf(table->cells, options.target, 0.003);
    for (Answer& answer : answers) {
      answer.ok = answer.ok && fits[0] && fits[1] && fits[2];
      if (!answer.ok) continue;
      for (std::size_t m = 0; m < 3; ++m) {
        answer.member[axis][m] =
            std::log(PredictOptimum(*fits[m], answer.target->params, answer.target->tokens).value);
      }
      const OptimumPrediction p = PredictOptimum(*fits[0], answer.target->params, answer.target->tokens);
      answer.deviation[axis] = std::log(p.high / p.low) / (2 * 1.645);
      const double joint = 0.5 * (own[0] + own[1]);
      answer.for_band[axis] = std::clamp((joint - own[2]) / (joint + own[2] + 2e-4), 0.0, 1.0);
      answer.step[axis] = design.step;
      answer.models = design.models;
      answer.params_beyond = optimum::BeyondRange(fits[0]->params, std::log(answer.target->params));
      answer.tokens_beyond = optimum::BeyondRange(fits[0]->tokens, std::log(answer.target->tokens));
    }
  }
  std::erase_if(answers, [](const Answer& answer) { return !answer.ok; });
  return answers;
}

struct Shares {
  double regret, band;
};

Eigen::Vector2d Mixed(const Answer& answer, const Shares& shares) {
  Eigen::Vector2d at;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::array<double, 3>& m = answer.member[axis];
    const double surfaces = (1 - shares.regret) * m[0] + shares.regret * m[1];
    const double band = shares.band * answer.for_band[axis];
    at[static_cast<Eigen::Index>(axis)] = (1 - band) * surfaces + band * m[2];
  }
  return at;
}

using ByStudy = std::map<std::string, double>;

bool Recorded(const std::string& study) { return !study.starts_with("synthetic"); }

/// Recorded and synthetic studies of equal weight, `without` left out.
double Pooled(const ByStudy& scores, const std::string& without) {
  double sums[2] = {0, 0}, counts[2] = {0, 0};
  for (const auto& [study, score] : scores) {
    if (study == without) continue;
    sums[Recorded(study)] += score, ++counts[Recorded(study)];
  }
  double sum = 0;
  for (int kind = 0; kind < 2; ++kind) sum += counts[kind] > 0 ? sums[kind] / counts[kind] : 0;
  return 0.5 * sum;
}

/// Mean over a study's families of ln of the mean excess.
ByStudy LogExcess(const std::vector<Answer>& answers, bool plane, const Shares& shares) {
  std::map<std::string, std::pair<double, double>> families;
  for (const Answer& answer : answers) {
    if (answer.plane != plane) continue;
    auto& [sum, count] = families[answer.family];
    sum += std::clamp(answer.target->excess_pct(Mixed(answer, shares)), 0.0, kMostExcess), ++count;
  }
  std::map<std::string, std::pair<double, double>> studies;
  for (const auto& [family, tally] : families) {
    auto& [sum, count] = studies[StudyOf(family)];
    sum += std::log(kLeastExcess + tally.first / tally.second), ++count;
  }
  ByStudy scores;
  for (const auto& [study, tally] : studies) scores[study] = tally.first / tally.second;
  return scores;
}

void PrintShares(const std::vector<Answer>& answers, bool plane) {
  std::vector<Shares> grid;
  for (const double regret : {0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}) {
    for (const double band : {0.0, 0.1, 0.25, 0.5, 0.75, 1.0}) grid.push_back({regret, band});
  }
  std::vector<ByStudy> scores(grid.size());
  tbb::parallel_for(std::size_t{0}, grid.size(),
                    [&](std::size_t i) { scores[i] = LogExcess(answers, plane, grid[i]); });
  const auto best = [&](const std::string& without) {
    std::size_t at = 0;
    for (std::size_t i = 1; i < grid.size(); ++i) {
      if (Pooled(scores[i], without) < Pooled(scores[at], without)) at = i;
    }
    return at;
  };
  const std::size_t all = best("");
  fmt::print("\nshares of regret and, at most, of band, {} swept: all studies choose {} and {}\n",
             plane ? "both axes" : "one axis", grid[all].regret, grid[all].band);
  fmt::print("| left out | the others choose | its excess under that, relative | under 0.5, 0.33 |\n");
  fmt::print("|---|---|---|---|\n");
  for (const auto& [study, score] : scores[all]) {
    const std::size_t others = best(study);
    fmt::print("| {} | {}, {} | {:+.1f} % | {:+.1f} % |\n", study, grid[others].regret, grid[others].band,
               100 * std::expm1(scores[others].at(study) - score),
               100 * std::expm1(LogExcess(answers, plane, {0.5, 0.33}).at(study) - score));
  }
}

using Scales = std::array<double, 5>;  // step, models, params, params over root (models - 1), tokens

/// Minus the mean log density of the recorded misses, studies, their families and axes of equal weight.
double MinusLog(const std::vector<Answer>& answers, const Scales& scales, const std::string& without) {
  std::map<std::string, std::map<std::string, std::pair<double, double>>> sums;
  for (const Answer& answer : answers) {
    const std::string study = StudyOf(answer.family);
    if (!Recorded(study) || study == without) continue;
    const Eigen::Vector2d at = Mixed(answer, {answer.plane ? 0.8 : 0.0, 0});
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const double truth = answer.target->optimum[static_cast<Eigen::Index>(axis)];
      if (answer.deviation[axis] == 0 || !std::isfinite(truth)) continue;
      const auto square = [](double x) { return x * x; };
      const double variance = square(answer.deviation[axis]) + square(scales[0] * answer.step[axis]) +
                              square(scales[1]) / std::max(1.0, answer.models - 1) +
                              (square(scales[2]) + square(scales[3]) / std::max(1.0, answer.models - 1)) *
                                  square(answer.params_beyond) +
                              square(scales[4] * answer.tokens_beyond);
      const double miss = square(truth - at[static_cast<Eigen::Index>(axis)]) / variance;
      auto& [sum, count] = sums[study][answer.family + std::to_string(axis)];
      sum += 0.5 * std::log(variance) + 0.5 * (kFreedom + 1) * std::log1p(miss / kFreedom), ++count;
    }
  }
  double total = 0;
  for (const auto& [study, families] : sums) {
    for (const auto& [family, tally] : families) {
      total += tally.first / tally.second / static_cast<double>(families.size() * sums.size());
    }
  }
  return total;
}

Scales BestScales(const std::vector<Answer>& answers, const std::string& without) {
  // A weak prior at the spread of a population's exponents decides where the sweeps do not.
  const auto objective = [&](const Scales& at) {
    double sum = MinusLog(answers, at, without);
    for (const double scale : at) sum += kPriorWeight * std::pow(std::log(scale / kPriorScale), 2);
    return sum;
  };
  Scales scales = {0.1, 0.1, 0.1, 0.1, 0.1};
  double best = objective(scales);
  for (double factor = 1.6; factor > 1.03; factor = std::sqrt(factor)) {
    for (bool improved = true; improved;) {
      improved = false;
      for (double& scale : scales) {
        for (const double move : {factor, 1 / factor}) {
          const double before = scale;
          scale = std::clamp(scale * move, 0.01, 1.0);
          const double moved = objective(scales);
          if (moved < best - 1e-6) {
            best = moved, improved = true;
          } else {
            scale = before;
          }
        }
      }
    }
  }
  return scales;
}

void PrintScales(const std::vector<Answer>& answers) {
  std::set<std::string> studies = {""};
  for (const Answer& answer : answers) {
    if (Recorded(StudyOf(answer.family))) studies.insert(StudyOf(answer.family));
  }
  fmt::print(
      "\nspread of the form: per ln of the grid's step, over root (models - 1), per ln of N beyond, the same "
      "over root (models - 1), per ln of D beyond\n");
  for (const std::string& without : studies) {
    const Scales scales = BestScales(answers, without);
    fmt::print("| {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |\n",
               without.empty() ? "all recorded" : "without " + without, scales[0], scales[1], scales[2],
               scales[3], scales[4]);
  }
}

}  // namespace

std::string StudyOf(const std::string& family) {
  return family.starts_with("synthetic") ? family : family.substr(0, family.find(','));
}

void PrintChoices(const std::vector<StudyCase>& cases) {
  std::vector<std::vector<Answer>> asked(cases.size());
  tbb::parallel_for(std::size_t{0}, cases.size(), [&](std::size_t c) { asked[c] = Ask(cases[c]); });
  std::vector<Answer> answers;
  for (std::vector<Answer>& some : asked) {
    for (Answer& answer : some) answers.push_back(std::move(answer));
  }
  PrintShares(answers, true);
  PrintShares(answers, false);
  PrintScales(answers);
}

}  // namespace sextant::fitting::bench
