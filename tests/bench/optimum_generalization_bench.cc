// SPDX-License-Identifier: Apache-2.0
// Whether recommendations hold on sweeps that nobody has seen: every estimator on many studies, recorded and
// random, judged where its runs do not lie. One row a family.
//
// usage: optimum_generalization_bench [--fast | --full] [--only TEXT] [--estimators A,B] [--sweeps K] [--seed
// S]
//          [--replicates R] [--threads T] [--docs | --choose | --reduced]
//
// --docs prints the table of docs/optimum.md.
// --choose prints instead how the constants of `average` and of its intervals come out of these studies, each
// left out in turn.
//
// --reduced prints instead, for 20 seeds of each thinning of the dense Step Law sweep, in how many auto costs
// less than band, and its costliest seed as a multiple of the median one.
//
// excess     mean / most percent of loss above the target's optimum, of the recommended rate and batch, at
// most
//            100; a refusal is charged the worst run tried (its 90th percentile) where another estimator
//            answers. Studies that none answers determine no law: they are counted as refused and charged
//            nothing
// reachable  the best law in N and D, known only to whoever knows the targets
// 90 % holds share of intervals that hold the target's optimum, inside the sweep's range and beyond it
// interval   mean interval score in natural logs: width, and 20 times what a miss misses by (Gneiting and
//            Raftery 2007); lower is better
#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <sstream>

#include "fitting/optimum/predict.h"
#include "tests/bench/optimum_studies.h"

