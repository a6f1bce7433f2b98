// SPDX-License-Identifier: Apache-2.0
// Every law of the catalogue evaluates, and every one with a free parameter is fitted when its data are
// given. docs/systems.md is this table.
#include "tests/fitting/systems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "fitting/curve/schedule.h"
#include "fitting/fit.h"
#include "tests/fitting/catalogue_fixture.h"
#include "tests/fitting/planted_laws.h"

namespace sextant::fitting {
namespace {

constexpr int kRows = 400;

// Where a variable is varied: about its worked examples, inside its own domain.
Range RangeOf(const LawSpec& spec, const VariableSpec& variable) {
  static const std::map<std::string, Range> kDomains = {{"r", {0.03, 0.97}}, {"P", {2, 8}},
                                                        {"x", {1, 1e5}},     {"L", {2, 4}},
                                                        {"k", {0.25, 16}},   {"B_crit", {1e5, 1e7}}};
  if (const auto domain = kDomains.find(variable.name); domain != kDomains.end()) return domain->second;
  Range range{std::numeric_limits<double>::infinity(), 0};
  for (const ExampleSpec& example : spec.examples) {
    range.low = std::min(range.low, example.at.at(variable.name) / 20);
    range.high = std::max(range.high, example.at.at(variable.name) * 20);
  }
  if (variable.valid) {
    range.low = std::max(range.low, variable.valid->low);
    range.high = std::min(range.high, variable.valid->high);
  }
  return range;
}

std::vector<double> PlantedParameters(const Law& law) {
  std::vector<double> planted = law.PublishedParameters();
  if (!law.spec().examples.empty()) {
    for (const auto& [name, value] : law.spec().examples.front().parameters)
      planted[*law.ParameterIndex(name)] = value;
  }
  return planted;
}

/// By formulas of their own where there are (planted_laws.h), else by the law itself about its examples.
std::shared_ptr<const DataColumns> TableOf(const Law& law, const std::vector<double>& planted) {
  for (const PlantedLaw& of : planted::All()) {
    if (of.law == law.spec().id) return std::make_shared<DataColumns>(planted::Data(of, 1));
  }
  auto table = std::make_shared<DataColumns>();
  RandomStream random(7, std::hash<std::string>()(law.spec().id));
  std::vector<double> at(law.spec().variables.size());
  int rows = 0;
  for (int tries = 0; rows < kRows && tries < 100 * kRows; ++tries) {
    for (std::size_t v = 0; v < at.size(); ++v) {
      const Range range = RangeOf(law.spec(), law.spec().variables[v]);
      at[v] = range.low * std::pow(range.high / range.low, random.Uniform());
    }
    const double value = law.Evaluate(at, planted);
    if (!(value > 0) || !std::isfinite(value)) continue;
    for (std::size_t v = 0; v < at.size(); ++v) table->columns[law.spec().variables[v].name].push_back(at[v]);
    table->columns[kObservedColumn].push_back(value * std::exp(0.002 * random.Normal()));
    ++rows;
  }
  return table;
}

std::size_t FreeParameters(const LawSpec& spec) {
  return static_cast<std::size_t>(
      std::count_if(spec.parameters.begin(), spec.parameters.end(),
                    [](const ParameterSpec& parameter) { return !parameter.fixed; }));
}

bool OfSchedules(const LawSpec& spec) {
  return spec.evaluator == "multi-power" || spec.evaluator == "tissue";
}

/// Curves by the law's own evaluator: here it is asked whether a fit comes about, not whether it is right.
FitInput CurvesOf(const Law& law) {
  FitInput input;
  std::vector<double> parameters = law.PublishedParameters();
  if (!law.spec().published()) {
    parameters = law.spec().evaluator == "tissue"
                     ? std::vector<double>{2.5, 0.5, 0.5, 1, 0.999}
                     : std::vector<double>{3.04, 0.525, 0.508, 363.8, 2.066, 0.583, 0.641};
  }
  for (const DecayShape shape : {DecayShape::kCosine, DecayShape::kConstant}) {
    ScheduledRun& run = input.curves.emplace_back();
    run.curve.learning_rate = *MakeSchedule({.shape = shape,
                                             .peak_learning_rate = 3e-4,
                                             .final_learning_rate = 3e-5,
                                             .total_steps = 6000,
                                             .warmup_steps = 300});
    RandomStream random(3, static_cast<std::uint64_t>(shape));
    for (std::size_t step = 400; step < 6000; step += 50) {
      const std::vector<double> t = {static_cast<double>(step)};
      run.curve.step.push_back(step);
      run.curve.loss.push_back(law.EvaluateOnSchedule(run.curve.learning_rate, t, parameters) *
                               std::exp(0.001 * random.Normal()));
    }
  }
  return input;
}

struct LawRow {
  std::string evaluates, predicts, fits;
};

LawRow RowOf(const std::shared_ptr<const Law>& law) {
  const LawSpec& spec = law->spec();
  LawRow row;
  row.evaluates = "yes";
  row.predicts = spec.published() ? "published values" : "once fitted";
  if (FreeParameters(spec) == 0) {
    row.fits = "nothing to fit: no free parameter";
    return row;
  }
  if (spec.id == "loss-average") {  // its laws are fitted one by one, then weighed
    row.fits = "runs";
    return row;
  }
  FitRequest request;
  request.bootstrap_replicates = 0;
  FitInput input;
  if (OfSchedules(spec)) {
    input = CurvesOf(*law);
  } else {
    input.table = TableOf(*law, PlantedParameters(*law));
    EXPECT_GT(input.table->rows(), FreeParameters(spec)) << spec.id << ": no data of its domain";
  }
  const auto fit = Fit(law, input, request);
  EXPECT_TRUE(fit.ok()) << spec.id << ": " << fit.status();
  row.fits = !fit.ok() ? "no" : OfSchedules(spec) ? "curves" : "runs or a table";
  return row;
}

std::string SystemsTable() {
  std::ostringstream out;
  out << "| system | laws | evaluates | predicts | fits |\n|---|---|---|---|---|\n";
  std::set<std::string> seen;
  for (const PublishedSystem& system : PublishedSystems()) {
    std::map<std::string, std::vector<std::string>> laws_by_row;
    for (const auto& [id, law] : ShippedCatalogue()->laws()) {
      const bool ours =
          std::any_of(system.prefixes.begin(), system.prefixes.end(),
                      [&id = id](const std::string& prefix) { return id.rfind(prefix, 0) == 0; });
      if (!ours) continue;
      EXPECT_TRUE(seen.insert(id).second) << id << " is of two systems";
      const LawRow row = RowOf(law);
      laws_by_row[row.evaluates + " | " + row.predicts + " | " + row.fits].push_back("`" + id + "`");
    }
    EXPECT_FALSE(laws_by_row.empty()) << system.name;
    for (const auto& [row, ids] : laws_by_row) {
      out << "| " << system.name << " | ";
      for (std::size_t i = 0; i < ids.size(); ++i) out << (i > 0 ? ", " : "") << ids[i];
      out << " | " << row << " |\n";
    }
  }
  // A law of no system here is held to the same all the same.
  for (const auto& [id, law] : ShippedCatalogue()->laws()) {
    if (!seen.contains(id)) RowOf(law);
  }
  return out.str();
}

/// What is answered by more than one number for a law (its members, a sum over schedules) is not planted.
bool IsPlanted(const std::string& id) {
  const std::vector<PlantedLaw> all = planted::All();
  return std::any_of(all.begin(), all.end(), [&](const PlantedLaw& law) { return law.law == id; });
}

TEST(Systems, EveryLawWithAFreeParameterHasAGeneratorOfItsOwn) {
  for (const auto& [id, law] : ShippedCatalogue()->laws()) {
    const bool exempt = id == "loss-average" || id == "curve-bnsl-3" || OfSchedules(law->spec());
    if (FreeParameters(law->spec()) == 0 || exempt) continue;
    EXPECT_TRUE(IsPlanted(id)) << id;
  }
}

TEST(Systems, ThePageHasTheCoverageOfEveryPlantedLaw) {
  std::stringstream page;
  page << std::ifstream(SEXTANT_SOURCE_DIR "/docs/systems.md").rdbuf();
  for (const PlantedLaw& law : planted::All())
    EXPECT_NE(page.str().find("\n| `" + law.law + "` |"), std::string::npos)
        << law.law << ": law_coverage_bench --long prints it";
}

TEST(Systems, EveryLawWithAFreeParameterFitsAndThePageShowsIt) {
  const std::string path = SEXTANT_SOURCE_DIR "/docs/systems.md";
  std::stringstream page;
  page << std::ifstream(path).rdbuf();
  const std::string begin = "<!-- the table of tests/fitting/systems_test.cc -->\n",
                    end = "<!-- its end -->\n";
  const std::string text = page.str();
  const std::size_t from = text.find(begin), to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const std::string table = SystemsTable();
  const std::string held = text.substr(from + begin.size(), to - from - begin.size());
  if (std::getenv("SEXTANT_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path) << text.substr(0, from + begin.size()) << table << text.substr(to);
    return;
  }
  EXPECT_EQ(held, table) << "SEXTANT_WRITE_GOLDEN=1 writes it, to be read before it is kept";
}

}  // namespace
}  // namespace sextant::fitting
