// SPDX-License-Identifier: Apache-2.0
#include "server/literature.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <cmath>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "server/each_run.h"
#include "storage/run_fields.h"

namespace sextant::server {
namespace {

namespace design = fitting::design;
using fitting::Target;

constexpr std::int64_t kSweepPage = 1000;
constexpr std::size_t kMostSweepRuns = 20'000;

/// Pairs of laws of one source whose rate and batch are optimal together, as docs/laws.md lists them.
struct JointPair {
  const char *source, *rate, *batch;
};
constexpr JointPair kJointPairs[] = {{"step-law", "step-law-lr", "step-law-bs"},
                                     {"oellm-joint", "oellm-joint-lr", "oellm-joint-bs"},
                                     {"deepseek", "deepseek-lr", "deepseek-bs"},
                                     {"porian", "porian-lr", "porian-bs"},
                                     {"ling-moe", "ling-moe-lr", "ling-moe-bs"}};

std::optional<double> LogAt(const LawTable::Snapshot& laws, const char* id, Target quantity,
                            double log_params, double log_tokens) {
  const auto law = laws.find(id);
  if (law == laws.end() || !law->second.predictor) return std::nullopt;
  fitting::PredictionTarget target;
  target.params = std::exp(log_params);
  target.tokens = std::exp(log_tokens);
  fitting::Prediction prediction;
  law->second.predictor->Predict(target, prediction);
  const auto found = prediction.quantities.find(quantity);
  if (found == prediction.quantities.end() || !(found->second.value > 0)) return std::nullopt;
  return std::log(found->second.value);
}

// The law as a plane about `centre`; steps of a factor of two, over which published laws are straight.
std::optional<design::LogPlane> PlaneOf(const LawTable::Snapshot& laws, const char* id, Target quantity,
                                        const design::Scale& centre) {
  const double step = std::log(2.0);
  const auto at = LogAt(laws, id, quantity, centre.log_params, centre.log_tokens);
  const auto larger = LogAt(laws, id, quantity, centre.log_params + step, centre.log_tokens);
  const auto longer = LogAt(laws, id, quantity, centre.log_params, centre.log_tokens + step);
  if (!at || !larger || !longer) return std::nullopt;
  return design::LogPlane{*at, (*larger - *at) / step, (*longer - *at) / step};
}

fitting::Quantity QuantityOf(double mean, double variance, double interval) {
  // Quantiles of a normal by bisection: a prediction takes two.
  double low = 0, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < 0.5 + interval / 2 ? low : high) = middle;
  }
  const double half = low * std::sqrt(std::max(0.0, variance));
  fitting::Quantity quantity;
  quantity.value = std::exp(mean);
  quantity.low = std::exp(mean - half);
  quantity.high = std::exp(mean + half);
  return quantity;
}

}  // namespace

Literature LiteratureAt(const LawTable::Snapshot& laws, const design::Scale& centre) {
  Literature literature;
  for (const JointPair& pair : kJointPairs) {
    design::PriorLaw law;
    law.name = pair.source;
    law.rate = PlaneOf(laws, pair.rate, Target::kLearningRate, centre);
    law.batch = PlaneOf(laws, pair.batch, Target::kBatchSizeTokens, centre);
    if (!law.rate && !law.batch) continue;
    literature.names.push_back(law.name);
    literature.laws.push_back(std::move(law));
  }
  return literature;
}

absl::StatusOr<SweepRuns> LoadSweepRuns(storage::Snapshot& snapshot, const storage::Study& study,
                                        const std::vector<storage::Condition>& where) {
  SweepRuns sweep;
  storage::RunQuery query;
  query.study_id = study.id;
  query.where = where;
  query.limit = kSweepPage;
  const auto params = storage::ParamsMember(study.param_count);
  RETURN_IF_ERROR(ForEachRun(snapshot, std::move(query), [&](const storage::Run& run) {
    if (!(run.*params > 0) || !(run.tokens > 0) || !(run.learning_rate > 0) || !(run.batch_size_tokens > 0))
      return absl::OkStatus();
    const bool finished =
        run.state == fitting::RunState::kFinished && run.loss > 0 && std::isfinite(run.loss);
    if (!finished && run.state != fitting::RunState::kRunning) return absl::OkStatus();
    design::SweepRun& out = sweep.runs.emplace_back();
    out.scale = {std::log(run.*params), std::log(run.tokens)};
    out.log_rate = std::log(run.learning_rate);
    out.log_batch = std::log(run.batch_size_tokens);
    out.log_loss = finished ? std::log(run.loss) : std::numeric_limits<double>::quiet_NaN();
    ++(finished ? sweep.finished : sweep.pending);
    return sweep.runs.size() > kMostSweepRuns ? absl::ResourceExhaustedError(absl::StrCat(
                                                    "more than ", kMostSweepRuns, " runs: filter them"))
                                              : absl::OkStatus();
  }));
  return sweep;
}

design::BeliefData MakeBelief(const LawTable::Snapshot& laws, std::vector<design::SweepRun> runs,
                              const design::Scale& target, std::vector<std::string>* names) {
  design::BeliefData data;
  data.centre = target;
  if (!runs.empty()) {
    data.centre = {};
    for (const design::SweepRun& run : runs) {
      data.centre.log_params += run.scale.log_params / static_cast<double>(runs.size());
      data.centre.log_tokens += run.scale.log_tokens / static_cast<double>(runs.size());
    }
  }
  Literature literature = LiteratureAt(laws, data.centre);
  data.prior = design::ConsensusOf(literature.laws);
  data.runs = std::move(runs);
  if (names != nullptr) *names = std::move(literature.names);
  return data;
}

fitting::Prediction PredictFromLiterature(const LawTable::Snapshot& laws, const SweepRuns& runs,
                                          const fitting::PredictionTarget& target) {
  const design::Scale scale{std::log(target.params), std::log(target.tokens)};
  std::vector<std::string> names;
  const design::BeliefData data = MakeBelief(laws, runs.runs, scale, &names);
  const design::OptimumBelief belief = design::BelieveAt(data, scale);
  fitting::Prediction prediction;
  prediction.laws.push_back("consensus");
  prediction.citation =
      absl::StrCat("published laws of the joint optimum (", absl::StrJoin(names, ", "), ")",
                   runs.finished > 0 ? absl::StrCat(" corrected by ", runs.finished, " runs") : "");
  prediction.quantities[Target::kLearningRate] =
      QuantityOf(belief.mean[0], belief.covariance(0, 0), target.interval);
  prediction.quantities[Target::kBatchSizeTokens] =
      QuantityOf(belief.mean[1], belief.covariance(1, 1), target.interval);
  prediction.rate_kind = "joint";
  for (const design::SweepRun& run : runs.runs) {
    const double params = std::exp(run.scale.log_params - scale.log_params);
    const double tokens = std::exp(run.scale.log_tokens - scale.log_tokens);
    const bool first = &run == &runs.runs.front();
    prediction.extrapolation_params =
        std::max(1.0, first ? 1 / params : std::min(prediction.extrapolation_params, 1 / params));
    prediction.extrapolation_tokens =
        std::max(1.0, first ? 1 / tokens : std::min(prediction.extrapolation_tokens, 1 / tokens));
  }
  prediction.warnings.push_back(
      absl::StrCat("for AdamW-like recipes that tune rate and batch together; expected to give away ",
                   std::round(1000 * 100 * belief.expected_excess) / 1000,
                   " % of the loss at the estimate: a few small runs shrink that most (SuggestRuns)"));
  return prediction;
}

}  // namespace sextant::server
