// SPDX-License-Identifier: Apache-2.0
#include "storage/study_file.h"

#include <absl/strings/str_cat.h>

#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "storage/open_store.h"
#include "storage/sqlite/sql/connection.h"

namespace sextant::storage {
namespace {

constexpr std::int64_t kRunsAtOnce = 200;
constexpr std::int64_t kFitsAtOnce = 20;
constexpr std::int64_t kForecastsAtOnce = 1000;

// A study's file is SQLite's, whatever engine serves the study.
std::string UrlOfFile(const std::string& path) { return absl::StrCat("sqlite:", path); }

absl::Status CopyRuns(Snapshot& from, const std::string& study_id, Transaction& to,
                      const std::string& new_id) {
  RunQuery query;
  query.study_id = study_id;
  query.limit = kRunsAtOnce;
  do {
    ASSIGN_OR_RETURN(auto page, from.ListRuns(query));
    std::vector<RunWithCurve> runs;
    for (Run& run : page.items) {
      ASSIGN_OR_RETURN(auto curve, from.GetCurve(study_id, run.id));
      run.study_id = new_id;
      runs.push_back({std::move(run), std::move(curve)});
    }
    RETURN_IF_ERROR(to.PutRuns(new_id, runs).status());
    query.after = page.next_key;
  } while (!query.after.empty());
  return absl::OkStatus();
}

// Collects the ids of the fits' laws in `law_ids`.
absl::Status CopyFits(Snapshot& from, const std::string& study_id, Transaction& to, const std::string& new_id,
                      std::set<std::string>& law_ids) {
  std::string after;
  do {
    ASSIGN_OR_RETURN(auto page, from.ListFits(study_id, kFitsAtOnce, after));
    for (Fit& fit : page.items) {
      fit.study_id = new_id;
      law_ids.insert(fit.law_id);
      RETURN_IF_ERROR(to.PutFit(fit));
    }
    after = page.next_key;
  } while (!after.empty());
  return absl::OkStatus();
}

absl::Status CopyForecasts(Snapshot& from, const std::string& study_id, Transaction& to,
                           const std::string& new_id) {
  std::string after;
  do {
    ASSIGN_OR_RETURN(auto page, from.ListForecasts(study_id, kForecastsAtOnce, after));
    for (Forecast& forecast : page.items) {
      forecast.study_id = new_id;  // which the seal is not of
      RETURN_IF_ERROR(to.PutForecast(forecast));
    }
    after = page.next_key;
  } while (!after.empty());
  return absl::OkStatus();
}

absl::Status CopyLaws(Snapshot& from, Transaction& to, const std::set<std::string>& law_ids) {
  ASSIGN_OR_RETURN(auto laws, from.ListLaws());
  for (const UserLaw& law : laws) {
    if (!law_ids.contains(law.id)) continue;
    absl::Status status = to.PutLaw(law);
    if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  }
  return absl::OkStatus();
}

// The copy as one plain file: out of WAL mode, without sidecars.
absl::Status Finish(const std::string& path) {
  ASSIGN_OR_RETURN(auto connection, sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite));
  return connection->Execute("PRAGMA journal_mode = DELETE");
}

void RemoveSidecars(const std::string& path) {
  std::error_code ignored;
  for (const char* suffix : {".lock", "-wal", "-shm"}) std::filesystem::remove(path + suffix, ignored);
}

}  // namespace

absl::Status CopyStudy(Snapshot& from, const std::string& study_id, Transaction& to,
                       const std::string& new_id) {
  ASSIGN_OR_RETURN(auto study, from.GetStudy(study_id));
  if (!new_id.empty()) study.id = new_id;
  return to.Nested([&](Transaction& transaction) {
    absl::Status status = transaction.CreateStudy(study);
    if (status.ok()) status = CopyRuns(from, study_id, transaction, study.id);
    std::set<std::string> law_ids;
    if (status.ok()) status = CopyFits(from, study_id, transaction, study.id, law_ids);
    if (status.ok()) status = CopyForecasts(from, study_id, transaction, study.id);
    if (status.ok()) status = CopyLaws(from, transaction, law_ids);
    return status;
  });
}

absl::Status ExportStudyFile(Snapshot& from, const std::string& study_id, const std::string& path) {
  RETURN_IF_ERROR(from.GetStudy(study_id).status());
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return absl::AlreadyExistsError(absl::StrCat(path, " exists already: an export goes to a new file"));
  }
  absl::Status status;
  {
    ASSIGN_OR_RETURN(auto to, OpenStore(UrlOfFile(path)));
    status = to->Write([&](Transaction& transaction) { return CopyStudy(from, study_id, transaction); });
  }
  if (status.ok()) status = Finish(path);
  RemoveSidecars(path);
  if (!status.ok()) std::filesystem::remove(path, error);
  return status;
}

absl::StatusOr<std::shared_ptr<Store>> OpenStudyFile(const std::string& path) {
  StoreOptions options;
  options.read_only = true;
  return OpenStore(UrlOfFile(path), options);
}

absl::StatusOr<std::string> ImportStudyFile(const std::string& path, Transaction& to,
                                            const std::string& new_id) {
  ASSIGN_OR_RETURN(auto file, OpenStudyFile(path));
  ASSIGN_OR_RETURN(auto from, file->Read());
  auto studies = from->ListStudies(2, "");
  if (!studies.ok()) return studies.status();
  if (studies->items.size() != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, studies->items.empty() ? " holds no study" : " holds several studies",
                     ": import a file that `sextant studies export` wrote"));
  }
  const std::string& id = studies->items.front().id;
  RETURN_IF_ERROR(CopyStudy(*from, id, to, new_id));
  return new_id.empty() ? id : new_id;
}

}  // namespace sextant::storage
