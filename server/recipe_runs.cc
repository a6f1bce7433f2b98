// SPDX-License-Identifier: Apache-2.0
#include "server/recipe_runs.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <cmath>

#include "base/status_macros.h"
#include "server/each_run.h"
#include "storage/run_fields.h"

namespace sextant::server {
namespace {

constexpr std::int64_t kRecipePage = 1000;
constexpr std::size_t kMostRecipeRuns = 100'000;
constexpr char kThroughputTag[] = "tokens_per_second";

/// What runs must share, beside N, D, rate and batch, to differ by seed alone.
std::string OtherSettings(const storage::Run& run) {
  return absl::StrCat(run.schedule, "\n", run.optimizer, "\n", run.sequence_length, " ", run.warmup_steps,
                      " ", run.weight_decay, " ", run.adam_beta1, " ", run.adam_beta2, " ",
                      run.min_learning_rate);
}

}  // namespace

absl::StatusOr<RecipeRuns> LoadRecipeRuns(storage::Snapshot& snapshot, const storage::Study& study,
                                          const std::vector<storage::Condition>& where) {
  RecipeRuns loaded;
  storage::RunQuery query;
  query.study_id = study.id;
  query.where = where;
  query.limit = kRecipePage;
  const auto params = storage::ParamsMember(study.param_count);
  RETURN_IF_ERROR(ForEachRun(snapshot, std::move(query), [&](const storage::Run& run) {
    const double n = run.*params;
    if (run.state != fitting::RunState::kFinished || !(n > 0) || !(run.tokens > 0) || !(run.loss > 0) ||
        !std::isfinite(run.loss)) {
      ++loaded.left_out;
      return absl::OkStatus();
    }
    fitting::comparison::RecipeRun& recipe = loaded.runs.emplace_back();
    recipe.params = n;
    recipe.tokens = run.tokens;
    recipe.loss = run.loss;
    recipe.flops = run.flops;
    recipe.learning_rate = run.learning_rate;
    recipe.batch_size_tokens = run.batch_size_tokens;
    recipe.other_settings = OtherSettings(run);
    recipe.seed = run.seed;
    const auto tag = run.tags.find(kThroughputTag);
    double speed = 0;
    if (tag != run.tags.end() && absl::SimpleAtod(tag->second, &speed) && speed > 0 && std::isfinite(speed)) {
      recipe.tokens_per_second = speed;
    }
    return loaded.runs.size() > kMostRecipeRuns ? absl::ResourceExhaustedError(absl::StrCat(
                                                      "more than ", kMostRecipeRuns, " runs: filter them"))
                                                : absl::OkStatus();
  }));
  return loaded;
}

}  // namespace sextant::server
