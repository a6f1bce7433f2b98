// SPDX-License-Identifier: Apache-2.0
// What happens to a database's files behind the store's back: taken away, put back, cut short, left over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "storage/fault.h"
#include "storage/sqlite/sql/connection.h"
#include "storage/sqlite/sqlite_store.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr auto kReplace = fs::copy_options::overwrite_existing;

class OpenFileTest : public testing::Test {
 protected:
  OpenFileTest() : path_(folder_.File("store.db")) {
    Open();
    EXPECT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(Put(i).ok());
  }
  void Open() {
    auto store = OpenSqliteStore(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  absl::Status Put(int index) {
    const RunWithCurve run = {SampleRun("s", index), {}};
    return Write(*store_, &Transaction::PutRuns, "s", std::span(&run, 1)).status();
  }
  // As after kill -9: the files as they are while the store is open.
  std::string Crashed(bool with_log) {
    const std::string copy = folder_.File("crashed.db");
    for (const char* suffix : {"", ".lock"}) fs::copy_file(path_ + suffix, copy + suffix, kReplace);
    if (with_log) fs::copy_file(path_ + "-wal", copy + "-wal", kReplace);
    return copy;
  }
  static std::int64_t RunsIn(const std::string& path) {
    auto store = OpenSqliteStore(path);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? Read(**store)->GetStudy("s")->run_count : -1;
  }
  void ExpectRefusesWrites(const std::string& words) {
    const absl::Status status = Put(100);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(FaultOf(status), kFaultReplaced);
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    EXPECT_EQ(store_->CheckIntegrity().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 5) << "what is open is still read";
  }

  TempFolder folder_;
  std::string path_;
  std::shared_ptr<Store> store_;
};

TEST_F(OpenFileTest, ARemovedFileTakesNoWritesAndCanBeSaved) {
  fs::remove(path_);
  ExpectRefusesWrites("was removed");
  ASSERT_TRUE(store_->BackUp(folder_.File("saved.db")).ok());
  EXPECT_EQ(RunsIn(folder_.File("saved.db")), 5);
}

// The sidecar says who holds the database; a byte of the database itself is what keeps others out.
TEST_F(OpenFileTest, ARemovedLockLetsNobodyIn) {
  // Another process, from before the file was opened: it has inherited nothing.
  const std::string fresh = folder_.File("fresh.db");
  int go[2] = {-1, -1};
  ASSERT_EQ(pipe(go), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    close(go[1]);
    if (read(go[0], &byte, 1) != 1) _exit(2);
    _exit(OpenSqliteStore(fresh).status().code() == absl::StatusCode::kFailedPrecondition ? 0 : 1);
  }
  close(go[0]);
  {
    auto store = OpenSqliteStore(fresh);
    ASSERT_TRUE(store.ok()) << store.status();
    fs::remove(fresh + ".lock");
    const absl::Status again = OpenSqliteStore(fresh).status();  // in this process
    EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition) << again;
    EXPECT_THAT(std::string(again.message()), HasSubstr("in use by this process"));
    ASSERT_EQ(write(go[1], "x", 1), 1);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    EXPECT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  }
  close(go[1]);
  EXPECT_TRUE(OpenSqliteStore(fresh).ok());
}

TEST_F(OpenFileTest, ARenamedFileHasEverythingAndTakesWritesAgainInItsPlace) {
  fs::rename(path_, folder_.File("other.db"));
  ExpectRefusesWrites("renamed");
  fs::rename(folder_.File("other.db"), path_);
  EXPECT_TRUE(Put(5).ok());
  fs::rename(path_, folder_.File("other.db"));
  EXPECT_FALSE(store_->Checkpoint().ok()) << "whoever stops it is told";
  store_.reset();
  EXPECT_EQ(RunsIn(folder_.File("other.db")), 6);
}

TEST_F(OpenFileTest, AFilePutInItsPlaceIsNeitherWrittenNorRead) {
  ASSERT_TRUE(store_->BackUp(folder_.File("old.db")).ok());
  ASSERT_TRUE(Put(5).ok());
  fs::rename(folder_.File("old.db"), path_);
  EXPECT_EQ(FaultOf(Put(6)), kFaultReplaced);
  EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 6);
}

TEST_F(OpenFileTest, AFileCutShortWhileOpenTakesNoWrites) {
  ASSERT_TRUE(store_->Checkpoint().ok());
  ASSERT_TRUE(Put(5).ok());
  fs::resize_file(path_, fs::file_size(path_) / 2);
  const absl::Status status = Put(6);
  EXPECT_EQ(FaultOf(status), kFaultReplaced) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("cut short"));
}

