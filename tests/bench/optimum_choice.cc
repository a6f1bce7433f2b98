// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "base/random.h"
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
/// Draws by which an interval is found, and half the width of a normal distribution's central 90 %.
constexpr std::size_t kIntervalDraws = 300;
constexpr double kHalfWidth = 1.645;
/// ln interval score: below, an interval is as good as exact.
constexpr double kLeastScore = 0.05;

/// What the members say of one target.
struct Answer {
  std::string family;
  const StudyTarget* target;
  bool plane = true;
  bool ok = true;
  std::array<std::array<double, 3>, 2> member{};  ///< [axis]: ln of hierarchical, regret, band
  std::array<double, 2> deviation{};              ///< of hierarchical's replicates; 0 on an axis not swept
  std::array<double, 2> of_band{};                ///< likewise of the band's bootstrap
  std::array<double, 2> for_band{};               ///< what the study's own runs say for the band, -1 to 1
  std::array<double, 2> step{};
  double models = 1, params_beyond = 0, tokens_beyond = 0;
};

double MeanOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value / static_cast<double>(values.size());
  return sum;
}

double DeviationOf(const OptimumPrediction& p) { return std::log(p.high / p.low) / (2 * kHalfWidth); }

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
      options.replicates = std::array{kDraws, 0, 2 * kDraws}[m];
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
      answer.deviation[axis] =
          DeviationOf(PredictOptimum(*fits[0], answer.target->params, answer.target->tokens));
      const double regret = answer.plane ? 0.8 : 0, joint = (1 - regret) * own[0] + regret * own[1];
      answer.for_band[axis] = std::clamp((joint - own[2]) / (joint + own[2] + 2e-4), -1.0, 1.0);
      answer.of_band[axis] =
          DeviationOf(PredictOptimum(*fits[2], answer.target->params, answer.target->tokens));
      answer.step[axis] = design.step;
      answer.models = design.models;
      answer.params_beyond = optimum::BeyondRange(fits[0]->params, std::log(answer.target->params));
      answer.tokens_beyond = optimum::BeyondRange(fits[0]->tokens, std::log(answer.target->tokens));
    }
  }
  std::erase_if(answers, [](const Answer& answer) { return !answer.ok; });
  return answers;
}

/// The share of `regret` among the surfaces, and by what the band's variance is multiplied before shares are
/// the inverse of variances.
struct Shares {
  double regret, band_variance;
};

double BandShare(const Answer& answer, std::size_t axis, const Shares& shares) {
  const double own = answer.deviation[axis] * answer.deviation[axis];
  const double band = shares.band_variance * answer.of_band[axis] * answer.of_band[axis];
  const double share = own / (own + band), evidence = std::exp(answer.for_band[axis]);
  return std::isfinite(share) ? share * evidence / (share * evidence + 1 - share) : 0;
}

Eigen::Vector2d Mixed(const Answer& answer, const Shares& shares) {
  Eigen::Vector2d at;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::array<double, 3>& m = answer.member[axis];
    const double surfaces = (1 - shares.regret) * m[0] + shares.regret * m[1];
    const double band = answer.deviation[axis] > 0 ? BandShare(answer, axis, shares) : 0;
    at[static_cast<Eigen::Index>(axis)] = (1 - band) * surfaces + band * m[2];
  }
  return at;
}

using ByStudy = std::map<std::string, double>;

bool Recorded(const std::string& study) { return !study.starts_with("synthetic"); }

/// The mean over recorded studies, `without` left out.
double Recorded(const ByStudy& scores, const std::string& without) {
  double sum = 0, count = 0;
  for (const auto& [study, score] : scores) {
    if (study == without || !Recorded(study)) continue;
    sum += score, ++count;
  }
  return count > 0 ? sum / count : 0;
}

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
    for (const double variance : {0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 1e9}) grid.push_back({regret, variance});
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
  const Shares used = plane ? Shares{0.8, 2} : Shares{0, 2};
  const ByStudy of_used = LogExcess(answers, plane, used),
                without_band = LogExcess(answers, plane, {used.regret, 1e9});
  fmt::print(
      "\nshare of regret and multiple of the band's variance, {} swept: all studies choose {} and {}\n",
      plane ? "both axes" : "one axis", grid[all].regret, grid[all].band_variance);
  fmt::print(
      "| left out | the others choose | its excess under that, relative | under {}, 2 | without the band |\n",
      used.regret);
  fmt::print("|---|---|---|---|---|\n");
  for (const auto& [study, score] : scores[all]) {
    const std::size_t others = best(study);
    fmt::print("| {} | {}, {} | {:+.1f} % | {:+.1f} % | {:+.1f} % |\n", study, grid[others].regret,
               grid[others].band_variance, 100 * std::expm1(scores[others].at(study) - score),
               100 * std::expm1(of_used.at(study) - score), 100 * std::expm1(without_band.at(study) - score));
  }
}

/// Per step, over root (models - 1), per ln of params beyond, that over root (models - 1), per ln of tokens.
using Scales = std::array<double, 5>;

/// Numbers that every interval is drawn with.
struct Numbers {
  std::array<double, kIntervalDraws> normal, inside, params, tokens, heavy, share;
  Numbers() {
    for (std::size_t r = 0; r < kIntervalDraws; ++r) {
      RandomStream random(7, r);
      normal[r] = random.Normal(), inside[r] = random.Normal();
      params[r] = random.Normal(), tokens[r] = random.Normal();
      heavy[r] = 1 / std::sqrt(random.ChiSquared(kFreedom) / kFreedom);
      share[r] = std::fmod(static_cast<double>(r + 1) * 0.6180339887498949, 1.0);
    }
  }
};

