// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/validate.h"

#include <cmath>

#include "clients/importers/fields.h"
#include "clients/importers/identity.h"

namespace sextant::importers {

std::string FinishRun(const std::string& required_params, ImportedRun* run, bool needs_scale) {
  std::string wrong;
  const auto add = [&](const std::string& reason) { wrong += (wrong.empty() ? "" : "; ") + reason; };
  for (const NumberField& field : NumberFields()) {
    const std::optional<double>& value = run->*(field.member);
    if (!value) continue;
    if (const std::string reason = CheckNumber(field, *value); !reason.empty()) add(reason);
  }
  if (!needs_scale) {
    // The study has laws of its own variables.
  } else if (!required_params.empty()) {
    const NumberField* field = FindNumberField(required_params);
    if (field != nullptr && !(run->*(field->member))) {
      add(required_params + " is missing, and the study's laws use it (--set " + required_params +
          "=N gives it to every run)");
    }
  } else if (!run->params_non_embedding && !run->params_total && !run->params_active &&
             !run->params_non_input_embedding) {
    add("params_non_embedding (or another parameter count) is missing (--set params_non_embedding=N gives it "
        "to "
        "every run)");
  }
  // Steps times batch is what tokens are, not an estimate of them.
  if (!run->tokens && run->steps && run->batch_size_tokens)
    run->tokens = *run->steps * *run->batch_size_tokens;
  if (!needs_scale) {
    // Likewise.
  } else if (!run->tokens && run->steps) {
    add("tokens is missing, and so is batch_size_tokens, which times steps it is (--set "
        "batch_size_tokens=N)");
  } else if (!run->tokens) {
    add("tokens is missing, and so is steps or batch_size_tokens, whose product it is (--set tokens=N)");
  }
  if (!wrong.empty()) return wrong;
  if (run->run_id.empty()) run->run_id = DerivedRunId(*run);
  if (run->loss && !std::isfinite(*run->loss)) {
    run->state = ImportedState::kDiverged;
  } else if (run->state == ImportedState::kUnspecified && run->loss) {
    run->state = ImportedState::kFinished;
  }
  return {};
}

}  // namespace sextant::importers
