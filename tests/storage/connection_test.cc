// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sql/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cerrno>
#include <cmath>

#include "storage/sqlite/sql/error.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage::sqlite {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    connection_ = *Connection::Open(folder_.File("t.db"), OpenMode::kCreate);
    EXPECT_TRUE(connection_->Execute("CREATE TABLE t (x REAL) STRICT").ok());
  }
  absl::Status Insert(double x) {
    auto statement = connection_->Prepare("INSERT INTO t VALUES (?)");
    return statement->Next(x).Run();
  }
  std::int64_t Count() {
    auto statement = connection_->Prepare("SELECT count(*) FROM t");
    EXPECT_TRUE(*statement->Step());
    return statement->Int(0);
  }
  TempFolder folder_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace

TEST_F(ConnectionTest, KeepsNaNAsNullAndInfinityAsItIs) {
  ASSERT_TRUE(Insert(std::nan("")).ok());
  ASSERT_TRUE(Insert(-INFINITY).ok());
  auto statement = connection_->Prepare("SELECT x, x IS NULL FROM t ORDER BY rowid");
  ASSERT_TRUE(*statement->Step());
  EXPECT_TRUE(std::isnan(statement->Real(0)));
  EXPECT_EQ(statement->Int(1), 1);
  ASSERT_TRUE(*statement->Step());
  EXPECT_EQ(statement->Real(0), -INFINITY);
}

TEST_F(ConnectionTest, ReusesAStatementOnlyWhenItIsFree) {
  constexpr char kSql[] = "SELECT ?";
  auto first = connection_->Prepare(kSql);
  auto second = connection_->Prepare(kSql);
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE(*first->Next(std::int64_t{1}).Step());
  ASSERT_TRUE(*second->Next(std::int64_t{2}).Step());
  EXPECT_EQ(first->Int(0), 1);
  EXPECT_EQ(second->Int(0), 2);
}

TEST_F(ConnectionTest, ReportsBadSqlAndBadBinds) {
  EXPECT_EQ(connection_->PrepareOnce("SELECT FROM nowhere").status().code(), absl::StatusCode::kInternal);
  auto statement = connection_->PrepareOnce("SELECT 1");
  statement->Next(std::int64_t{5});
  EXPECT_FALSE(statement->Step().ok());
}

TEST_F(ConnectionTest, RollsBackWhatIsNotCommitted) {
  {
    auto transaction = ScopedTransaction::Begin(*connection_, ScopedTransaction::Kind::kWrite);
    ASSERT_TRUE(Insert(1).ok());
  }
  EXPECT_EQ(Count(), 0);
  {
    auto outer = ScopedTransaction::Begin(*connection_, ScopedTransaction::Kind::kWrite);
    ASSERT_TRUE(Insert(1).ok());
    {
      auto inner = ScopedTransaction::Begin(*connection_, ScopedTransaction::Kind::kWrite);
      ASSERT_TRUE(Insert(2).ok());
    }
    {
      auto inner = ScopedTransaction::Begin(*connection_, ScopedTransaction::Kind::kWrite);
      ASSERT_TRUE(Insert(3).ok());
      ASSERT_TRUE(inner->Commit().ok());
    }
    ASSERT_TRUE(outer->Commit().ok());
  }
  EXPECT_EQ(Count(), 2);
  EXPECT_FALSE(connection_->in_transaction());
}

TEST(ErrorStatus, NamesTheFileAndTheRemedy) {
  struct Case {
    int code, system_errno;
    absl::StatusCode expected;
    const char* says;
  };
  for (const Case& one :
       {Case{SQLITE_FULL, 0, absl::StatusCode::kResourceExhausted, "free space"},
        Case{SQLITE_IOERR_SHMSIZE, ENOSPC, absl::StatusCode::kResourceExhausted, "free space"},
        Case{SQLITE_CORRUPT_VTAB, 0, absl::StatusCode::kDataLoss, "backup"},
        Case{SQLITE_NOTADB, 0, absl::StatusCode::kFailedPrecondition, "another file"},
        Case{SQLITE_BUSY_SNAPSHOT, 0, absl::StatusCode::kUnavailable, "retry"},
        Case{SQLITE_READONLY, 0, absl::StatusCode::kFailedPrecondition, "writable"},
        Case{SQLITE_CANTOPEN, ENOENT, absl::StatusCode::kNotFound, "no such file"},
        Case{SQLITE_CANTOPEN, EACCES, absl::StatusCode::kPermissionDenied, "mode"},
        Case{SQLITE_IOERR_READ, EIO, absl::StatusCode::kDataLoss, "disk"},
        Case{SQLITE_CONSTRAINT_UNIQUE, 0, absl::StatusCode::kAlreadyExists, ""}}) {
    const absl::Status status = StatusFromCode(one.code, one.system_errno, "detail", "/data/store.db");
    EXPECT_EQ(status.code(), one.expected) << one.code;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(one.says));
    if (one.says[0] != '\0') {
      EXPECT_THAT(std::string(status.message()), testing::HasSubstr("/data/store.db"));
    }
  }
}

TEST(ReadLimit, StopsLongStatementsOrOnlyNoticesThem) {
  TempFolder folder;
  auto connection = Connection::Open(folder.File("a.db"), OpenMode::kCreate);
  ASSERT_TRUE(connection.ok()) << connection.status();
  const auto count_to = [&](int rows) {
    auto statement = (*connection)
                         ->PrepareOnce(absl::StrCat(
                             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ", rows,
                             ") SELECT count(*) FROM n"));
    return statement.ok() ? statement->Step().status() : statement.status();
  };
  {
    const auto limit = (*connection)->LimitReads(1000, /*stop=*/true);
    EXPECT_TRUE(count_to(10).ok());
    EXPECT_FALSE(limit->exceeded());
    EXPECT_TRUE(absl::IsCancelled(count_to(10000)));
    EXPECT_TRUE(limit->exceeded());
  }
  {
    const auto limit = (*connection)->LimitReads(1000, /*stop=*/false);
    EXPECT_TRUE(count_to(10000).ok());
    EXPECT_TRUE(limit->exceeded());
  }
  EXPECT_TRUE(count_to(10000).ok());
}

}  // namespace sextant::storage::sqlite
