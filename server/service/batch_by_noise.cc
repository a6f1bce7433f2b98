// SPDX-License-Identifier: Apache-2.0
#include "server/service/batch_by_noise.h"

#include <absl/strings/str_cat.h>

#include <cmath>
#include <string>

#include "base/status_macros.h"
#include "fitting/critical_batch/norm_test.h"
#include "server/error.h"
#include "server/names.h"
#include "server/run_curves.h"

namespace sextant::server {

absl::Status PlanBatchByNormTest(Core& core, const v1::PlanBatchByNormTestRequest& request,
                                 v1::PlanBatchByNormTestResponse& response) {
  const auto name = ParseRunName(request.run());
  if (!name) return InvalidField("run", "not of the form studies/STUDY/runs/RUN");
  ASSIGN_OR_RETURN(auto snapshot, core.Read());
  ASSIGN_OR_RETURN(const RunCurve loaded, LoadRunCurve(*snapshot, name->study, name->id));
  snapshot.reset();
  const fitting::LossCurve& curve = loaded.curve;
  if (curve.gradient_noise_scale_tokens.empty()) {
    return UnmetPrecondition("CURVE_UNUSABLE", request.run(),
                             absl::StrCat(request.run(), " records no gradient noise scale"));
  }
  std::vector<double> tokens = curve.tokens;
  if (tokens.empty()) {
    for (const double step : curve.step) tokens.push_back(step * loaded.run.batch_size_tokens);
  }
  fitting::NormTestOptions options;
  options.eta = request.eta();
  options.first_batch_tokens =
      request.has_first_batch_tokens() ? request.first_batch_tokens() : loaded.run.batch_size_tokens;
  if (!(options.first_batch_tokens > 0)) {
    return InvalidField("first_batch_tokens", "the run does not record its batch: say where the plan begins");
  }
  if (request.has_largest_batch_tokens()) options.largest_batch_tokens = request.largest_batch_tokens();
  if (request.has_multiple_tokens()) options.multiple_tokens = request.multiple_tokens();
  if (request.has_window()) options.window = request.window();
  const auto plan = fitting::PlanByNormTest(tokens, curve.gradient_noise_scale_tokens, options);
  if (!plan.ok()) return Annotate(plan.status(), "eta", request.run());
  for (const fitting::BatchStage& stage : plan->stages) {
    v1::BatchPlanStage& out = *response.add_stages();
    out.set_from_tokens(stage.from_tokens);
    out.set_batch_size_tokens(stage.batch_size_tokens);
    if (stage.noise_scale_tokens > 0) out.set_noise_scale_tokens(stage.noise_scale_tokens);
  }
  response.set_steps(plan->steps);
  response.set_steps_of_first_batch(plan->steps_of_first_batch);
  for (const std::string& warning : plan->warnings) response.add_warnings(warning);
  return absl::OkStatus();
}

}  // namespace sextant::server
