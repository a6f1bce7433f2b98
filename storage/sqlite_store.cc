#include "storage/sqlite_store.h"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "storage/sqlite/file_lock.h"
#include "storage/sqlite/reader_pool.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/session.h"

namespace sextant::storage {
namespace {

using sqlite::Connection;
using sqlite::OpenMode;
using sqlite::Session;

Micros SystemClock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Sends writes to the one writing session, reads to the pool.
class SqliteStore : public Store {
 public:
  SqliteStore(std::optional<sqlite::FileLock> lock, std::string path, std::unique_ptr<Session> writer,
              sqlite::ReaderPool::Open open_reader, int readers)
      : lock_(std::move(lock)),
        path_(std::move(path)),
        writer_(std::move(writer)),
        readers_(std::move(open_reader), readers) {}

  absl::Status CreateStudy(const Study& study) override {
    return Write([&] { return writer_->CreateStudy(study); });
  }
  absl::Status UpdateStudy(const Study& study, std::int64_t revision) override {
    return Write([&] { return writer_->UpdateStudy(study, revision); });
  }
  absl::Status DeleteStudy(const std::string& id) override {
    return Write([&] { return writer_->DeleteStudy(id); });
  }
  absl::StatusOr<std::vector<PutOutcome>> PutEncodedRuns(const std::string& study_id,
                                                         std::span<const EncodedRun> runs) override {
    return Write([&] { return writer_->PutEncodedRuns(study_id, runs); });
  }
  absl::Status DeleteRun(const std::string& study_id, const std::string& run_id) override {
    return Write([&] { return writer_->DeleteRun(study_id, run_id); });
  }
  absl::Status SetRunLabels(const std::string& study_id, const std::string& source,
                            std::span<const RunLabels> labels, LabelScope scope) override {
    return Write([&] { return writer_->SetRunLabels(study_id, source, labels, scope); });
  }
  absl::Status PutFit(const Fit& fit) override {
    return Write([&] { return writer_->PutFit(fit); });
  }
  absl::Status DeleteFit(const std::string& study_id, const std::string& fit_id) override {
    return Write([&] { return writer_->DeleteFit(study_id, fit_id); });
  }
  absl::Status PutLaw(const UserLaw& law) override {
    return Write([&] { return writer_->PutLaw(law); });
  }
  absl::Status DeleteLaw(const std::string& id) override {
    return Write([&] { return writer_->DeleteLaw(id); });
  }
  absl::Status PutUpload(const Upload& upload) override {
    return Write([&] { return writer_->PutUpload(upload); });
  }
  absl::Status PutRequest(const std::string& request_id, const std::string& body_digest,
                          const std::string& response) override {
    return Write([&] { return writer_->PutRequest(request_id, body_digest, response); });
  }
  absl::Status Batch(const std::function<absl::Status(Store&)>& work) override {
    return Write([&] { return writer_->Batch(work); });
  }