/// The interval score of one axis of one answer: that of `average` with these scales of the form's spread.
double IntervalScore(const Answer& answer, std::size_t axis, const Scales& scales) {
  static const Numbers numbers;
  const Shares shares = answer.plane ? Shares{0.8, 2} : Shares{0, 2};
  const double band = BandShare(answer, axis, shares);
  const double of_hierarchical = (1 - band) * (1 - shares.regret), of_surfaces = 1 - band;
  const double root = std::sqrt(std::max(1.0, answer.models - 1));
  const double inside = std::hypot(scales[0] * answer.step[axis], scales[1] / root);
  const double params = std::hypot(scales[2], scales[3] / root) * answer.params_beyond;
  const double tokens = scales[4] * answer.tokens_beyond;
  std::array<double, kIntervalDraws> draws;
  for (std::size_t r = 0; r < kIntervalDraws; ++r) {
    const std::size_t member = numbers.share[r] < of_hierarchical ? 0
                               : numbers.share[r] < of_surfaces   ? 1
                                                                  : 2;
    const double deviation = member == 2 ? answer.of_band[axis] : answer.deviation[axis];
    draws[r] = answer.member[axis][member] + deviation * numbers.normal[r] +
               numbers.heavy[r] *
                   (inside * numbers.inside[r] + params * numbers.params[r] + tokens * numbers.tokens[r]);
  }
  std::sort(draws.begin(), draws.end());
  const double at = Mixed(answer, shares)[static_cast<Eigen::Index>(axis)];
  const double low = std::min(at, draws[kIntervalDraws / 20]);
  const double high = std::max(at, draws[kIntervalDraws - 1 - kIntervalDraws / 20]);
  const double truth = answer.target->optimum[static_cast<Eigen::Index>(axis)];
  return high - low + 20 * std::max({0.0, low - truth, truth - high});
}

/// Mean over a study's families of ln of their mean interval score.
ByStudy LogScores(const std::vector<Answer>& answers, const Scales& scales) {
  std::vector<double> scored(2 * answers.size(), std::nan(""));
  tbb::parallel_for(std::size_t{0}, scored.size(), [&](std::size_t i) {
    const Answer& answer = answers[i / 2];
    const bool known = answer.deviation[i % 2] > 0 &&
                       std::isfinite(answer.target->optimum[static_cast<Eigen::Index>(i % 2)]);
    if (known) scored[i] = IntervalScore(answer, i % 2, scales);
  });
  std::map<std::string, std::pair<double, double>> families;
  for (std::size_t i = 0; i < scored.size(); ++i) {
    if (!std::isfinite(scored[i])) continue;
    auto& [sum, count] = families[answers[i / 2].family];
    sum += std::min(scored[i], 20.0), ++count;
  }
  std::map<std::string, std::pair<double, double>> studies;
  for (const auto& [family, tally] : families) {
    auto& [sum, count] = studies[StudyOf(family)];
    sum += std::log(kLeastScore + tally.first / tally.second), ++count;
  }
  ByStudy scores;
  for (const auto& [study, tally] : studies) scores[study] = tally.first / tally.second;
  return scores;
}

/// Coordinate steps from the middle of the range, over what has been scored already where it has.
class ScaleSearch {
 public:
  explicit ScaleSearch(const std::vector<Answer>& answers) : answers_(answers) {}

  const ByStudy& At(const Scales& scales) {
    const auto found = scored_.find(scales);
    return found != scored_.end() ? found->second
                                  : scored_.emplace(scales, LogScores(answers_, scales)).first->second;
  }

  Scales Best(const std::string& without) {
    constexpr std::array kSteps = {0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2};
    std::array<std::size_t, 5> at = {4, 4, 3, 3, 3};
    const auto scales = [&] {
      Scales all;
      for (std::size_t k = 0; k < at.size(); ++k) all[k] = kSteps[at[k]];
      return all;
    };
    double best = Recorded(At(scales()), without);
    for (bool improved = true; improved;) {
      improved = false;
      for (std::size_t& index : at) {
        for (const int move : {1, -1}) {
          if ((move < 0 && index == 0) || (move > 0 && index + 1 == kSteps.size())) continue;
          index += static_cast<std::size_t>(move);
          const double moved = Recorded(At(scales()), without);
          if (moved < best - 1e-5) {
            best = moved, improved = true;
          } else {
            index -= static_cast<std::size_t>(move);
          }
        }
      }
    }
    return scales();
  }

 private:
  const std::vector<Answer>& answers_;
  std::map<Scales, ByStudy> scored_;
};

void PrintScales(const std::vector<Answer>& answers) {
  ScaleSearch search(answers);
  const auto print = [&](const std::string& name, const Scales& scales, const std::string& cost) {
    fmt::print("| {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {} |\n", name, scales[0], scales[1],
               scales[2], scales[3], scales[4], cost);
  };
  fmt::print(
      "\nspread of the form, by the interval score on recorded studies: per ln of the grid's step, over root "
      "(models - 1), per "
      "ln "
      "of N beyond, the same over root (models - 1), per ln of D beyond; what the study's score is the worse "
      "for being left out\n");
  const Scales all = search.Best("");
  print("all studies", all, "");
  for (const auto& [study, score] : ByStudy(search.At(all))) {
    if (!Recorded(study)) continue;
    const Scales scales = search.Best(study);
    print("without " + study, scales,
          fmt::format("{:+.1f} %", 100 * std::expm1(search.At(scales).at(study) - score)));
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
