// Losses at the held-out largest fifth by compute, over public sets and this project's sweeps: error of every
// law, of the one that did best on the largest scales of what was fitted, and of loss-average; and how often
// the 90 % intervals hold the held-out losses: of the parameters alone, and of the prediction. Usage:
// loss_laws_bench [REPLICATES]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "fitting/law/law.h"
#include "fitting/solve/loss_average.h"
#include "tests/bench/loss_sets.h"
#include "tests/test_paths.h"

namespace {

using namespace sextant;

struct Score {
  double error = 0, parameter = 0, prediction = 0, width = 0, count = 0;
  void Add(const fitting::LossPrediction& p, double observed) {
    error += std::fabs(p.value / observed - 1);
    parameter += p.parameter_low <= observed && observed <= p.parameter_high;
    prediction += p.low <= observed && observed <= p.high;
    width += std::log(p.high / p.low) / 2;
    count += 1;
  }
  void Print(const char* name) const {
    std::printf(
        "  %-18s error %6.3f %%   parameters hold %5.1f %%   prediction holds %5.1f %% (+- %5.2f %%)\n", name,
        100 * error / count, 100 * parameter / count, 100 * prediction / count, 100 * width / count);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int replicates = argc > 1 ? std::atoi(argv[1]) : 100;
  const auto catalogue = fitting::Catalogue::Load(SEXTANT_SOURCE_DIR "/data/laws");
  if (!catalogue.ok()) return 1;
  std::vector<std::shared_ptr<const fitting::Law>> laws;
  for (const char* id : {"loss-chinchilla", "loss-kaplan", "loss-skaling", "loss-farseer"})
    laws.push_back((*catalogue)->Find(id));
  std::map<std::string, Score> means;  // sums over sets of each set's means
  std::map<std::string, int> sets;
  for (const bench::LossSet& set : bench::LossSets()) {
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
      const auto average = fitting::AverageLossLaws(of, train, options);
      if (!average.ok()) {
        std::printf("  %-18s %s\n", name.c_str(), std::string(average.status().message()).c_str());
        return std::string();
      }
      Score score;
      for (size_t row = 0; row < test.size(); ++row) {
        const std::vector<double> at = {test.columns[0][row], test.columns[1][row]};
        score.Add(fitting::PredictLoss(*average, at, 0.9), test.observed[row]);
      }
      score.Print(name.c_str());
      const fitting::FitResult& fit = average->members[0].fit;
      std::printf("      noise %.4f held-out sd %.4f reach %.2f; first member %s, %d of %d starts; %.2f s\n",
                  average->noise, average->held_out_sd, average->held_out_reach, fit.law_id.c_str(),
                  static_cast<int>(fit.starts_at_optimum), static_cast<int>(fit.starts),
                  static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
      Score& mean = means[name];
      mean.error += score.error / score.count;
      mean.parameter += score.parameter / score.count;
      mean.prediction += score.prediction / score.count;
      mean.width += score.width / score.count;
      mean.count += 1;
      return average->members[0].law->spec().id;
    };
    for (const auto& law : laws) judge(law->spec().id, {law});
    const std::string best = judge("loss-average", laws);
    for (const auto& law : laws) {
      if (law->spec().id == best) judge("best held-out", {law});
    }
  }
  std::printf("mean over sets\n");
  for (const auto& [name, mean] : means)
    mean.Print((name + " (" + std::to_string(static_cast<int>(mean.count)) + ")").c_str());
  return 0;
}