  absl::StatusOr<Study> GetStudy(const std::string& id) override {
    return Read([&](auto& reader) { return reader->GetStudy(id); });
  }
  absl::StatusOr<Page<Study>> ListStudies(std::int64_t limit, const std::string& after) override {
    return Read([&](auto& reader) { return reader->ListStudies(limit, after); });
  }
  absl::StatusOr<Run> GetRun(const std::string& study_id, const std::string& run_id) override {
    return Read([&](auto& reader) { return reader->GetRun(study_id, run_id); });
  }
  absl::StatusOr<Page<Run>> ListRuns(const RunQuery& query) override {
    return Read([&](auto& reader) { return reader->ListRuns(query); });
  }
  absl::StatusOr<Curve> GetCurve(const std::string& study_id, const std::string& run_id) override {
    return Read([&](auto& reader) { return reader->GetCurve(study_id, run_id); });
  }
  absl::StatusOr<Curve> GetCurvePart(const std::string& study_id, const std::string& run_id,
                                     std::int64_t from, std::int64_t count) override {
    return Read([&](auto& reader) { return reader->GetCurvePart(study_id, run_id, from, count); });
  }
  absl::StatusOr<fitting::RunTable> LoadRunTable(const std::string& study_id,
                                                 const std::vector<Condition>& where) override {
    return Read([&](auto& reader) { return reader->LoadRunTable(study_id, where); });
  }
  absl::StatusOr<Fit> GetFit(const std::string& study_id, const std::string& fit_id) override {
    return Read([&](auto& reader) { return reader->GetFit(study_id, fit_id); });
  }
  absl::StatusOr<Page<Fit>> ListFits(const std::string& study_id, std::int64_t limit,
                                     const std::string& after) override {
    return Read([&](auto& reader) { return reader->ListFits(study_id, limit, after); });
  }
  absl::StatusOr<std::vector<Fit>> LoadAllFits() override {
    return Read([&](auto& reader) { return reader->LoadAllFits(); });
  }
  absl::StatusOr<std::vector<UserLaw>> ListLaws() override {
    return Read([&](auto& reader) { return reader->ListLaws(); });
  }
  absl::StatusOr<Upload> GetUpload(const std::string& id) override {
    return Read([&](auto& reader) { return reader->GetUpload(id); });
  }
  absl::StatusOr<StoredRequest> GetRequest(const std::string& request_id) override {
    return Read([&](auto& reader) { return reader->GetRequest(request_id); });
  }

  absl::StatusOr<StudySize> GetStudySize(const std::string& id) override {
    return Read([&](auto& reader) { return reader->GetStudySize(id); });
  }

  absl::StatusOr<StoreHealth> GetHealth() override {
    return Read([&](auto& reader) { return reader->GetHealth(); });
  }
  absl::Status CheckIntegrity() override {
    return Read([&](auto& reader) { return reader->CheckIntegrity(); });
  }
  absl::Status BackUp(const std::string& path) override {
    return Read([&](auto& reader) { return reader->BackUp(path); });
  }
  absl::Status Checkpoint() override {
    return Write([&] { return writer_->Checkpoint(); });
  }

 private:
  template <typename Work>
  auto Write(Work work) -> decltype(work()) {
    if (writer_ == nullptr) {
      return absl::FailedPreconditionError(absl::StrCat(path_, " was opened read-only"));
    }
    return work();
  }
  template <typename Work>
  auto Read(Work work) -> decltype(work(std::declval<sqlite::ReaderPool::Lease&>())) {
    auto reader = readers_.Acquire();
    if (!reader.ok()) return reader.status();
    return work(*reader);
  }

