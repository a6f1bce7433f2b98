// SPDX-License-Identifier: Apache-2.0
#include "server/convert/study.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/field_mask_util.h>

#include <set>

#include "server/convert/declared.h"
#include "server/convert/text.h"
#include "server/convert/times.h"
#include "server/limits.h"
#include "server/names.h"

namespace sextant::server {
namespace {

// The enums of the store and of the API have the same members in the same order.
static_assert(static_cast<int>(storage::ParamCount::kActive) == v1::ACTIVE);
static_assert(static_cast<int>(storage::LossUnit::kBitsPerToken) == v1::BITS_PER_TOKEN);

void CheckStudyText(const v1::Study& message, std::vector<FieldViolation>& violations) {
  CheckText("study.title", message.title(), kMaxTitleBytes, violations);
  CheckText("study.description", message.description(), kMaxDescriptionBytes, violations);
  CheckTextMap("study.labels", message.labels(), kMaxLabels, kMaxLabelKeyBytes, kMaxLabelValueBytes,
               violations);
}

}  // namespace

std::string StudyEtag(const storage::Study& study) {
  return absl::StrCat(study.create_time, "-", study.revision);
}

void StudyToProto(const storage::Study& study, v1::Study& message) {
  message.set_name(StudyName(study.id));
  message.set_title(study.title);
  message.set_description(study.description);
  message.set_param_count(static_cast<v1::ParamCount>(study.param_count));
  message.set_loss_unit(static_cast<v1::LossUnit>(study.loss_unit));
  for (const auto& [key, value] : study.labels) (*message.mutable_labels())[key] = value;
  DeclaredToProto(study.declared, message);
  SetTime(study.create_time, *message.mutable_create_time());
  SetTime(study.update_time, *message.mutable_update_time());
  message.set_etag(StudyEtag(study));
  message.set_run_count(static_cast<int>(study.run_count));
  message.set_fit_count(static_cast<int>(study.fit_count));
  message.set_read_only(study.id == kPublishedStudy);
}

absl::StatusOr<storage::Study> NewStudyFromProto(const v1::CreateStudyRequest& request) {
  std::vector<FieldViolation> violations;
  const v1::Study& message = request.study();
  if (!IsLabel(request.study_id())) violations.push_back({"study_id", kLabelRule});
  if (!message.name().empty()) violations.push_back({"study.name", "output only: set study_id instead"});
  CheckStudyText(message, violations);
  if (!v1::ParamCount_IsValid(message.param_count())) {
    violations.push_back({"study.param_count", absl::StrCat("unknown value ", message.param_count())});
  }
  if (!v1::LossUnit_IsValid(message.loss_unit())) {
    violations.push_back({"study.loss_unit", absl::StrCat("unknown value ", message.loss_unit())});
  }
  std::vector<storage::DeclaredColumn> declared = DeclaredFromProto(message, violations);
  if (!violations.empty()) return InvalidFields(violations);

  storage::Study study;
  study.declared = std::move(declared);
  study.id = request.study_id();
  study.title = message.title();
  study.description = message.description();
  if (message.param_count() != v1::PARAM_COUNT_UNSPECIFIED) {
    study.param_count = static_cast<storage::ParamCount>(message.param_count());
  }
  if (message.loss_unit() != v1::LOSS_UNIT_UNSPECIFIED) {
    study.loss_unit = static_cast<storage::LossUnit>(message.loss_unit());
  }
  study.labels.insert(message.labels().begin(), message.labels().end());
  return study;
}

absl::Status ApplyStudyUpdate(const v1::UpdateStudyRequest& request, storage::Study& study) {
  const v1::Study& message = request.study();
  std::vector<FieldViolation> violations;
  std::set<std::string> paths(request.update_mask().paths().begin(), request.update_mask().paths().end());
  if (paths.empty()) {
    if (!message.title().empty()) paths.insert("title");
    if (!message.description().empty()) paths.insert("description");
    if (!message.labels().empty()) paths.insert("labels");
    if (!message.variables().empty()) paths.insert("variables");
    if (!message.objectives().empty()) paths.insert("objectives");
  } else if (paths.count("*") > 0) {
    paths = {"title", "description", "labels", "variables", "objectives"};
  }
  for (const std::string& path : paths) {
    if (path == "title" || path == "description" || path == "labels") continue;
    if (path == "variables" || path == "objectives") continue;
    const bool known = google::protobuf::util::FieldMaskUtil::IsValidPath<v1::Study>(path);
    violations.push_back(
        {"update_mask", absl::StrCat("'", path, "' ", known ? "cannot change" : "is no field of a study",
                                     ": title, description and labels can, and variables and "
                                     "objectives can be added")});
  }
  CheckStudyText(message, violations);
  v1::Study declares;
  if (paths.count("variables") > 0) *declares.mutable_variables() = message.variables();
  if (paths.count("objectives") > 0) *declares.mutable_objectives() = message.objectives();
  AddDeclared(DeclaredFromProto(declares, violations), study.declared, violations);
  if (!violations.empty()) return InvalidFields(violations);

  if (paths.count("title") > 0) study.title = message.title();
  if (paths.count("description") > 0) study.description = message.description();
  if (paths.count("labels") > 0) study.labels = {message.labels().begin(), message.labels().end()};
  return absl::OkStatus();
}

std::string ParamCountText(storage::ParamCount count) {
  switch (count) {
    case storage::ParamCount::kTotal:
      return "total";
    case storage::ParamCount::kNonInputEmbedding:
      return "non-input-embedding";
    case storage::ParamCount::kActive:
      return "active";
    default:
      return "non-embedding";
  }
}

std::string LossUnitText(storage::LossUnit unit) {
  switch (unit) {
    case storage::LossUnit::kNatsPerByte:
      return "nats/byte";
    case storage::LossUnit::kBitsPerByte:
      return "bits/byte";
    case storage::LossUnit::kBitsPerToken:
      return "bits/token";
    default:
      return "nats/token";
  }
}

}  // namespace sextant::server
