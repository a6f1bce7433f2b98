// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/loss_average_choice.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "fitting/least_squares/loss_average.h"
#include "fitting/least_squares/loss_scales.h"

namespace sextant::bench {
namespace {

constexpr double kScaleWeights[] = {0, .25, .5, .75, 1};

struct Constants {
  double scale_weight = fitting::kScaleWeight, error_power = fitting::kErrorPower;
  std::size_t members = fitting::kMostMembers;
  double rows_per_parameter = fitting::kRowsPerParameter;
};

// One law fitted to what a set leaves for it: its error at the scales held out from that, and ln of what it
// predicts at the scales held out from everything.
struct Fitted {
  std::size_t parameters = 0;
  double error = 0;
  std::vector<double> predicted;
};

struct Case {
  std::string study;
  double rows = 0;  // fitted
  std::vector<double> observed;
  std::map<double, std::vector<Fitted>> by_weight;  // by the power of the scale that rows weigh by
};

std::vector<Fitted> FitAll(const std::vector<std::shared_ptr<const fitting::Law>>& laws,
                           const fitting::LawData& train, const fitting::LawData& test, double power) {
  std::vector<Fitted> fitted(laws.size());
  tbb::parallel_for(std::size_t{0}, laws.size(), [&](std::size_t l) {
    const fitting::Law& law = *laws[l];
    fitting::SolveOptions options;
    options.diagnostics = false;
    const auto fit =
        fitting::FitLossLaw(laws[l], fitting::WeightedByScale(law.spec(), train, power), options);
    fitted[l].error = std::numeric_limits<double>::infinity();
    if (!fit.ok()) return;
    const auto* model = std::get_if<fitting::LossModel>(&fit->model);
    if (model == nullptr || !std::isfinite(model->held_out_error)) return;
    std::vector<double> parameters;
    for (const auto& parameter : fit->parameters) parameters.push_back(parameter.estimate);
    for (std::size_t row = 0; row < test.size(); ++row) {
      const std::vector<double> at = {test.columns[0][row], test.columns[1][row]};
      fitted[l].predicted.push_back(std::log(law.Evaluate(at, parameters)));
      if (!std::isfinite(fitted[l].predicted.back())) return;
    }
    fitted[l].parameters = parameters.size();
    fitted[l].error = model->held_out_error;
  });
  std::erase_if(fitted, [](const Fitted& f) { return !std::isfinite(f.error); });
  return fitted;
}

std::vector<Case> Cases(const std::vector<LossSet>& sets,
                        const std::vector<std::shared_ptr<const fitting::Law>>& laws) {
  std::vector<Case> cases;
  for (const LossSet& set : sets) {
    fitting::LawData data = set.data;
    for (int level = 0; level < 2; ++level) {
      const auto split = fitting::SplitLargestScales(*laws[0], data, 0.2);
      if (!split.ok()) break;
      const fitting::LawData train = fitting::SelectRows(data, split->train),
                             test = fitting::SelectRows(data, split->held_out);
      Case one{set.name.substr(0, set.name.find(' ')), static_cast<double>(train.size()), test.observed, {}};
      for (const double power : kScaleWeights) one.by_weight[power] = FitAll(laws, train, test, power);
      cases.push_back(std::move(one));
      data = train;
    }
  }
  return cases;
}

double Error(const Case& one, const Constants& constants) {
  std::vector<const Fitted*> kept;
  for (const Fitted& f : one.by_weight.at(constants.scale_weight)) {
    if (f.parameters <= fitting::kFewParameters ||
        one.rows >= constants.rows_per_parameter * static_cast<double>(f.parameters))
      kept.push_back(&f);
  }
  std::stable_sort(kept.begin(), kept.end(),
                   [](const Fitted* a, const Fitted* b) { return a->error < b->error; });
  kept.resize(std::min(kept.size(), constants.members));
  double total = 0, error = 0;
  for (const Fitted* f : kept) total += std::pow(std::max(f->error, 1e-6), -constants.error_power);
  for (std::size_t row = 0; row < one.observed.size(); ++row) {
    double sum = 0;
    for (const Fitted* f : kept)
      sum += std::pow(std::max(f->error, 1e-6), -constants.error_power) / total * f->predicted[row];
    error += std::fabs(std::exp(sum) / one.observed[row] - 1);
  }
  return error / static_cast<double>(one.observed.size());
}

// Mean over the sets of a study and both cuts, by study.
std::map<std::string, double> ByStudy(const std::vector<Case>& cases, const Constants& constants) {
  std::map<std::string, double> sum, count;
  for (const Case& one : cases) {
    sum[one.study] += Error(one, constants);
    count[one.study] += 1;
  }
  for (auto& [study, value] : sum) value /= count[study];
  return sum;
}

double MeanWithout(const std::map<std::string, double>& studies, const std::string& out) {
  double sum = 0, count = 0;
  for (const auto& [study, error] : studies) {
    if (study == out) continue;
    sum += error;
    count += 1;
  }
  return sum / count;
}

void PrintRow(const std::string& name, const std::map<std::string, double>& studies) {
  std::printf("%-34s %6.3f %%", name.c_str(), 100 * MeanWithout(studies, ""));
  for (const auto& [study, error] : studies) std::printf(" %9.3f", 100 * error);
  std::printf("\n");
}

std::string Name(const Constants& c) {
  char text[96];
  std::snprintf(text, sizeof text, "scale %.2f power %.1f of %zu rows %.0f", c.scale_weight, c.error_power,
                c.members, c.rows_per_parameter);
  return text;
}

}  // namespace

void PrintAverageChoices(const std::vector<LossSet>& sets,
                         const std::vector<std::shared_ptr<const fitting::Law>>& laws) {
  const std::vector<Case> cases = Cases(sets, laws);
  std::printf(
      "\nconstants of loss-average: mean error at the held-out fifth, of sets and of sets without it\n");
  const std::map<std::string, double> shipped = ByStudy(cases, {});
  std::printf("%-34s %8s", "", "mean");
  for (const auto& [study, error] : shipped) std::printf(" %9.9s", study.c_str());
  std::printf("\n");
  PrintRow("as shipped", shipped);
  for (const double power : kScaleWeights) {
    Constants constants;
    constants.scale_weight = power;
    PrintRow("rows weigh by scale^" + std::to_string(power).substr(0, 4), ByStudy(cases, constants));
  }
  for (const double power : {0.0, 0.5, 1.0, 1.5, 2.0}) {
    Constants constants;
    constants.error_power = power;
    PrintRow("laws weigh by error^-" + std::to_string(power).substr(0, 3), ByStudy(cases, constants));
  }
  for (const std::size_t members : {1u, 3u, 5u, 8u}) {
    Constants constants;
    constants.members = members;
    PrintRow("the best " + std::to_string(members), ByStudy(cases, constants));
  }
  for (const double rows : {0.0, 8.0, 12.0, 16.0, 1e9}) {
    Constants constants;
    constants.rows_per_parameter = rows;
    PrintRow(
        "rows a parameter of large laws " + (rows < 1e6 ? std::to_string(static_cast<int>(rows)) : "any"),
        ByStudy(cases, constants));
  }
  std::vector<std::pair<Constants, std::map<std::string, double>>> tried;
  for (const double scale : kScaleWeights) {
    for (const double power : {1.0, 2.0}) {
      for (const std::size_t members : {3u, 5u, 8u}) {
        for (const double rows : {0.0, 12.0}) {
          const Constants constants{scale, power, members, rows};
          tried.emplace_back(constants, ByStudy(cases, constants));
        }
      }
    }
  }
  std::printf("\n%-18s %-34s %9s %10s\n", "study left out", "chosen by the others", "error", "as shipped");
  double chosen = 0;
  for (const auto& [out, error] : shipped) {
    const auto best =
        std::min_element(tried.begin(), tried.end(), [&, &name = out](const auto& a, const auto& b) {
          return MeanWithout(a.second, name) < MeanWithout(b.second, name);
        });
    std::printf("%-18s %-34s %7.3f %% %8.3f %%\n", out.c_str(), Name(best->first).c_str(),
                100 * best->second.at(out), 100 * error);
    chosen += best->second.at(out) / static_cast<double>(shipped.size());
  }
  std::printf("%-18s %-34s %7.3f %% %8.3f %%\n", "mean", "", 100 * chosen, 100 * MeanWithout(shipped, ""));
}

}  // namespace sextant::bench
