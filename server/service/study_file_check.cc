// SPDX-License-Identifier: Apache-2.0
#include "server/service/study_file_check.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <chrono>
#include <memory>

#include "server/error.h"
#include "server/names.h"
#include "server/service/study_check.h"
#include "server/status.h"
#include "storage/study_file.h"

namespace sextant::server {
namespace {

constexpr std::chrono::minutes kCheckPatience{5};  // the pages of tens of gigabytes

// What is wrong with the file that came, in words that do not name the server's copy of it; or with the
// server, when it cannot read that.
absl::Status WrongFile(const std::string& what, const absl::Status& status, const std::string& path) {
  if (!absl::IsFailedPrecondition(status) && !absl::IsDataLoss(status) && !absl::IsNotFound(status)) {
    return Annotate(status, "study", "studies");
  }
  const std::string message = absl::StrReplaceAll(status.message(), {{path, "the file"}});
  return InvalidField("data", absl::StrCat(what, message));
}

}  // namespace

absl::StatusOr<std::string> CheckStudyFile(const std::string& path, const std::string& new_id,
                                           const LawTable& laws, std::int64_t fit_bytes,
                                           const std::function<bool()>& given_up) {
  const absl::Status accepted = storage::AcceptForeignFile(path, {kCheckPatience, given_up});
  if (absl::IsCancelled(accepted)) return accepted;
  if (absl::IsDeadlineExceeded(accepted)) return InvalidField("data", std::string(accepted.message()));
  if (!accepted.ok()) return WrongFile("not a study that was exported: ", accepted, path);
  auto store = storage::OpenStudyFile(path);
  if (!store.ok()) return WrongFile("not a study that was exported: ", store.status(), path);
  if (absl::Status whole = (*store)->CheckIntegrity(); !whole.ok()) return WrongFile("", whole, path);
  auto snapshot = (*store)->Read();
  if (!snapshot.ok()) return WrongFile("", snapshot.status(), path);
  auto studies = (*snapshot)->ListStudies(2, "");
  if (!studies.ok()) return WrongFile("", studies.status(), path);
  if (studies->items.size() != 1) {
    return InvalidField("data",
                        absl::StrCat("holds ", studies->items.empty() ? "no study" : "several studies",
                                     ": an export holds one"));
  }
  const storage::Study& study = studies->items.front();
  const std::string id = new_id.empty() ? study.id : new_id;
  if (!IsLabel(id)) return InvalidField("data", "the id of the study in it is not allowed: give study_id");
  if (id == kPublishedStudy) return TakenResource("study", StudyName(id));
  if (absl::Status status = CheckStudy(**snapshot, study, id, laws, fit_bytes, given_up); !status.ok())
    return status;
  return id;
}

}  // namespace sextant::server
