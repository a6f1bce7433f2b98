// SPDX-License-Identifier: Apache-2.0
#include "server/service/suggestion_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "fitting/design/suggest_runs.h"
#include "server/error.h"
#include "server/filter.h"
#include "server/literature.h"
#include "server/names.h"
#include "storage/run_fields.h"

namespace sextant::server {
namespace {

namespace design = fitting::design;

constexpr int kMostSizes = 40, kMostRatios = 10, kDefaultRuns = 20, kMostRuns = 1000;
constexpr double kLeastTokensPerParam = 1;
constexpr std::size_t kMostOwnCells = 100;
/// A calibration run costs at most this share of the target and of the budget.
constexpr double kMostOfTarget = 0.25;

struct SuggestOrder {
  design::SuggestOptions options;
  std::vector<double> sizes, ratios;
};

absl::StatusOr<SuggestOrder> OrderOf(const v1::SuggestRunsRequest& request) {
  std::vector<FieldViolation> violations;
  const auto positive = [&](double value, double most, const char* field) {
    if (!(value > 0 && value < most))
      violations.push_back({field, absl::StrCat("must be positive and below ", most)});
  };
  positive(request.target_params(), 1e18, "target_params");
  positive(request.target_tokens(), 1e20, "target_tokens");
  positive(request.budget_flops(), 1e40, "budget_flops");
  SuggestOrder order;
  for (const double size : request.sizes()) positive(size, 1e18, "sizes");
  for (const double ratio : request.tokens_per_param()) positive(ratio, 1e9, "tokens_per_param");
  if (request.sizes_size() > kMostSizes)
    violations.push_back({"sizes", absl::StrCat("at most ", kMostSizes)});
  if (request.tokens_per_param_size() > kMostRatios) {
    violations.push_back({"tokens_per_param", absl::StrCat("at most ", kMostRatios)});
  }
  if (request.max_runs() < 0 || request.max_runs() > kMostRuns) {
    violations.push_back({"max_runs", absl::StrCat("must be 1 to ", kMostRuns)});
  }
  if (request.has_tolerance()) positive(request.tolerance(), 1, "tolerance");
  if (request.has_interval()) positive(request.interval(), 1, "interval");
  if (!violations.empty()) return InvalidFields(violations);
  order.options.target = {std::log(request.target_params()), std::log(request.target_tokens())};
  order.options.budget_flops = request.budget_flops();
  order.options.most_runs = request.max_runs() > 0 ? request.max_runs() : kDefaultRuns;
  if (request.has_tolerance()) order.options.tolerance = request.tolerance();
  if (request.has_interval()) order.options.interval = request.interval();
  order.sizes.assign(request.sizes().begin(), request.sizes().end());
  order.ratios.assign(request.tokens_per_param().begin(), request.tokens_per_param().end());
  return order;
}

// The cells that runs may be of: the study's own small ones, and sizes by tokens per parameter.
void AddCells(const SweepRuns& sweep, const v1::SuggestRunsRequest& request, SuggestOrder& order) {
  const double n = request.target_params(), d = request.target_tokens();
  const double most = std::min(request.budget_flops(), kMostOfTarget * 6 * n * d);
  if (order.ratios.empty()) {
    for (const double factor : {0.25, 1.0, 4.0})
      order.ratios.push_back(std::max(kLeastTokensPerParam, factor * d / n));
  }
  std::vector<double> sizes = order.sizes;
  if (sizes.empty()) {
    for (const double share : {128, 64, 32, 16, 8, 4}) sizes.push_back(n / share);
  }
  std::vector<design::Scale>& cells = order.options.cells;
  const auto add = [&](double log_params, double log_tokens) {
    const design::Scale scale{log_params, log_tokens};
    if (6 * std::exp(log_params + log_tokens) > most) return;
    if (design::FindCell(cells, scale) == cells.size()) cells.push_back(scale);
  };
  if (order.sizes.empty()) {
    for (const design::SweepRun& run : sweep.runs) {
      if (cells.size() < kMostOwnCells) add(run.scale.log_params, run.scale.log_tokens);
    }
  }
  for (const double size : sizes) {
    for (const double ratio : order.ratios) add(std::log(size), std::log(size * ratio));
  }
}

v1::Quantity Bounded(double value, double low, double high) {
  v1::Quantity quantity;
  quantity.set_value(value);
  quantity.set_low(low);
  quantity.set_high(high);
  return quantity;
}

void SuggestionToProto(const design::Suggestion& suggestion, v1::SuggestRunsResponse& response) {
  for (const design::SuggestedRun& run : suggestion.runs) {
    v1::SuggestedRun& message = *response.add_runs();
    message.set_params(std::round(std::exp(run.scale.log_params)));
    message.set_params_non_embedding(message.params());
    message.set_tokens(std::round(std::exp(run.scale.log_tokens)));
    message.set_learning_rate(run.learning_rate);
    message.set_batch_size_tokens(std::round(run.batch_size_tokens));
    message.set_seed(run.seed);
    message.set_flops(run.flops);
    message.set_expected_excess_loss(run.expected_excess_after);
  }
  v1::SuggestionTarget& target = *response.mutable_target();
  const design::TargetBelief &before = suggestion.before, &after = suggestion.after;
  *target.mutable_before() = Bounded(before.learning_rate, before.rate_low, before.rate_high);
  *target.mutable_after() = Bounded(after.learning_rate, after.rate_low, after.rate_high);
  *target.mutable_batch_before() = Bounded(before.batch_size_tokens, before.batch_low, before.batch_high);
  *target.mutable_batch_after() = Bounded(after.batch_size_tokens, after.batch_low, after.batch_high);
  target.set_expected_excess_loss_before(before.expected_excess);
  target.set_expected_excess_loss_after(after.expected_excess);
  response.set_flops(suggestion.flops);
  response.set_good_enough(suggestion.good_enough);
  const double seed = suggestion.gain_per_flop_seed, size = suggestion.gain_per_flop_cell;
  response.set_gain_per_exaflop_seed(1e18 * seed);
  response.set_gain_per_exaflop_size(1e18 * size);
  if (seed > 0 && size > 0) response.set_seed_or_size(seed > size ? "seed" : "size");
  for (const std::string& warning : suggestion.warnings) response.add_warnings(warning);
}

absl::Status Suggest(const Core& core, const v1::SuggestRunsRequest& request,
                     v1::SuggestRunsResponse& response) {
  const auto id = ParseStudyName(request.study());
  if (!id) return InvalidField("study", "not of the form studies/STUDY");
  if (*id == kPublishedStudy) return InvalidField("study", "the published laws take no runs");
  ASSIGN_OR_RETURN(SuggestOrder order, OrderOf(request));
  storage::Study study;
  SweepRuns sweep;
  {
    ASSIGN_OR_RETURN(const auto snapshot, core.Read());
    auto found = snapshot->GetStudy(*id);
    if (!found.ok()) return Annotate(found.status(), "study", request.study());
    study = *std::move(found);
    ASSIGN_OR_RETURN(const auto where, ParseRunFilter(request.filter(), "filter", study.declared));
    ASSIGN_OR_RETURN(sweep, LoadSweepRuns(*snapshot, study, where));
  }
  AddCells(sweep, request, order);
  if (order.options.cells.empty()) {
    return InvalidField("budget_flops",
                        "pays for no run of the sizes allowed: give smaller sizes, or a larger budget");
  }
  std::vector<std::string> names;
  const design::BeliefData data =
      MakeBelief(*core.laws->Load(), std::move(sweep.runs), order.options.target, &names);
  ASSIGN_OR_RETURN(const design::Suggestion suggestion, design::SuggestRuns(data, order.options));
  SuggestionToProto(suggestion, response);
  response.set_runs_used(sweep.finished + sweep.pending);
  response.set_runs_pending(sweep.pending);
  for (const std::string& name : names) response.add_laws(name);
  if (study.param_count != storage::ParamCount::kNonEmbedding) {
    response.add_warnings(
        "the study does not count non-embedding parameters: N of the suggested runs is counted as it counts "
        "them");
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* SuggestionService::SuggestRuns(grpc::CallbackServerContext* context,
                                                         const v1::SuggestRunsRequest* request,
                                                         v1::SuggestRunsResponse* response) {
  return core_.calls.OffloadHeavy(context, *request, *response,
                                  [this, request, response] { return Suggest(core_, *request, *response); });
}

}  // namespace sextant::server
