// SPDX-License-Identifier: Apache-2.0
#include "server/service/read_fit.h"

#include <utility>

#include "base/status_macros.h"
#include "server/convert/fit.h"
#include "server/convert/law.h"
#include "server/error.h"
#include "server/names.h"

namespace sextant::server {

storage::Fit AsEnded(Core& core, storage::Fit fit) {
  if (fit.state != storage::FitState::kRunning) return fit;
  auto end = core.jobs.UnstoredEnd(FitName(fit.study_id, fit.id));
  return end.has_value() ? *std::move(end) : std::move(fit);
}

absl::Status ReadFit(Core& core, const std::string& name, v1::Fit& response) {
  const auto fit_name = ParseFitName(name);
  if (!fit_name) return InvalidField("name", "not of the form studies/STUDY/fits/FIT");
  if (fit_name->study == kPublishedStudy) {
    const auto laws = core.laws->Load();
    const auto found = laws->find(fit_name->id);
    if (found == laws->end() || !found->second.predictor) return MissingResource("fit", name);
    PublishedFitToProto(found->second.law->spec(), response);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto snapshot, core.Read());
  auto fit = snapshot->GetFit(fit_name->study, fit_name->id);
  if (!fit.ok()) return Annotate(fit.status(), "fit", name);
  FitToProto(AsEnded(core, *std::move(fit)), response);
  return absl::OkStatus();
}

}  // namespace sextant::server
