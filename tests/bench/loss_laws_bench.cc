// SPDX-License-Identifier: Apache-2.0
// Losses at the held-out largest fifth by compute, over public sets and this project's sweeps: error of every
// law, of the one that did best on the largest scales of what was fitted, and of loss-average; and how often
// the 90 % intervals hold the held-out losses: of the parameters alone, and of the prediction. Then what the
// constants of the average cost, chosen leaving each study out (loss_average_choice.h). Usage:
// loss_laws_bench [REPLICATES [SCALE_WEIGHT [LAW...]]]; with 0 replicates the constants alone.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "fitting/law/law.h"
#include "fitting/least_squares/loss_average.h"
#include "fitting/predict.h"
#include "tests/bench/loss_average_choice.h"
#include "tests/bench/loss_sets.h"
#include "tests/test_paths.h"

namespace {

using namespace sextant;

// Widths of the prediction interval that are tried, relative to the one that is given.
constexpr double kWidths[] = {.5, .6, .7, .8, .9, 1, 1.2};

struct Score {
  double error = 0, parameter = 0, prediction = 0, width = 0, count = 0;
  double scaled[std::size(kWidths)] = {};  // held with each of the widths
  void Add(const fitting::Quantity& p, double observed) {
    error += std::fabs(p.value / observed - 1);
    count += 1;
    if (!p.low || !p.high || !p.parameter_low || !p.parameter_high) return;  // holds nothing
    parameter += *p.parameter_low <= observed && observed <= *p.parameter_high;
    prediction += *p.low <= observed && observed <= *p.high;
    for (std::size_t k = 0; k < std::size(kWidths); ++k) {
      const double away = std::log(observed / p.value);
      scaled[k] +=
          std::log(*p.low / p.value) * kWidths[k] <= away && away <= std::log(*p.high / p.value) * kWidths[k];
    }
    width += std::log(*p.high / *p.low) / 2;
  }
  void AddMean(const Score& other) {
    error += other.error / other.count;
    parameter += other.parameter / other.count;
    prediction += other.prediction / other.count;
    width += other.width / other.count;
    for (std::size_t k = 0; k < std::size(kWidths); ++k) scaled[k] += other.scaled[k] / other.count;
    count += 1;
  }
  void Print(const char* name) const {
    std::printf(
        "  %-18s error %6.3f %%   parameters hold %5.1f %%   prediction holds %5.1f %% (+- %5.2f %%)\n", name,
        100 * error / count, 100 * parameter / count, 100 * prediction / count, 100 * width / count);
  }
};

// For each study, the least width whose prediction intervals hold 90 % in the others, and what it holds
// there.
void PrintWidths(const std::map<std::string, Score>& studies) {
  double held = 0;
  for (const auto& [out, score] : studies) {
    std::size_t k = 0;
    for (; k + 1 < std::size(kWidths); ++k) {
      double others = 0;
      for (const auto& [study, other] : studies) {
        if (study != out) others += other.scaled[k] / other.count;
      }
      if (others >= .9 * static_cast<double>(studies.size() - 1)) break;
    }
    std::printf("  without %-18s width %.1f holds %5.1f %%\n", out.c_str(), kWidths[k],
                100 * score.scaled[k] / score.count);
    held += score.scaled[k] / score.count / static_cast<double>(studies.size());
  }
  std::printf("  mean %.1f %%\n", 100 * held);
}

}  // namespace

int main(int argc, char** argv) {
  const int replicates = argc > 1 ? std::atoi(argv[1]) : 100;
  const double scale_weight = argc > 2 ? std::atof(argv[2]) : fitting::kScaleWeight;
  std::vector<std::string> ids(argv + std::min(argc, 3), argv + argc);
  const auto catalogue = fitting::Catalogue::Load(SEXTANT_SOURCE_DIR "/data/laws");
  if (!catalogue.ok()) return 1;
  std::vector<std::shared_ptr<const fitting::Law>> laws;
  if (ids.empty()) {
    for (const auto& [id, law] : (*catalogue)->laws()) {
      if (fitting::MayBeAveraged(law->spec(), (*catalogue)->Find(fitting::kLossAverageId)->spec()))
        ids.push_back(id);
    }
  }
  for (const std::string& id : ids) {
    if ((*catalogue)->Find(id) == nullptr) return 1;
    laws.push_back((*catalogue)->Find(id));
  }
  std::map<std::string, std::map<std::string, Score>>
      by_study;  // of the sets of one study, each counting once
  const std::vector<bench::LossSet> sets = bench::LossSets();
  if (replicates == 0) {
    bench::PrintAverageChoices(sets, laws);
    return 0;
  }
  for (const bench::LossSet& set : sets) {
    const auto split = fitting::SplitLargestScales(*laws[0], set.data, 0.2);
    if (!split.ok()) continue;
    const fitting::LawData train = fitting::SelectRows(set.data, split->train),
                           test = fitting::SelectRows(set.data, split->held_out);
    fitting::SolveOptions options;
    options.replicates = replicates;
    options.diagnostics = false;
    std::printf("%s: %zu runs fitted, %zu held out\n", set.name.c_str(), train.size(), test.size());
    const auto judge = [&](const std::string& name,
                           const std::vector<std::shared_ptr<const fitting::Law>>& of) {
      const std::clock_t begin = std::clock();
      const auto fit = of.size() > 1 ? fitting::FitLossAverage(of, train, options, 0.2, scale_weight)
                                     : fitting::FitLossLaw(of.front(), train, options);
      const auto served = fit.ok() ? fitting::Predictor::FromFit("bench", *fit) : fit.status();
      if (!served.ok()) {
        std::printf("  %-18s %s\n", name.c_str(), std::string(served.status().message()).c_str());
        return std::string();
      }
      Score score;
      for (size_t row = 0; row < test.size(); ++row) {
        fitting::PredictionTarget at;
        at.params = test.columns[0][row];
        at.tokens = test.columns[1][row];
        fitting::Prediction answer;
        (*served)->Predict(at, answer);
        if (!answer.quantities.contains(fitting::Target::kLoss)) continue;
        score.Add(answer.quantities.at(fitting::Target::kLoss), test.observed[row]);
      }
      score.Print(name.c_str());
      const auto& model = std::get<fitting::LossModel>(fit->model);
      std::printf("      noise %.4f held-out sd %.4f reach %.2f; %s, %d of %d starts; %.2f s\n", model.noise,
                  model.held_out_sd, model.held_out_reach, fit->law_id.c_str(),
                  static_cast<int>(fit->starts_at_optimum), static_cast<int>(fit->starts),
                  static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
      for (const fitting::LossMember& member : model.members)
        std::printf("      %s %.2f (%.2f %%)", member.law.c_str(), member.weight,
                    100 * member.held_out_error);
      if (!model.members.empty()) std::printf("\n");
      by_study[name][set.name.substr(0, set.name.find(' '))].AddMean(score);
      return model.members.empty() ? std::string() : model.members.front().law;
    };
    for (const auto& law : laws) judge(law->spec().id, {law});
    const std::string best = judge("loss-average", laws);
    for (const auto& law : laws) {
      if (law->spec().id == best) judge("best held-out", {law});
    }
  }
  std::printf("mean over %zu studies\n", by_study["loss-average"].size());
  for (const auto& [name, studies] : by_study) {
    Score mean;
    for (const auto& [study, score] : studies) mean.AddMean(score);
    mean.Print(name.c_str());
  }
  for (const auto& [name, studies] : by_study) {
    std::printf("%s\n", name.c_str());
    PrintWidths(studies);
  }
  bench::PrintAverageChoices(sets, laws);
  return 0;
}
