// SPDX-License-Identifier: Apache-2.0
#include "fitting/least_squares/branches.h"

#include <absl/strings/str_cat.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "base/random.h"
#include "fitting/law/expression/lexer.h"
#include "fitting/least_squares/summary.h"

namespace sextant::fitting::solve {
namespace {

using expression::Token;
using expression::TokenKind;

constexpr char kPrefix[] = "branch_";
constexpr double kAbsent = 1e-12;  // the factor of an argument that is not chosen: variables are positive
constexpr std::array kShares = {.12, .25, .4, .55, .7, .85};
constexpr int kMostAssignments = 96;
constexpr std::size_t kGrid = 192;  // starts of each assignment's fit
constexpr int kPolished = 2;        // of them

bool IsSymbol(const Token& token, char symbol) {
  return token.kind == TokenKind::kSymbol && token.text[0] == symbol;
}

// Rewrites tokens as text, branches replaced.
class Rewriter {
 public:
  Rewriter(std::vector<Token> tokens, std::set<std::string> parameters)
      : tokens_(std::move(tokens)), parameters_(std::move(parameters)) {}

  std::string Rewrite() {
    std::string text;
    for (at_ = 0; tokens_[at_].kind != TokenKind::kEnd;) text += Next();
    return text;
  }
  const std::vector<int>& arms() const { return arms_; }
  bool on_parameters() const { return on_parameters_; }

 private:
  // One token, or a whole call of min or max.
  std::string Next() {
    const Token& token = tokens_[at_++];
    if (token.kind == TokenKind::kName && parameters_.contains(token.text)) on_parameters_ = true;
    const bool call = token.kind == TokenKind::kName && (token.text == "min" || token.text == "max") &&
                      IsSymbol(tokens_[at_], '(');
    if (!call) return token.text + " ";
    ++at_;
    const bool outside = std::exchange(on_parameters_, false);
    std::vector<std::string> arguments(1);
    for (int depth = 0; tokens_[at_].kind != TokenKind::kEnd;) {
      if (depth == 0 && IsSymbol(tokens_[at_], ')')) break;
      if (depth == 0 && IsSymbol(tokens_[at_], ',')) {
        ++at_;
        arguments.emplace_back();
        continue;
      }
      depth += IsSymbol(tokens_[at_], '(') - IsSymbol(tokens_[at_], ')');
      arguments.back() += Next();
    }
    ++at_;
    const bool inside = std::exchange(on_parameters_, on_parameters_ || outside);
    std::string joined;
    const std::size_t kink = arms_.size();
    for (std::size_t k = 0; k < arguments.size(); ++k) {
      if (!joined.empty()) joined += inside ? " + " : ", ";
      joined += inside ? absl::StrCat(kPrefix, kink, "_", k, " * (", arguments[k], ")") : arguments[k];
    }
    if (!inside) return absl::StrCat(token.text, "(", joined, ")");
    arms_.push_back(static_cast<int>(arguments.size()));
    return absl::StrCat("(", joined, ")");
  }

