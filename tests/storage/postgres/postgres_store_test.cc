// SPDX-License-Identifier: Apache-2.0
// The store's suite against PostgreSQL, and what is this engine's own.
#include "storage/postgres/postgres_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "storage/open_store.h"
#include "storage/postgres/ledger.h"
#include "storage/postgres/schema/schema.h"
#include "storage/postgres/sql/prepared_statement.h"
#include "storage/study_file.h"
#include "tests/storage/one_call.h"
#include "tests/storage/postgres/cluster.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/store_model.h"
#include "tests/storage/store_suite.h"

namespace sextant::storage {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

std::string PlaceOf(const std::string& url) { return url.substr(url.find(':') + 1); }

std::shared_ptr<Store> OpenEmpty(std::function<Micros()> clock, int scan_steps_before_columns) {
  PostgresOptions options;
  options.clock = std::move(clock);
  options.scan_steps_before_columns = scan_steps_before_columns;
  auto store = OpenPostgresStore(PlaceOf(PostgresCluster::Shared()->NewUrl()), options);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

std::vector<StoreFactory> Factories() {
  if (PostgresCluster::Shared() == nullptr) return {};
  return {{"postgres", [](const TempFolder&,
                          std::function<Micros()> clock) { return OpenEmpty(std::move(clock), 100'000); }},
          {"columns",
           [](const TempFolder&, std::function<Micros()> clock) { return OpenEmpty(std::move(clock), 0); }}};
}

class PostgresStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (PostgresCluster::Shared() == nullptr) {
      GTEST_SKIP() << "PostgreSQL is not installed: `./check` installs postgresql-15";
    }
    cluster_ = PostgresCluster::Shared();
    url_ = cluster_->NewUrl();
    schema_ = url_.substr(url_.rfind("%3D") + 3);
  }
  std::shared_ptr<Store> Open(const StoreOptions& options = {}) {
    auto store = OpenStore(url_, options);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  std::unique_ptr<postgres::Connection> Connect() {
    return *postgres::Connection::Open(*postgres::ParsePlace(PlaceOf(url_)), /*read_only=*/false);
  }
  std::string Ask(const std::string& sql) {
    return cluster_->Ask("SET search_path = " + schema_ + "; " + sql);
  }

  PostgresCluster* cluster_ = nullptr;
  std::string url_, schema_;
};

}  // namespace

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreSuite);
INSTANTIATE_TEST_SUITE_P(Postgres, StoreSuite, testing::ValuesIn(Factories()),
                         testing::PrintToStringParamName());

TEST(PostgresPlaceholders, BecomeNumbersOutsideOfQuotes) {
  EXPECT_EQ(postgres::NumberPlaceholders("SELECT ?, '?' || ?"), "SELECT $1, '?' || $2");
  EXPECT_EQ(postgres::NumberPlaceholders("SET a = ?2 WHERE b = ?1 OR \"?\" = ?12"),
            "SET a = $2 WHERE b = $1 OR \"?\" = $12");
}

TEST_F(PostgresStoreTest, RandomOperationsAgreeWithTheReference) {
  AgreesWithTheReference([&] { return OpenStore(url_); });
}

TEST_F(PostgresStoreTest, ListingsFromColumnsInMemoryAgreeWithTheReference) {
  PostgresOptions options;
  options.scan_steps_before_columns = 0;
  AgreesWithTheReference([&] { return OpenPostgresStore(PlaceOf(url_), options); });
}

TEST_F(PostgresStoreTest, ListingsThatTurnToColumnsAtTheSecondScanAgreeWithTheReference) {
  PostgresOptions options;
  options.scan_steps_before_columns = 1;
  AgreesWithTheReference([&] { return OpenPostgresStore(PlaceOf(url_), options); });
}

TEST_F(PostgresStoreTest, KeepsRecordsAcrossOpenings) {
  ASSERT_TRUE(Write(*Open(), &Transaction::CreateStudy, SampleStudy("s")).ok());
  const auto store = Open();
  EXPECT_EQ(Differences(SampleStudy("s"), *Read(*store)->GetStudy("s")), "");
  const auto health = store->GetHealth();
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_EQ(health->schema_version, postgres::CurrentSchemaVersion());
  EXPECT_GT(health->file_bytes, 0);
}

TEST_F(PostgresStoreTest, SaysWhatIsWrongWithAUrlAndNeverThePassword) {
  for (const char* url :
       {"postgresql:runs", "postgresql://u:secret word@h:x/d", "postgres://u:secret@h:5x/d"}) {
    const absl::Status status = OpenStore(url).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("secret")));
  }
  const absl::Status refused = OpenStore("postgresql://u:secret@127.0.0.1:1/d").status();
  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("u@127.0.0.1:1/d"));
  EXPECT_THAT(std::string(refused.message()), testing::Not(HasSubstr("secret")));
  const std::string other = url_.substr(0, url_.find("/postgres?")) + "/no-such-database";
  EXPECT_EQ(OpenStore(other).status().code(), StatusCode::kNotFound);
}

