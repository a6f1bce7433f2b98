// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/sqlite_store.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/store_suite.h"

namespace sextant::storage {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

std::shared_ptr<Store> OpenEmptySqlite(const TempFolder& folder, std::function<Micros()> clock) {
  SqliteOptions options;
  options.clock = std::move(clock);
  auto store = OpenSqliteStore(folder.File("store.db"), options);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

std::shared_ptr<Store> OpenEmptySqliteWithColumns(const TempFolder& folder, std::function<Micros()> clock) {
  SqliteOptions options;
  options.clock = std::move(clock);
  options.scan_steps_before_columns = 0;
  auto store = OpenSqliteStore(folder.File("store.db"), options);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreSuite,
                         testing::Values(StoreFactory{"sqlite", OpenEmptySqlite},
                                         StoreFactory{"columns", OpenEmptySqliteWithColumns}),
                         testing::PrintToStringParamName());

TEST(SqliteStore, TellsRunsOfSeveralTokenizersApart) {
  TempFolder folder;
  auto store = OpenEmptySqlite(folder, [] { return Micros{1}; });
  ASSERT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  for (int i = 0; i < 3; ++i) {
    storage::Run run = SampleRun("s", i);
    run.schedule = "cosine", run.optimizer.clear();
    run.tags = i == 0 ? std::map<std::string, std::string>{}
                      : std::map<std::string, std::string>{{"tokenizer", i == 1 ? "gpt2" : "llama 3"}};
    const RunWithCurve given[] = {{run, {}}};
    ASSERT_TRUE(Write(*store, &Transaction::PutRuns, run.study_id, std::span(given)).ok());
  }
  const auto table = Read(*store)->LoadRunTable("s", {});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->recipes,
              testing::ElementsAre("schedule = cosine", "schedule = cosine AND tags.tokenizer = \"gpt2\"",
                                   "schedule = cosine AND tags.tokenizer = \"llama 3\""));
}

TEST(SqliteStore, KeepsRecordsAcrossOpenings) {
  TempFolder folder;
  const std::string path = folder.File("store.db");
  {
    auto store = OpenSqliteStore(path);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  }
  auto store = OpenSqliteStore(path);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(Differences(SampleStudy("s"), *Read(**store)->GetStudy("s")), "");
}

TEST(SqliteStore, MakesAFileFromARelativePath) {
  const TempFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(std::filesystem::path(folder.File("x")).parent_path());
  const auto store = OpenSqliteStore("runs.db", {});
  std::filesystem::current_path(before);
  EXPECT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(std::filesystem::exists(folder.File("runs.db")));
}

TEST(SqliteStore, RefusesASecondWriterAndSaysWhatToDo) {
  TempFolder folder;
  auto first = OpenSqliteStore(folder.File("store.db"));
  ASSERT_TRUE(first.ok());
  auto second = OpenSqliteStore(folder.File("store.db"));
  EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(second.status()), HasSubstr("in use by another process"));
  EXPECT_THAT(Message(second.status()), HasSubstr("--server"));
  EXPECT_THAT(Message(second.status()), HasSubstr(folder.File("store.db")));
  first->reset();
  EXPECT_TRUE(OpenSqliteStore(folder.File("store.db")).ok());
}

TEST(SqliteStore, ReadsBesideAWriterWhenOpenedReadOnly) {
  TempFolder folder;
  auto writer = OpenSqliteStore(folder.File("store.db"));
  ASSERT_TRUE(Write(**writer, &Transaction::CreateStudy, SampleStudy("s")).ok());
  SqliteOptions options;
  options.read_only = true;
  auto reader = OpenSqliteStore(folder.File("store.db"), options);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(Read(**reader)->GetStudy("s").ok());
  EXPECT_TRUE((*reader)->CheckIntegrity().ok());
  EXPECT_EQ(Write(**reader, &Transaction::CreateStudy, SampleStudy("t")).code(),
            StatusCode::kFailedPrecondition);
}

