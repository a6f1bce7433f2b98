// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "storage/open_store.h"
#include "storage/sqlite/file/schema.h"
#include "storage/sqlite/sql/connection.h"
#include "storage/study_file.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"
#include "tests/test_paths.h"

namespace sextant::storage {
namespace {

using sqlite::Connection;
using sqlite::OpenMode;
using testing::HasSubstr;

const ForeignFileLimits kPatient = {std::chrono::seconds(100), {}};

std::string Bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ForeignFileTest : public testing::Test {
 protected:
  // An export of version 0.1, which has an older schema.
  std::string Old() {
    const std::string path = folder_.File("old.db");
    std::filesystem::copy_file(std::filesystem::path(SEXTANT_SOURCE_DIR) / "tests/fixtures/v0.1/study.sqlite",
                               path, std::filesystem::copy_options::overwrite_existing);
    return path;
  }
  std::string OldWith(const std::string& sql) {
    std::string path = Old();
    auto connection = Connection::Open(path, OpenMode::kReadWrite);
    EXPECT_TRUE(connection.ok()) << connection.status();
    EXPECT_TRUE((*connection)->Execute(sql).ok()) << sql;
    return path;
  }
  static int VersionOf(const std::string& path) {
    auto connection = Connection::Open(path, OpenMode::kImmutable);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return connection.ok() ? *sqlite::ReadSchemaVersion(**connection) : -1;
  }

  TempFolder folder_;
};

}  // namespace

TEST_F(ForeignFileTest, AnExportIsAcceptedAsItIs) {
  auto store = OpenStore(folder_.File("store.db"));
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const std::string path = folder_.File("exported.db");
  ASSERT_TRUE(ExportStudyFile(*Read(**store), "s", path).ok());
  const std::string before = Bytes(path);
  const absl::Status status = AcceptForeignFile(path, kPatient);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(Bytes(path) == before) << "it was changed";
}

TEST_F(ForeignFileTest, AnOlderExportIsBroughtUpToDate) {
  const std::string path = Old();
  ASSERT_LT(VersionOf(path), sqlite::CurrentSchemaVersion());
  const absl::Status status = AcceptForeignFile(path, kPatient);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(VersionOf(path), sqlite::CurrentSchemaVersion());
  for (const char* sidecar : {"-wal", "-shm", "-journal"})
    EXPECT_FALSE(std::filesystem::exists(path + sidecar)) << sidecar;
  auto file = OpenStudyFile(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->CheckIntegrity().ok());
  EXPECT_EQ(Read(**file)->ListStudies(2, "")->items.front().run_count, 216);
}

// Nothing of it runs: it is refused before it is migrated, and is as it was.
TEST_F(ForeignFileTest, AnOlderFileWithOtherTablesIsNotTouched) {
  for (const char* sql :
       {"CREATE TABLE more (x)", "CREATE INDEX more ON runs (tokens)", "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER more AFTER UPDATE ON runs BEGIN DELETE FROM runs; END",
        "CREATE TABLE fit_optima (fit_key INTEGER PRIMARY KEY)",
        "ALTER TABLE runs ADD COLUMN slow INTEGER AS (length(hex(zeroblob(100000000)))) VIRTUAL",
        "CREATE VIRTUAL TABLE more USING fts5(x)", "PRAGMA user_version = 1", "DROP TABLE laws",
        "CREATE INDEX more ON runs (length(id))"}) {
    const std::string path = OldWith(sql);
    const std::string before = Bytes(path);
    const absl::Status status = AcceptForeignFile(path, kPatient);
    if (std::string(sql).starts_with("PRAGMA")) {
      // Versions 1 and 2 have the same tables: what differs are texts, which the import checks.
      EXPECT_TRUE(status.ok()) << sql << ": " << status;
      continue;
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << sql << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("tables")) << sql;
    EXPECT_TRUE(Bytes(path) == before) << sql << " was changed";
  }
}

TEST_F(ForeignFileTest, OtherFilesAreRefused) {
  const std::string path = folder_.File("x.db");
  std::ofstream(path) << "";
  EXPECT_EQ(AcceptForeignFile(path, kPatient).code(), absl::StatusCode::kFailedPrecondition);
  std::ofstream(path) << std::string(5000, 'x');
  EXPECT_FALSE(AcceptForeignFile(path, kPatient).ok());
  const std::string whole = Bytes(Old());
  std::ofstream(path, std::ios::binary) << whole.substr(0, whole.size() / 2);
  EXPECT_FALSE(AcceptForeignFile(path, kPatient).ok());
  EXPECT_FALSE(AcceptForeignFile(OldWith("PRAGMA user_version = 99"), kPatient).ok());
  EXPECT_FALSE(AcceptForeignFile(OldWith("PRAGMA application_id = 1"), kPatient).ok());
}

TEST_F(ForeignFileTest, TimeAndPatienceEndTheWork) {
  const std::string path = Old();
  EXPECT_EQ(AcceptForeignFile(path, {std::chrono::milliseconds(0), {}}).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(AcceptForeignFile(path, {std::chrono::seconds(100), [] { return true; }}).code(),
            absl::StatusCode::kCancelled);
  // Given up at any look, it is whole: as it was, or up to date.
  for (int looks = 1;; ++looks) {
    const std::string again = Old();
    int count = 0;
    const absl::Status status =
        AcceptForeignFile(again, {std::chrono::seconds(100), [&] { return ++count >= looks; }});
    if (status.ok()) break;
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
    const absl::Status later = AcceptForeignFile(again, kPatient);
    EXPECT_TRUE(later.ok()) << later;
  }
}

}  // namespace sextant::storage