TEST_F(PostgresStoreTest, RefusesASecondWriterAndSaysWhatToDo) {
  auto first = Open();
  const absl::Status second = OpenStore(url_).status();
  EXPECT_EQ(second.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr("--server"));
  StoreOptions reading;
  reading.read_only = true;
  EXPECT_TRUE(OpenStore(url_, reading).ok());
  first.reset();
  EXPECT_TRUE(OpenStore(url_).ok());
}

TEST_F(PostgresStoreTest, TakesTheOptionsOfEveryEngine) {
  StoreOptions options;
  options.create = false;
  EXPECT_EQ(OpenStore(url_, options).status().code(), StatusCode::kNotFound);
  options.read_only = true;
  options.why_read_only = "it is Sunday";
  EXPECT_EQ(OpenStore(url_, options).status().code(), StatusCode::kNotFound);
  Open();
  const auto store = Open(options);
  const absl::Status status = Write(*store, &Transaction::CreateStudy, SampleStudy("s"));
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("it is Sunday"));
}

TEST_F(PostgresStoreTest, LeavesTablesOfOthersAndOfNewerVersionsAlone) {
  Ask("CREATE TABLE theirs (x int)");
  EXPECT_EQ(OpenStore(url_).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_tables WHERE schemaname = '" + schema_ + "'"), "1");
  Ask("DROP TABLE theirs");
  Open();
  Ask("INSERT INTO sextant_schema VALUES (1000)");
  const absl::Status newer = OpenStore(url_).status();
  EXPECT_EQ(newer.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(newer.message()), HasSubstr("newer Sextant"));
}

TEST_F(PostgresStoreTest, ProcessesThatStartTogetherMakeTheTablesOnce) {
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      if (!postgres::Migrate(*Connect(), /*create=*/true).ok()) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Ask("SELECT count(*) FROM sextant_schema"), std::to_string(postgres::Migrations().size()));
}

TEST_F(PostgresStoreTest, BringsOlderDatabasesUpToDate) {
  for (const postgres::Migration& from : postgres::Migrations()) {
    SCOPED_TRACE(from.version);
    url_ = cluster_->NewUrl();
    schema_ = url_.substr(url_.rfind("%3D") + 3);
    ASSERT_TRUE(postgres::MigrateTo(*Connect(), /*create=*/true, from.version).ok());
    EXPECT_EQ(*postgres::ReadSchemaVersion(*Connect()), from.version);
    Ask("INSERT INTO studies (study_key, id, title, description, param_count, loss_unit, labels, "
        "create_time, "
        "update_time, revision) VALUES (1, 'old', '', '', 1, 1, '{}', 1, 1, 1)");
    StoreOptions reading;
    reading.read_only = true;
    if (from.version < postgres::CurrentSchemaVersion()) {
      EXPECT_EQ(OpenStore(url_, reading).status().code(), StatusCode::kFailedPrecondition);
    }
    const auto store = Open();
    EXPECT_EQ(store->GetHealth()->schema_version, postgres::CurrentSchemaVersion());
    EXPECT_TRUE(Read(*store)->GetStudy("old").ok());
    EXPECT_TRUE(OpenStore(url_, reading).ok());
  }
}

TEST_F(PostgresStoreTest, AddsAQuantityThatANewBuildKnows) {
  Open();
  Ask("ALTER TABLE runs DROP COLUMN adam_beta2");
  const auto store = Open();
  ASSERT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const RunWithCurve run{SampleRun("s", 1), {}};
  ASSERT_TRUE(Write(*store, &Transaction::PutRuns, "s", std::span(&run, 1)).ok());
  EXPECT_EQ(Read(*store)->GetRun("s", run.run.id)->adam_beta2, run.run.adam_beta2);
}

TEST_F(PostgresStoreTest, GoesOnAfterTheServerHasCrashed) {
  const auto store = Open();
  ASSERT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("before")).ok());
  ASSERT_TRUE(Read(*store)->GetStudy("before").ok());
  const auto held = Read(*store);
  cluster_->Ask("CHECKPOINT");  // there is no fsync, and commits do not wait for the log
  cluster_->Crash();
  EXPECT_EQ(held->GetStudy("before").status().code(), StatusCode::kUnavailable) << "its state is gone";
  EXPECT_TRUE(Read(*store)->GetStudy("before").ok());
  const absl::Status after = Write(*store, &Transaction::CreateStudy, SampleStudy("after"));
  EXPECT_TRUE(after.ok()) << after;
  EXPECT_TRUE(Read(*store)->GetStudy("after").ok());
}

TEST_F(PostgresStoreTest, AWriteWhoseConnectionIsLostInBetweenKeepsNothing) {
  const auto store = Open();
  const absl::Status status = store->Write([&](Transaction& transaction) {
    EXPECT_TRUE(transaction.CreateStudy(SampleStudy("s")).ok());
    Ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'RELEASE%'");
    EXPECT_FALSE(transaction.CreateStudy(SampleStudy("t")).ok());
    EXPECT_EQ(transaction.CreateStudy(SampleStudy("u")).code(), StatusCode::kUnavailable)
        << "every further call says so";
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  EXPECT_EQ(Read(*store)->ListStudies(10, "")->items.size(), 0U);
  EXPECT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("v")).ok());
}