  std::vector<Token> tokens_;
  std::set<std::string> parameters_;
  std::size_t at_ = 0;
  std::vector<int> arms_;
  bool on_parameters_ = false;
};

// Which argument of each min or max a row takes: [kink][row].
using Assignment = std::vector<std::vector<int>>;

// Scores to split rows by: logarithms of the variables, and sums and differences of two of them.
std::vector<std::vector<double>> Directions(const LawData& data) {
  std::vector<std::vector<double>> directions, logs;
  for (const std::vector<double>& column : data.columns) {
    const auto [low, high] = std::minmax_element(column.begin(), column.end());
    if (!(*low > 0) || *low == *high) continue;
    logs.emplace_back();
    const double scale = std::log(*high / *low);
    for (const double value : column) logs.back().push_back(std::log(value / *low) / scale);
  }
  directions = logs;
  for (std::size_t a = 0; a < logs.size(); ++a) {
    for (std::size_t b = a + 1; b < logs.size(); ++b) {
      for (const double sign : {1.0, -1.0}) {
        directions.push_back(logs[a]);
        for (std::size_t row = 0; row < data.size(); ++row) directions.back()[row] += sign * logs[b][row];
      }
    }
  }
  return directions;
}

// Rows whose score lies above the quantile `share` take `above`, the others `below`.
std::vector<int> Split(const std::vector<double>& score, double share, int below, int above) {
  std::vector<double> sorted = score;
  std::sort(sorted.begin(), sorted.end());
  const double limit = sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
  std::vector<int> arm;
  for (const double value : score) arm.push_back(value > limit ? above : below);
  return arm;
}

std::vector<Assignment> Assignments(const BranchedLaw& branched, const LawData& data, std::uint64_t seed) {
  const std::vector<std::vector<double>> directions = Directions(data);
  std::vector<std::vector<std::vector<int>>> choices;  // of each kink
  for (const int arms : branched.arms) {
    choices.emplace_back();
    for (int arm = 0; arm < arms; ++arm) choices.back().emplace_back(data.size(), arm);
    for (const std::vector<double>& score : directions) {
      for (const double share : kShares) {
        for (int below = 0; below < arms; ++below) {
          for (int above = 0; above < arms; ++above) {
            if (below != above) choices.back().push_back(Split(score, share, below, above));
          }
        }
      }
    }
  }
  std::vector<Assignment> assignments;
  if (choices.size() == 1 && choices[0].size() <= kMostAssignments) {
    for (std::vector<int>& choice : choices[0]) assignments.push_back({std::move(choice)});
    return assignments;
  }
  for (int i = 0; i < kMostAssignments; ++i) {
    RandomStream random(seed, 0x20000 + static_cast<std::uint64_t>(i));
    assignments.emplace_back();
    for (const auto& choice : choices) assignments.back().push_back(choice[random.Index(choice.size())]);
  }
  return assignments;
}

LawData WithBranches(const LawData& data, const Assignment& assignment, const std::vector<int>& arms) {
  LawData extended = data;
  for (std::size_t kink = 0; kink < arms.size(); ++kink) {
    for (int arm = 0; arm < arms[kink]; ++arm) {
      extended.columns.emplace_back();
      for (const int taken : assignment[kink]) extended.columns.back().push_back(taken == arm ? 1 : kAbsent);
    }
  }
  return extended;
}

}  // namespace

std::optional<BranchedLaw> SeparateBranches(const LawSpec& spec) {
  if (spec.expression.empty()) return std::nullopt;
  absl::StatusOr<std::vector<Token>> tokens = expression::Tokenize(spec.expression);
  if (!tokens.ok()) return std::nullopt;
  std::set<std::string> parameters;
  for (const ParameterSpec& parameter : spec.parameters) parameters.insert(parameter.name);
  Rewriter rewriter(*std::move(tokens), std::move(parameters));
  LawSpec smooth = spec;
  smooth.expression = rewriter.Rewrite();
  if (rewriter.arms().empty()) return std::nullopt;
  for (std::size_t kink = 0; kink < rewriter.arms().size(); ++kink) {
    for (int arm = 0; arm < rewriter.arms()[kink]; ++arm) {
      smooth.variables.emplace_back();
      smooth.variables.back().name = absl::StrCat(kPrefix, kink, "_", arm);
    }
  }
  smooth.examples.clear();
  absl::StatusOr<std::shared_ptr<const Law>> law = Law::Compile(std::move(smooth));
  if (!law.ok()) return std::nullopt;
  return BranchedLaw{*std::move(law), rewriter.arms()};
}

absl::Status BranchStarts(const BranchedLaw& branched, const LawData& data, const ParameterMap& map,
                          const Objective& objective, std::uint64_t seed, const StopCheck& stop,
                          std::vector<std::vector<double>>& starts, int& assignments) {
  const std::vector<Assignment> all = Assignments(branched, data, seed);
  std::vector<Polished> found(all.size());
  std::atomic<bool> stopped{false};
  tbb::parallel_for(std::size_t{0}, all.size(), [&](std::size_t i) {
    if (stopped.load(std::memory_order_relaxed) || !stop().ok()) {
      stopped = true;
      return;
    }
    found[i].value = std::numeric_limits<double>::infinity();
    const LawData extended = WithBranches(data, all[i], branched.arms);
    Evaluator evaluator(branched.law, extended, map, objective.residual);
    const AffineStructure structure = FindAffineStructure(evaluator, ProbePoint(branched.law->spec(), map));
    StartOptions options;
    options.random = 8;
    options.seed = seed + i;
    options.polished = kPolished;
    options.largest_grid = kGrid;
    options.thresholds = true;
    Polisher polisher(evaluator, objective);
    for (const std::vector<double>& start :
         MakeStarts(evaluator, branched.law->spec(), extended, objective, structure, options)) {
      Polished polished = polisher.PolishWidened(start, kWidening);
      if (polished.value < found[i].value) found[i] = std::move(polished);
    }
  });
  if (stopped) return stop();
  assignments = static_cast<int>(all.size());
  std::stable_sort(found.begin(), found.end(),
                   [](const Polished& a, const Polished& b) { return a.value < b.value; });
  for (Polished& polished : found) {
    if (std::isfinite(polished.value)) starts.push_back(std::move(polished.walked));
  }
  return absl::OkStatus();
}

}  // namespace sextant::fitting::solve
