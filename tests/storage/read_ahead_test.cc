// SPDX-License-Identifier: Apache-2.0
// Columns that are read before anybody asks for them, and when.
#include "storage/relational/columns/read_ahead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "storage/relational/quiet_task.h"
#include "storage/sqlite/sql/declared_function.h"
#include "storage/sqlite/sqlite_store.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage::relational {
namespace {

class ReadAheadTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = OpenSqliteStore(folder_.File("a.db")).value();
    ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
    connection_ = sqlite::Connection::Open(folder_.File("a.db"), sqlite::OpenMode::kReadOnly).value();
    ASSERT_TRUE(sqlite::AddDeclaredFunction(*connection_).ok());
  }
  void Put(int first, int count) {
    std::vector<RunWithCurve> runs;
    for (int i = first; i < first + count; ++i) {
      runs.push_back({SampleRun("s", i), {}});
      runs.back().run.tags = {{"sweep", i % 2 == 0 ? "even" : "odd"}};
    }
    ASSERT_TRUE(Write(*store_, &Transaction::PutRuns, "s", runs).ok());
  }
  void ReadAhead() {
    const absl::Status read = ReadColumnsAhead(*connection_, columns_);
    ASSERT_TRUE(read.ok()) << read;
  }
  bool Has(const std::set<ColumnName>& names) {
    return *columns_.Find(*connection_, Study().key, names) != nullptr;
  }
  StudyKey Study() { return FindStudy(*connection_, "s").value(); }

  const std::set<ColumnName> loss_ = {{ColumnName::Kind::kField, "loss"}};
  TempFolder folder_;
  std::shared_ptr<Store> store_;
  std::unique_ptr<sqlite::Connection> connection_;
  RunColumns columns_{64 << 20};
};

TEST_F(ReadAheadTest, ReadsWhatFiltersMayNameOfALargeStudy) {
  Put(0, 5000);
  ReadAhead();
  EXPECT_TRUE(Has({{ColumnName::Kind::kField, "loss"},
                   {ColumnName::Kind::kField, "state"},
                   {ColumnName::Kind::kField, "schedule"},
                   {ColumnName::Kind::kLabels, ""},
                   {ColumnName::Kind::kTag, "sweep"}}));
  EXPECT_FALSE(Has({{ColumnName::Kind::kTag, "unheard-of"}}));
}

TEST_F(ReadAheadTest, LeavesSmallStudiesToTheirScans) {
  Put(0, 4999);
  ReadAhead();
  EXPECT_FALSE(Has(loss_));
}

TEST_F(ReadAheadTest, FollowsSmallChangesOnlyWhileListingsCome) {
  Put(0, 5000);
  ReadAhead();
  Put(5000, 1);
  ReadAhead();
  EXPECT_FALSE(Has(loss_)) << "nobody listed the study since";
  columns_.NoteListing(Study().key);
  ReadAhead();
  EXPECT_TRUE(Has(loss_));
}

TEST_F(ReadAheadTest, FollowsAGrownStudyUnasked) {
  Put(0, 5000);
  ReadAhead();
  Put(5000, 1250);
  ReadAhead();
  EXPECT_TRUE(Has(loss_));
}

TEST_F(ReadAheadTest, ReadsNothingThatDoesNotFit) {
  RunColumns few(1000);
  Put(0, 5000);
  ASSERT_TRUE(ReadColumnsAhead(*connection_, few).ok());
  EXPECT_EQ(*few.Find(*connection_, Study().key, loss_), nullptr);
}

TEST(QuietTask, RunsAfterAPoke) {
  std::mutex mutex;
  std::condition_variable ran;
  int times = 0;
  QuietTask task(std::chrono::milliseconds(1), [&] {
    const std::lock_guard lock(mutex);
    ++times;
    ran.notify_one();
  });
  task.Poke();
  std::unique_lock lock(mutex);
  EXPECT_TRUE(ran.wait_for(lock, std::chrono::seconds(60), [&] { return times > 0; }));
}

TEST(QuietTask, StopsWithoutRunningWhatWaits) {
  std::atomic<int> times{0};
  {
    QuietTask task(std::chrono::hours(1), [&] { ++times; });
    task.Poke();
  }
  EXPECT_EQ(times, 0);
}

}  // namespace
}  // namespace sextant::storage::relational