  // Destroyed in reverse: readers, then the writer (whose closing checkpoints the log), then the lock.
  std::optional<sqlite::FileLock> lock_;
  const std::string path_;
  std::unique_ptr<Session> writer_;
  sqlite::ReaderPool readers_;
};

absl::StatusOr<std::string> CanonicalPath(const std::string& path, bool create) {
  if (path.empty()) return absl::InvalidArgumentError("the database path is empty");
  std::error_code error;
  // Made absolute first: a relative path to nothing yet stays relative, and then has no folder.
  const std::filesystem::path canonical =
      std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  if (error) return absl::FailedPreconditionError(absl::StrCat("cannot open ", path, ": ", error.message()));
  if (std::filesystem::is_directory(canonical, error)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is a directory, not a database file"));
  }
  if (std::filesystem::exists(canonical, error)) return canonical.string();
  if (!create) return absl::NotFoundError(absl::StrCat("no database file ", path));
  std::filesystem::create_directories(canonical.parent_path(), error);
  if (error) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot make the folder ", canonical.parent_path().string(), ": ", error.message()));
  }
  return canonical.string();
}

absl::StatusOr<std::unique_ptr<Session>> OpenWriter(const std::string& path, const SqliteOptions& options,
                                                    const Session::Clock& clock) {
  auto connection = Connection::Open(path, OpenMode::kCreate);
  if (!connection.ok()) return connection.status();
  // The page size counts only in a new file. 16 KiB pages hold several chunks each, 4 KiB pages few with
  // waste.
  const std::string settings = absl::StrCat(
      "PRAGMA page_size = 16384; PRAGMA foreign_keys = ON; PRAGMA secure_delete = OFF; PRAGMA synchronous = ",
      options.durability == Durability::kFull ? "FULL" : "NORMAL",
      "; PRAGMA cache_size = ", -(options.write_cache_bytes >> 10),
      "; PRAGMA busy_timeout = 10000; PRAGMA journal_size_limit = 67108864");
  if (absl::Status status = (*connection)->Execute(settings); !status.ok()) return status;
  // Refuse somebody else's file before changing its journal mode.
  auto version = sqlite::ReadSchemaVersion(**connection);
  if (!version.ok()) return version.status();
  if (absl::Status s = (*connection)->Execute("PRAGMA journal_mode = WAL"); !s.ok()) return s;
  if (absl::Status status = sqlite::Migrate(**connection); !status.ok()) return status;
  return std::make_unique<Session>(*std::move(connection), clock);
}

// A file in WAL mode without a log, in a folder where no sidecar can be made, is read as it stands.
absl::StatusOr<std::unique_ptr<Connection>> OpenForReading(const std::string& path) {
  auto connection = Connection::Open(path, OpenMode::kReadOnly);
  if (!connection.ok()) return connection.status();
  absl::Status status = (*connection)->Execute("SELECT count(*) FROM sqlite_schema");
  std::error_code error;
  const bool has_log = std::filesystem::exists(path + "-wal", error);
  const bool cannot_open =
      absl::IsNotFound(status) || absl::IsPermissionDenied(status) || absl::IsFailedPrecondition(status);
  if (cannot_open && !has_log) {
    auto immutable = Connection::Open(path, OpenMode::kImmutable);
    if (immutable.ok() && (*immutable)->Execute("SELECT count(*) FROM sqlite_schema").ok()) return immutable;
  }
  if (!status.ok()) return status;
  return connection;
}

absl::StatusOr<std::unique_ptr<Session>> OpenReader(const std::string& path, const Session::Clock& clock,
                                                    const sqlite::ListingAids& listing) {
  auto connection = OpenForReading(path);
  if (!connection.ok()) return connection.status();
  absl::Status status =
      (*connection)
          ->Execute("PRAGMA query_only = ON; PRAGMA cache_size = -8000; PRAGMA busy_timeout = 10000");
  if (!status.ok()) return status;
  return std::make_unique<Session>(*std::move(connection), clock, listing);
}

absl::Status CheckReadable(const std::string& path) {
  auto connection = OpenForReading(path);
  if (!connection.ok()) return connection.status();
  auto version = sqlite::ReadSchemaVersion(**connection);
  if (!version.ok()) return version.status();
  if (*version == sqlite::CurrentSchemaVersion()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, " has the older schema version ", *version,
                                                    ": open it once for writing to bring it up to date"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Store>> OpenSqliteStore(const std::string& path,
                                                       const SqliteOptions& options) {
  auto canonical = CanonicalPath(path, options.create && !options.read_only);
  if (!canonical.ok()) return canonical.status();
  const Session::Clock clock = options.clock ? options.clock : SystemClock;
  std::optional<sqlite::FileLock> lock;
  std::unique_ptr<Session> writer;
  if (options.read_only) {
    if (absl::Status status = CheckReadable(*canonical); !status.ok()) return status;
  } else {
    auto held = sqlite::FileLock::Acquire(*canonical);
    if (!held.ok()) return held.status();
    lock.emplace(*std::move(held));
    auto opened = OpenWriter(*canonical, options, clock);
    if (!opened.ok()) return opened.status();
    writer = *std::move(opened);
  }
  sqlite::ListingAids listing;
  if (options.column_cache_bytes > 0) {
    listing.columns = std::make_shared<sqlite::RunColumns>(options.column_cache_bytes);
    listing.steps_before_columns = options.scan_steps_before_columns;
  }
  auto open_reader = [file = *canonical, clock, listing] { return OpenReader(file, clock, listing); };
  return std::make_shared<SqliteStore>(std::move(lock), *canonical, std::move(writer), open_reader,
                                       std::max(options.reader_connections, 1));
}

}  // namespace sextant::storage