namespace sextant::fitting::bench {
namespace {

struct Arguments {
  int sweeps = 6;
  int seeds = 3;
  int replicates = 200;
  int threads = 1;
  std::uint64_t seed = 1;
  bool choose = false;
  bool reduced = false;
  std::string only;
  std::vector<std::string> estimators = {"auto", "band", "surface", "regret"};
};

struct Tally {
  double sum = 0, squares = 0, most = 0;
  int count = 0;
  void Add(double value) {
    sum += value, squares += value * value, most = std::max(most, value);
    ++count;
  }
  double Mean() const { return count > 0 ? sum / count : std::nan(""); }
  double Error() const {
    return count > 1 ? std::sqrt(std::max(0.0, squares / count - Mean() * Mean()) / (count - 1)) : 0;
  }
};

struct Score {
  Tally excess, inside, beyond, interval;
  std::vector<double> by_target;
  int asked = 0, refused = 0;
  void DropExcess() { excess = {}, by_target.clear(); }
};

using Scores = std::map<std::string, Score>;  // by estimator

void AddInterval(const OptimumPrediction& p, double log_optimum, bool beyond, Score& score) {
  if (!std::isfinite(p.low) || !std::isfinite(log_optimum)) return;
  const double low = std::log(p.low), high = std::log(p.high);
  const double missed = std::max({0.0, low - log_optimum, log_optimum - high});
  (beyond ? score.beyond : score.inside).Add(missed == 0 ? 1 : 0);
  score.interval.Add(high - low + 20 * missed);
}

Score Judge(const StudyCase& study, const std::string& estimator, int replicates) {
  Score score;
  std::optional<OptimumFit> fits[2];
  score.asked = 1;
  for (int axis = 0; axis < 2; ++axis) {
    if (axis == 0 ? !study.rate : !study.batch) continue;
    OptimumOptions options;
    options.target = axis == 0 ? OptimumTarget::kLearningRate : OptimumTarget::kBatchSizeTokens;
    options.estimator = estimator;
    options.replicates = replicates;
    absl::StatusOr<OptimumFit> fit = FitOptimum(study.runs, options);
    if (fit.ok()) {
      fits[axis] = *std::move(fit);
    } else {
      score.refused = 1;
    }
  }
  for (const StudyTarget& target : study.targets) {
    Eigen::Vector2d at = Eigen::Vector2d::Zero();
    for (int axis = 0; axis < 2 && score.refused == 0; ++axis) {
      if (!fits[axis]) continue;
      const OptimumPrediction p = PredictOptimum(*fits[axis], target.params, target.tokens);
      at[axis] = std::log(p.value);
      AddInterval(p, target.optimum[axis], target.beyond, score);
    }
    const double excess = score.refused > 0 ? study.worst_pct : std::clamp(target.excess_pct(at), 0.0, 100.0);
    score.excess.Add(excess);
    score.by_target.push_back(excess);
  }
  return score;
}

void Merge(const Score& from, Score& into) {
  for (Tally Score::*tally : {&Score::excess, &Score::inside, &Score::beyond, &Score::interval}) {
    (into.*tally).sum += (from.*tally).sum;
    (into.*tally).squares += (from.*tally).squares;
    (into.*tally).most = std::max((into.*tally).most, (from.*tally).most);
    (into.*tally).count += (from.*tally).count;
  }
  into.by_target.insert(into.by_target.end(), from.by_target.begin(), from.by_target.end());
  into.asked += from.asked;
  into.refused += from.refused;
}

std::string Share(const Tally& tally) {
  return tally.count > 0 ? fmt::format("{:.0f} %", 100 * tally.Mean()) : "-";
}

std::string Number(const Tally& tally, int digits) {
  if (tally.count == 0) return "-";
  return std::isfinite(tally.Mean()) ? fmt::format("{:.{}f}", tally.Mean(), digits) : "without end";
}

/// "worse" where the first estimator's excess is above the better of band and surface by more than 0.02 %, a
/// tenth of it and two standard errors of the difference.
std::string Verdict(const Scores& scores, const std::string& first) {
  const auto band = scores.find("band"), surface = scores.find("surface"), own = scores.find(first);
  if (band == scores.end() || surface == scores.end() || own == scores.end()) return "";
  const Score& rival =
      band->second.excess.Mean() < surface->second.excess.Mean() ? band->second : surface->second;
  Tally difference;
  for (std::size_t i = 0; i < rival.by_target.size(); ++i) {
    difference.Add(own->second.by_target[i] - rival.by_target[i]);
  }
  const double limit = std::max({0.02, 0.1 * rival.excess.Mean(), 2 * difference.Error()});
  return difference.Mean() > limit ? " worse" : "";
}

void Print(const Arguments& arguments, const std::vector<std::string>& order,
           std::map<std::string, Scores>& families, std::map<std::string, Tally>& reachable) {
  fmt::print("| family | ");
  for (const std::string& name : arguments.estimators) fmt::print("{} | ", name);
  fmt::print("reachable | 90 % holds, inside | beyond | interval, {} | band | refused |\n|---|",
             arguments.estimators.front());
  for (std::size_t i = 0; i < arguments.estimators.size() + 6; ++i) fmt::print("---|");
  fmt::print("\n");
  std::map<std::string, Tally> over;
  for (const std::string& family : order) {
    Scores& scores = families[family];
    fmt::print("| {} | ", family);
    for (const std::string& name : arguments.estimators) {
      const Score& score = scores[name];
      if (score.excess.count == 0) {
        fmt::print("- | ");
        continue;
      }
      fmt::print("{:.3f} / {:.2f}{} | ", score.excess.Mean(), score.excess.most,
                 name == arguments.estimators.front() ? Verdict(scores, name) : "");
      if (score.excess.count > 0) over[name].Add(score.excess.Mean());
    }
    const Score& own = scores[arguments.estimators.front()];
    const auto band = scores.find("band");
    fmt::print("{} | {} | {} | {} | {} | {} of {} |\n", Number(reachable[family], 3), Share(own.inside),
               Share(own.beyond), Number(own.interval, 2),
               band == scores.end() ? "-" : Number(band->second.interval, 2), own.refused, own.asked);
    if (reachable[family].count > 0) over["reachable"].Add(reachable[family].Mean());
  }
  fmt::print("| mean over families | ");
  for (const std::string& name : arguments.estimators) fmt::print("{:.3f} | ", over[name].Mean());
  fmt::print("{:.3f} | | | | | |\n", over["reachable"].Mean());
}

/// Thinned sweeps, seed by seed: how often the first estimator is ahead of band, and its worst against its
/// median.
void PrintReduced(const std::vector<StudyCase>& cases, const std::vector<Score>& scores, std::size_t width) {
  std::map<std::string, std::vector<std::array<double, 2>>> families;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    if (scores[c * width].excess.count == 0) continue;
    families[cases[c].family].push_back(
        {scores[c * width].excess.Mean(), scores[c * width + 1].excess.Mean()});
  }
  fmt::print(
      "| sweep | seeds | ahead of band | median | most | most / median | band, median "
      "|\n|---|---|---|---|---|---|---|\n");
  for (auto& [family, seeds] : families) {
    int ahead = 0;
    std::vector<double> own, band;
    for (const auto& [first, second] : seeds) {
      ahead += first < second;
      own.push_back(first), band.push_back(second);
    }
    std::sort(own.begin(), own.end()), std::sort(band.begin(), band.end());
    const double median = own[own.size() / 2];
    fmt::print("| {} | {} | {} | {:.3f} | {:.3f} | {:.1f} | {:.3f} |\n", family, seeds.size(), ahead, median,
               own.back(), own.back() / median, band[band.size() / 2]);
  }
}

void Run(const Arguments& arguments) {
  const tbb::global_control control(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(arguments.threads));
  std::vector<std::string> missing;
  std::vector<StudyCase> cases = RecordedStudies(arguments.seeds, missing);
  for (StudyCase& made : SyntheticStudies(arguments.sweeps, arguments.seed)) cases.push_back(std::move(made));
  std::erase_if(cases,
                [&](const StudyCase& c) { return c.family.find(arguments.only) == std::string::npos; });
  if (arguments.reduced) {
    std::erase_if(cases, [](const StudyCase& c) {
      const auto is = [&c](const char* split) { return c.family.ends_with(split); };
      return !is("missing") && !is("40 random runs") && !is("grid factor 4") && !is("1 % noise");
    });
  }
  for (const std::string& name : missing) fmt::print("{} is not on this machine: left out\n", name);
  if (arguments.choose) return PrintChoices(cases);
  const std::size_t width = arguments.estimators.size();
  std::vector<Score> scores(cases.size() * width);
  const std::clock_t start = std::clock();
  tbb::parallel_for(std::size_t{0}, scores.size(), [&](std::size_t i) {
    // Intervals are shown of the first estimator and of band: the others' replicates would cost the most.
    const std::string& estimator = arguments.estimators[i % width];
    scores[i] =
        Judge(cases[i / width], estimator, i % width == 0 || estimator == "band" ? arguments.replicates : 0);
  });
  if (arguments.reduced) return PrintReduced(cases, scores, width);
  std::vector<std::string> order;
  std::map<std::string, Scores> families;
  std::map<std::string, Tally> reachable;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const auto first = scores.begin() + static_cast<std::ptrdiff_t>(c * width);
    const bool answered = std::any_of(first, first + static_cast<std::ptrdiff_t>(width),
                                      [](const Score& score) { return score.refused == 0; });
    for (std::size_t e = 0; e < width && !answered; ++e) scores[c * width + e].DropExcess();
    if (!families.contains(cases[c].family)) order.push_back(cases[c].family);
    for (std::size_t e = 0; e < width; ++e) {
      Merge(scores[c * width + e], families[cases[c].family][arguments.estimators[e]]);
    }
    for (const StudyTarget& target : cases[c].targets) {
      if (answered) reachable[cases[c].family].Add(target.reachable_pct);
    }
  }
  Print(arguments, order, families, reachable);
  fmt::print("\n{} studies, {:.0f} s CPU\n", cases.size(),
             static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
}

std::optional<Arguments> Parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--fast") continue;
    if (flag == "--docs") {
      arguments.sweeps = 10, arguments.seeds = 5, arguments.replicates = 300;
      arguments.estimators = {"auto", "band", "surface"};
      continue;
    }
    if (flag == "--reduced") {
      arguments.reduced = true;
      arguments.sweeps = 0, arguments.seeds = 20, arguments.replicates = 100;
      arguments.estimators = {"auto", "band"};
      arguments.only = "steplaw-dense, ";
      continue;
    }
    if (flag == "--choose") {
      arguments.choose = true;
      continue;
    }
    if (flag == "--full") {
      arguments.sweeps = 30, arguments.seeds = 20;
      continue;
    }
    if (i + 1 >= argc) return std::nullopt;
    const std::string value = argv[++i];
    if (flag == "--only")
      arguments.only = value;
    else if (flag == "--sweeps")
      arguments.sweeps = std::atoi(value.c_str());
    else if (flag == "--seeds")
      arguments.seeds = std::atoi(value.c_str());
    else if (flag == "--seed")
      arguments.seed = std::strtoull(value.c_str(), nullptr, 10);
    else if (flag == "--replicates")
      arguments.replicates = std::atoi(value.c_str());
    else if (flag == "--threads")
      arguments.threads = std::max(1, std::atoi(value.c_str()));
    else if (flag == "--estimators") {
      arguments.estimators.clear();
      std::istringstream stream(value);
      for (std::string name; std::getline(stream, name, ',');) arguments.estimators.push_back(name);
    } else
      return std::nullopt;
  }
  return arguments;
}

}  // namespace
}  // namespace sextant::fitting::bench

int main(int argc, char** argv) {
  const auto arguments = sextant::fitting::bench::Parse(argc, argv);
  if (!arguments) {
    fmt::print(stderr,
               "usage: optimum_generalization_bench [--fast | --full] [--only TEXT] [--estimators A,B] "
               "[--sweeps K] [--seeds K] [--seed S] [--replicates R] [--threads T] [--docs | --choose | "
               "--reduced]\n");
    return 2;
  }
  sextant::fitting::bench::Run(*arguments);
  return 0;
}
