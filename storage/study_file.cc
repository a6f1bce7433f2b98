#include "storage/study_file.h"

#include <absl/strings/str_cat.h>

#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "storage/sqlite/connection.h"
#include "storage/sqlite_store.h"

namespace sextant::storage {
namespace {

constexpr std::int64_t kRunsAtOnce = 200;
constexpr std::int64_t kFitsAtOnce = 20;

absl::Status CopyRuns(Store& from, const std::string& study_id, Store& to, const std::string& new_id) {
  RunQuery query;
  query.study_id = study_id;
  query.limit = kRunsAtOnce;
  do {
    auto page = from.ListRuns(query);
    if (!page.ok()) return page.status();
    std::vector<RunWithCurve> runs;
    for (Run& run : page->items) {
      auto curve = from.GetCurve(study_id, run.id);
      if (!curve.ok()) return curve.status();
      run.study_id = new_id;
      runs.push_back({std::move(run), *std::move(curve)});
    }
    auto outcomes = to.PutRuns(new_id, runs);
    if (!outcomes.ok()) return outcomes.status();
    query.after = page->next_key;
  } while (!query.after.empty());
  return absl::OkStatus();
}

// Collects the ids of the fits' laws in `law_ids`.
absl::Status CopyFits(Store& from, const std::string& study_id, Store& to, const std::string& new_id,
                      std::set<std::string>& law_ids) {
  std::string after;
  do {
    auto page = from.ListFits(study_id, kFitsAtOnce, after);
    if (!page.ok()) return page.status();
    for (Fit& fit : page->items) {
      fit.study_id = new_id;
      law_ids.insert(fit.law_id);
      if (absl::Status status = to.PutFit(fit); !status.ok()) return status;
    }
    after = page->next_key;
  } while (!after.empty());
  return absl::OkStatus();
}

absl::Status CopyLaws(Store& from, Store& to, const std::set<std::string>& law_ids) {
  auto laws = from.ListLaws();
  if (!laws.ok()) return laws.status();
  for (const UserLaw& law : *laws) {
    if (!law_ids.contains(law.id)) continue;
    absl::Status status = to.PutLaw(law);
    if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  }
  return absl::OkStatus();
}

// The copy as one plain file: out of WAL mode, without sidecars.
absl::Status Finish(const std::string& path) {
  auto connection = sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite);
  if (!connection.ok()) return connection.status();
  return (*connection)->Execute("PRAGMA journal_mode = DELETE");
}

void RemoveSidecars(const std::string& path) {
  std::error_code ignored;
  for (const char* suffix : {".lock", "-wal", "-shm"}) std::filesystem::remove(path + suffix, ignored);
}

}  // namespace

absl::Status CopyStudy(Store& from, const std::string& study_id, Store& to, const std::string& new_id) {
  auto study = from.GetStudy(study_id);
  if (!study.ok()) return study.status();
  if (!new_id.empty()) study->id = new_id;
  return to.Batch([&](Store& transaction) {
    absl::Status status = transaction.CreateStudy(*study);
    if (status.ok()) status = CopyRuns(from, study_id, transaction, study->id);
    std::set<std::string> law_ids;
    if (status.ok()) status = CopyFits(from, study_id, transaction, study->id, law_ids);
    if (status.ok()) status = CopyLaws(from, transaction, law_ids);
    return status;
  });
}

absl::Status ExportStudyFile(Store& from, const std::string& study_id, const std::string& path) {
  if (absl::Status status = from.GetStudy(study_id).status(); !status.ok()) return status;
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return absl::AlreadyExistsError(absl::StrCat(path, " exists already: an export goes to a new file"));
  }
  absl::Status status;
  {
    auto to = OpenSqliteStore(path);
    if (!to.ok()) return to.status();
    status = CopyStudy(from, study_id, **to);
  }
  if (status.ok()) status = Finish(path);
  RemoveSidecars(path);
  if (!status.ok()) std::filesystem::remove(path, error);
  return status;
}

absl::StatusOr<std::string> ImportStudyFile(const std::string& path, Store& to, const std::string& new_id) {
  SqliteOptions options;
  options.read_only = true;
  auto from = OpenSqliteStore(path, options);
  if (!from.ok()) return from.status();
  auto studies = (*from)->ListStudies(2, "");
  if (!studies.ok()) return studies.status();
  if (studies->items.size() != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, studies->items.empty() ? " holds no study" : " holds several studies",
                     ": import a file that `sextant studies export` wrote"));
  }
  const std::string& id = studies->items.front().id;
  if (absl::Status status = CopyStudy(**from, id, to, new_id); !status.ok()) return status;
  return new_id.empty() ? id : new_id;
}

}  // namespace sextant::storage