TEST_F(OpenFileTest, ARemovedLogIsFoldedInBeforeItIsLost) {
  fs::remove(path_ + "-wal");
  ExpectRefusesWrites("-wal was removed");
  EXPECT_EQ(RunsIn(Crashed(false)), 5) << "also when the process is killed now";
}

TEST_F(OpenFileTest, AfterACrashTheLogCounts) { EXPECT_EQ(RunsIn(Crashed(true)), 5); }

TEST_F(OpenFileTest, ALogThatIsGoneAfterACrashIsMissed) {
  const std::string crashed = Crashed(false);
  const absl::Status status = OpenSqliteStore(crashed).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("crashed.db-wal"));
  EXPECT_EQ(OpenSqliteStore(crashed).status().code(), absl::StatusCode::kDataLoss) << "and goes on to be";
  fs::copy_file(path_ + "-wal", crashed + "-wal");
  EXPECT_EQ(RunsIn(crashed), 5) << "put back, it counts";
}

TEST_F(OpenFileTest, AFileThatWasClosedInOrderMissesNoLog) {
  store_.reset();
  EXPECT_FALSE(fs::exists(path_ + "-wal"));
  EXPECT_EQ(RunsIn(path_), 5);
  EXPECT_EQ(RunsIn(path_), 5);
}

TEST_F(OpenFileTest, ABackupIsNotMixedWithTheLogOfTheFileBeforeIt) {
  ASSERT_TRUE(store_->BackUp(folder_.File("backup.db")).ok());
  ASSERT_TRUE(Put(5).ok());
  const std::string crashed = Crashed(true);
  fs::copy_file(folder_.File("backup.db"), crashed, kReplace);
  SqliteOptions reading;
  reading.read_only = true;
  for (const SqliteOptions& options : {SqliteOptions(), reading}) {
    const absl::Status status = OpenSqliteStore(crashed, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("Remove " + crashed + "-wal"));
  }
  fs::remove(crashed + "-wal");
  EXPECT_EQ(RunsIn(crashed), 5);
}

TEST_F(OpenFileTest, ALogWithoutItsFileIsNotThrownAway) {
  const std::string crashed = Crashed(true);
  fs::remove(crashed);
  EXPECT_EQ(OpenSqliteStore(crashed).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_GT(fs::file_size(crashed + "-wal"), 0u);
}

TEST_F(OpenFileTest, ALastPageCutShortIsDamage) {
  store_.reset();
  fs::resize_file(path_, fs::file_size(path_) - 1);
  Open();
  const absl::Status status = store_->CheckIntegrity();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cut short"));
}

TEST_F(OpenFileTest, APipeIsNoDatabaseAndGetsNoFilesBesideIt) {
  const std::string pipe = folder_.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const absl::Status status = OpenSqliteStore(pipe).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not a database file"));
  EXPECT_FALSE(fs::exists(pipe + ".lock"));
}

TEST_F(OpenFileTest, ALimitOnFileSizesIsAFullDisk) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{600'000, 600'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    absl::Status status;
    for (int i = 5; i < 500 && status.ok(); ++i) status = Put(i);
    const bool said =
        absl::IsResourceExhausted(status) && status.message().find("ulimit -f") != std::string::npos;
    if (!said) std::fprintf(stderr, "%s\n", status.ToString().c_str());
    _exit(said ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(OpenFileTest, ADeletedStudyLeavesNoCounter) {
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(Write(*store_, &Transaction::DeleteStudy, "s").ok());
    ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
    ASSERT_TRUE(Put(round).ok());
    RunQuery query;
    query.study_id = "s";
    query.limit = 10;
    auto page = Read(*store_)->ListRuns(query);
    ASSERT_TRUE(page.ok());
    ASSERT_EQ(page->items.size(), 1u);
    EXPECT_EQ(page->items[0].id, SampleRun("s", round).id) << "nothing of the study before is listed";
  }
  ASSERT_TRUE(Write(*store_, &Transaction::DeleteStudy, "s").ok());
  store_.reset();
  auto connection = sqlite::Connection::Open(path_, sqlite::OpenMode::kReadOnly);
  ASSERT_TRUE(connection.ok());
  auto rows = (*connection)->Prepare("SELECT count(*) FROM counters WHERE name LIKE 'run_changes/%'");
  ASSERT_TRUE(rows.ok() && rows->Step().ok());
  EXPECT_EQ(rows->Int(0), 0);
}

}  // namespace
}  // namespace sextant::storage
