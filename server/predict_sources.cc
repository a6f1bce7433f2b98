// SPDX-License-Identifier: Apache-2.0
#include "server/predict_sources.h"

#include <absl/strings/str_cat.h>

#include "base/status_macros.h"
#include "server/error.h"
#include "server/limits.h"
#include "server/names.h"

namespace sextant::server {
namespace {

absl::Status AddLawGroup(const LawTable::Snapshot& laws, const std::string& id,
                         std::vector<PredictorGroup>& groups) {
  const auto found = laws.find(id);
  if (found == laws.end()) return MissingLaw(laws, id);
  if (!found->second.predictor) {
    return UnmetPrecondition("LAW_NOT_PUBLISHED", LawName(id),
                             absl::StrCat("law ", id, " has no published values: fit it to a study first"));
  }
  groups.push_back({found->second.predictor});
  return absl::OkStatus();
}

// It was left out when the server started, or when it ended.
absl::Status NoMemoryForFit(const std::string& name) {
  return QuotaExceeded("FIT_MEMORY_LIMIT", name,
                       absl::StrCat(name,
                                    " is stored, but not served: there was no memory left for its "
                                    "replicates. Delete fits, or start the server with a larger "
                                    "--fit-memory-mb"),
                       0);
}

// What may be missing for damage is not said to be missing.
absl::Status OrDamage(const ServedStudy& study, const std::string& name, const absl::Status& missing) {
  if (study.damage.empty()) return missing;
  return Annotate(absl::DataLossError(absl::StrCat("fits of the study cannot be read: ", study.damage)),
                  "fit", name);
}

}  // namespace

absl::Status AddStudyGroup(const FitTable::Snapshot& fits, const LawTable::Snapshot& laws,
                           const std::string& name, std::vector<PredictorGroup>& groups) {
  const auto id = ParseStudyName(name);
  if (!id) return InvalidField("studies", absl::StrCat("'", name, "' is not of the form studies/STUDY"));
  if (*id == kPublishedStudy) {
    for (const auto& [law_id, law] : laws) {
      if (law.predictor) groups.push_back({law.predictor});
    }
    return absl::OkStatus();
  }
  const auto found = fits.find(*id);
  if (found == fits.end()) return MissingResource("study", name);
  if (!found->second->left_out.empty()) return NoMemoryForFit(FitName(*id, found->second->left_out));
  if (found->second->current.empty()) {
    return OrDamage(*found->second, name,
                    UnmetPrecondition("FIT_NOT_READY", name,
                                      absl::StrCat(name, " has no finished fit; create one first")));
  }
  groups.push_back(found->second->current);
  return absl::OkStatus();
}

absl::Status AddFitGroup(const FitTable::Snapshot& fits, const LawTable::Snapshot& laws,
                         const std::string& name, std::vector<PredictorGroup>& groups) {
  const auto fit = ParseFitName(name);
  if (!fit)
    return InvalidField("fits", absl::StrCat("'", name, "' is not of the form studies/STUDY/fits/FIT"));
  if (fit->study == kPublishedStudy) return AddLawGroup(laws, fit->id, groups);
  const auto study = fits.find(fit->study);
  if (study == fits.end()) return MissingResource("study", StudyName(fit->study));
  const auto found = study->second->fits.find(fit->id);
  if (found == study->second->fits.end()) {
    return OrDamage(*study->second, name, MissingResource("fit", name));
  }
  const ServedFit& served = found->second;
  if (served.left_out) return NoMemoryForFit(name);
  if (!served.predictor) {
    return UnmetPrecondition("FIT_NOT_READY", name,
                             served.state == storage::FitState::kRunning
                                 ? absl::StrCat(name, " still runs; watch it until it has ended")
                                 : absl::StrCat(name, " has no result: ", served.error));
  }
  groups.push_back({served.predictor});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PredictorGroup>> ChooseSources(const Names& studies, const Names& fits_named,
                                                          const Names& laws_named,
                                                          const FitTable::Snapshot& fits,
                                                          const LawTable::Snapshot& laws) {
  const int sources = studies.size() + fits_named.size() + laws_named.size();
  if (sources > kMaxPredictSources) {
    return InvalidField("studies", absl::StrCat("studies, fits and laws are ", sources, " together; at most ",
                                                kMaxPredictSources, " are answered at a time"));
  }
  std::vector<PredictorGroup> groups;
  if (sources == 0) {
    RETURN_IF_ERROR(AddStudyGroup(fits, laws, StudyName(kPublishedStudy), groups));
  }
  for (const std::string& name : studies) {
    RETURN_IF_ERROR(AddStudyGroup(fits, laws, name, groups));
  }
  for (const std::string& name : fits_named) {
    RETURN_IF_ERROR(AddFitGroup(fits, laws, name, groups));
  }
  for (const std::string& name : laws_named) {
    const auto id = ParseLawName(name);
    RETURN_IF_ERROR(AddLawGroup(laws, id ? *id : name, groups));
  }
  return groups;
}

}  // namespace sextant::server