TEST(SqliteStore, RefusesAWriteInsideAWrite) {
  TempFolder folder;
  auto store = *OpenSqliteStore(folder.File("store.db"));
  absl::Status inner;
  const absl::Status outer = store->Write([&](Transaction& transaction) {
    inner = Write(*store, &Transaction::CreateStudy, SampleStudy("inner"));
    return transaction.CreateStudy(SampleStudy("outer"));
  });
  EXPECT_TRUE(outer.ok()) << outer;
  EXPECT_EQ(inner.code(), StatusCode::kFailedPrecondition) << "it would wait for itself";
  EXPECT_FALSE(Read(*store)->GetStudy("inner").ok());
  EXPECT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("later")).ok());
}

TEST(SqliteStore, WritesOfManyThreadsTakeTurns) {
  TempFolder folder;
  SqliteOptions options;
  options.durability = Durability::kNormal;
  auto store = *OpenSqliteStore(folder.File("store.db"), options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string id = "s" + std::to_string(t) + "-" + std::to_string(i);
        EXPECT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy(id)).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Read(*store)->ListStudies(100, "")->items.size(), 80U);
}

TEST(SqliteStore, RefusesWhatIsNoSextantDatabase) {
  TempFolder folder;
  auto open = [](const std::string& path, bool create = true) {
    SqliteOptions options;
    options.create = create;
    return OpenSqliteStore(path, options).status();
  };
  std::filesystem::create_directory(folder.File("folder"));
  EXPECT_EQ(open(folder.File("folder")).code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(open(folder.File("folder"))), HasSubstr("is a directory"));

  std::ofstream(folder.File("text.db")) << std::string(5000, 'x');
  EXPECT_EQ(open(folder.File("text.db")).code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(open(folder.File("text.db"))), HasSubstr("not a Sextant database"));

  EXPECT_EQ(open(folder.File("absent.db"), false).code(), StatusCode::kNotFound);
  EXPECT_EQ(open("").code(), StatusCode::kInvalidArgument);
  std::ofstream(folder.File("empty.db"));
  EXPECT_TRUE(open(folder.File("empty.db")).ok()) << "an empty file is a new database";
}

// Every batch raises the losses of ten more runs from the last: a page that mixed two states would not have
// them whole.
TEST(SqliteStore, ListingsFromColumnsSeeWholeBatchesWhileAnotherThreadWrites) {
  constexpr int kBatches = 60, kRunsPerBatch = 10;
  TempFolder folder;
  const auto store = OpenEmptySqliteWithColumns(folder, [] { return Micros{0}; });
  ASSERT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  Condition nonnegative;
  nonnegative.field = "loss";
  nonnegative.op = Condition::Op::kGe;
  std::atomic<bool> written = false;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&] {
      RunQuery query;
      query.study_id = "s";
      query.where = {nonnegative};
      query.order_by = "loss";
      query.limit = 2000;
      for (bool last = false; !last;) {
        last = written;
        const auto page = Read(*store)->ListRuns(query);
        ASSERT_TRUE(page.ok()) << page.status();
        ASSERT_EQ(page->items.size() % kRunsPerBatch, 0U);
        for (std::size_t i = 0; i < page->items.size(); ++i) {
          ASSERT_EQ(page->items[i].loss, static_cast<double>(i / kRunsPerBatch));
        }
        if (last) {
          ASSERT_EQ(page->items.size(), std::size_t{kBatches * kRunsPerBatch});
        }
      }
    });
  }
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<RunWithCurve> runs(kRunsPerBatch);
    for (int i = 0; i < kRunsPerBatch; ++i) {
      runs[static_cast<std::size_t>(i)].run.id = absl::StrCat("r", i, "-", batch);
      runs[static_cast<std::size_t>(i)].run.loss = batch;
    }
    EXPECT_TRUE(Write(*store, &Transaction::PutRuns, "s", runs).ok());
  }
  written = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace sextant::storage