TEST_F(PostgresStoreTest, TheLedgerSaysWhatBecameOfACommit) {
  Open();
  const auto writer = Connect(), other = Connect();
  postgres::Ledger ledger;
  ASSERT_TRUE(writer->Execute(ledger.BeginNext(1)).ok());
  ASSERT_TRUE(writer->Execute("COMMIT").ok());
  EXPECT_TRUE(*ledger.Committed(*other));
  ASSERT_TRUE(writer->Execute(ledger.BeginNext(2)).ok());
  ASSERT_TRUE(writer->Execute("ROLLBACK").ok());
  EXPECT_FALSE(*ledger.Committed(*other));
  // One that is still on its way is waited for.
  ASSERT_TRUE(writer->Execute(ledger.BeginNext(3)).ok());
  std::thread commits([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_TRUE(writer->Execute("COMMIT").ok());
  });
  EXPECT_TRUE(*ledger.Committed(*other));
  commits.join();
}

TEST_F(PostgresStoreTest, ACommitOfAFailedTransactionIsNoCommit) {
  const auto connection = Connect();
  ASSERT_TRUE(connection->Execute("BEGIN").ok());
  EXPECT_FALSE(connection->Execute("SELECT 1 / 0").ok());
  EXPECT_EQ(connection->Execute("COMMIT").code(), StatusCode::kUnavailable);
}

TEST_F(PostgresStoreTest, ManyThreadsWriteAndRead) {
  const auto store = Open();
  ASSERT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  constexpr int kThreads = 4, kBatches = 10, kRunsPerBatch = 7;
  std::atomic<bool> written = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int b = 0; b < kBatches; ++b) {
        std::vector<RunWithCurve> runs;
        for (int i = 0; i < kRunsPerBatch; ++i) {
          runs.push_back({SampleRun("s", (t * kBatches + b) * kRunsPerBatch + i), SampleCurve(100, 1)});
        }
        EXPECT_TRUE(Write(*store, &Transaction::PutRuns, "s", runs).ok());
      }
    });
  }
  std::thread reader([&] {
    while (!written) {
      const auto snapshot = Read(*store);
      const auto table = snapshot->LoadRunTable("s", {});
      ASSERT_TRUE(table.ok()) << table.status();
      ASSERT_EQ(table->size() % kRunsPerBatch, 0U) << "whole batches";
      ASSERT_EQ(static_cast<std::int64_t>(table->size()), snapshot->GetStudySize("s")->runs);
    }
  });
  for (std::thread& thread : threads) thread.join();
  written = true;
  reader.join();
  EXPECT_EQ(Read(*store)->GetStudySize("s")->runs, kThreads * kBatches * kRunsPerBatch);
  EXPECT_TRUE(store->CheckIntegrity().ok()) << store->CheckIntegrity();
}

TEST_F(PostgresStoreTest, AStudyMovesBetweenEngines) {
  TempFolder folder;
  const auto store = Open();
  ASSERT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const RunWithCurve run{SampleRun("s", 1), SampleCurve(3000, 1)};
  ASSERT_TRUE(Write(*store, &Transaction::PutRuns, "s", std::span(&run, 1)).ok());
  ASSERT_TRUE(Write(*store, &Transaction::PutFit, SampleFit("s", "f")).ok());
  ASSERT_TRUE(ExportStudyFile(*Read(*store), "s", folder.File("s.db")).ok());
  ASSERT_TRUE(store
                  ->Write([&](Transaction& transaction) {
                    return ImportStudyFile(folder.File("s.db"), transaction, "copy").status();
                  })
                  .ok());
  const auto snapshot = Read(*store);
  EXPECT_EQ(Differences(*snapshot->GetCurve("s", run.run.id), *snapshot->GetCurve("copy", run.run.id)), "");
  storage::Run original = *snapshot->GetRun("s", run.run.id);
  original.study_id = "copy";
  EXPECT_EQ(Differences(original, *snapshot->GetRun("copy", run.run.id)), "");
  EXPECT_TRUE(snapshot->GetFit("copy", "f").ok());
}

TEST_F(PostgresStoreTest, FindsACurveThatIsDamaged) {
  const auto store = Open();
  ASSERT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const RunWithCurve run{SampleRun("s", 1), SampleCurve(3000, 1)};
  ASSERT_TRUE(Write(*store, &Transaction::PutRuns, "s", std::span(&run, 1)).ok());
  ASSERT_TRUE(store->CheckIntegrity().ok());
  Ask("UPDATE curve_chunks SET data = set_byte(data, 20, get_byte(data, 20) # 1)");
  EXPECT_EQ(store->CheckIntegrity().code(), StatusCode::kDataLoss);
  EXPECT_EQ(Read(*store)->GetCurve("s", run.run.id).status().code(), StatusCode::kDataLoss);
}

}  // namespace sextant::storage
