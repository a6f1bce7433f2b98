// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/database/foreign_database.h"

#include <gmock/gmock.h>

#include "tests/clients/importers/import_fixture.h"
#include "tests/test_paths.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

class ForeignDatabaseTest : public ImportTest {
 protected:
  std::string Make(const std::string& sql) {
    const std::string path = folder_ + "/odd %23?name#.db";
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
    return path;
  }
  absl::Status Count(const std::string& path, const std::string& sql, int* rows) {
    auto database = ForeignDatabase::Open(path);
    if (!database.ok()) return database.status();
    return (*database)->Query(sql, [&](const DatabaseRow&) { return ++*rows < 1'000'000'000; });
  }
};

TEST_F(ForeignDatabaseTest, ReadsAndLeavesNothingBehind) {
  const std::string path = Make("CREATE TABLE t(a); INSERT INTO t VALUES (1), (2);");
  int rows = 0;
  EXPECT_TRUE(Count(path, "SELECT a FROM t", &rows).ok());
  EXPECT_EQ(rows, 2);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
  EXPECT_FALSE(Count(path, "INSERT INTO t VALUES (3)", &rows).ok());
}

TEST_F(ForeignDatabaseTest, RefusesAJournalAndAWriteAheadLog) {
  const std::string path = Make("CREATE TABLE t(a);");
  for (const char* suffix : {"-journal", "-wal"}) {
    std::ofstream(path + suffix) << "x";
    const auto opened = ForeignDatabase::Open(path);
    EXPECT_TRUE(absl::IsFailedPrecondition(opened.status()));
    EXPECT_THAT(std::string(opened.status().message()), HasSubstr("close the program that writes it"));
    fs::remove(path + suffix);
  }
  std::ofstream(path + "-wal").close();
  EXPECT_TRUE(ForeignDatabase::Open(path).ok()) << "an empty one holds nothing";
}

TEST_F(ForeignDatabaseTest, EndlessWorkIsStopped) {
  const std::string path = Make(
      "CREATE TABLE t(a); INSERT INTO t VALUES (1);"
      "CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;");
  int rows = 0;
  EXPECT_FALSE(Count(path, "SELECT * FROM v", &rows).ok()) << "views are off";
  const absl::Status counted = Count(
      path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n", &rows);
  EXPECT_THAT(std::string(counted.message()), HasSubstr("more work than a file of its size can need"));
}

TEST_F(ForeignDatabaseTest, DamageAndOtherFilesAreErrors) {
  const std::string golden =
      std::string(SEXTANT_SOURCE_DIR) + "/tests/clients/importers/golden/mlflow-sqlite/mlflow.db";
  std::string bytes;
  {
    std::ifstream file(golden, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  ASSERT_GT(bytes.size(), 2000u);
  for (std::size_t i = 600; i < bytes.size(); i += 3) bytes[i] = static_cast<char>(bytes[i] ^ 0x5A);
  EXPECT_FALSE(Import(Write("damaged.db", bytes)).ok());
  EXPECT_FALSE(Import(Write("cut.db", bytes.substr(0, 700))).ok());
  EXPECT_THAT(std::string(Import(Make("CREATE TABLE t(a);")).status().message()),
              HasSubstr("no known program"));
  EXPECT_TRUE(absl::IsFailedPrecondition(ForeignDatabase::Open("-").status()));
}

TEST_F(ForeignDatabaseTest, ADatabaseOfThatShapeWithOtherColumnsIsRefusedByName) {
  const std::string path = Make(
      "CREATE TABLE runs(a); CREATE TABLE metrics(a); CREATE TABLE params(a); CREATE TABLE experiments(a);");
  EXPECT_THAT(std::string(Import(path).status().message()), HasSubstr("no such column"));
}

TEST_F(ForeignDatabaseTest, AValueBeyondTheLimitCostsItsRunOnly) {
  Set("params_non_embedding=1e6");
  Set("tokens=1e9");
  const std::string path = Make(
      "CREATE TABLE experiments(experiment_id, name);"
      "CREATE TABLE runs(run_uuid, name, status, start_time, lifecycle_stage, experiment_id);"
      "CREATE TABLE metrics(key, value, timestamp, step, is_nan, run_uuid);"
      "CREATE TABLE params(key, value, run_uuid); CREATE TABLE tags(key, value, run_uuid);"
      "INSERT INTO runs VALUES ('a', '', 'FINISHED', 1, 'active', 0), ('b', '', 'FINISHED', 2, 'active', 0);"
      "INSERT INTO metrics VALUES ('loss', 3.5, 1, 10, 0, 'a'), ('loss', 3.25, 1, 10, 0, 'b');"
      "INSERT INTO params VALUES ('prompt', printf('%.2000000c', 'x'), 'a');");
  ASSERT_TRUE(Import(path).ok());
  ASSERT_EQ(sink_.rejects.size(), 1u);
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("run a: "));
  EXPECT_THAT(sink_.rejects[0].reason, HasSubstr("holds a value longer than 1048576 bytes"));
  ASSERT_EQ(sink_.runs.size(), 1u);
  EXPECT_EQ(sink_.runs[0].loss, 3.25);
}

}  // namespace
}  // namespace sextant::importers
