// SPDX-License-Identifier: Apache-2.0
#include "storage/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <new>
#include <thread>

#include "storage/sqlite/sqlite_store.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

class WriterTest : public testing::Test {
 protected:
  WriterTest() {
    auto opened = OpenSqliteStore(folder_.File("store.db"));
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *opened;
  }
  // Holds the writer's thread until `release` is set, so that what follows waits together.
  void Block(Writer& writer, std::shared_future<void> release) {
    std::promise<void> begun;
    ASSERT_TRUE(writer
                    .Submit(
                        [&begun, release](Transaction&) {
                          begun.set_value();
                          release.wait();
                          return absl::OkStatus();
                        },
                        nullptr)
                    .ok());
    begun.get_future().wait();
  }
  TempFolder folder_;
  std::shared_ptr<Store> store_;
};

Writer::Work Create(const std::string& id) {
  return [id](Transaction& transaction) { return transaction.CreateStudy(SampleStudy(id)); };
}

}  // namespace

TEST_F(WriterTest, CompletesInOrderAfterTheWorkIsCommitted) {
  std::vector<int> order;
  {
    Writer writer(store_, 100);
    for (int i = 0; i < 50; ++i) {
      const std::string id = "s" + std::to_string(i);
      ASSERT_TRUE(writer
                      .Submit(Create(id),
                              [&, i, id](const absl::Status& status) {
                                EXPECT_TRUE(status.ok()) << status;
                                // A reader has a connection of its own: it sees only what is committed.
                                EXPECT_TRUE(Read(*store_)->GetStudy(id).ok());
                                order.push_back(i);
                              })
                      .ok());
    }
  }
  ASSERT_EQ(order.size(), 50U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

// As when there is no memory for it.
TEST_F(WriterTest, AnExceptionUndoesItsOwnItemAlone) {
  std::promise<void> release;
  std::vector<absl::StatusCode> codes;
  const auto note = [&](const absl::Status& status) { codes.push_back(status.code()); };
  {
    Writer writer(store_, 100);
    Block(writer, release.get_future().share());
    ASSERT_TRUE(writer.Submit(Create("before"), note).ok());
    const auto throws = [](Transaction& transaction) -> absl::Status {
      EXPECT_TRUE(transaction.CreateStudy(SampleStudy("undone")).ok());
      throw std::bad_alloc();
    };
    ASSERT_TRUE(writer.Submit(throws, note).ok());
    ASSERT_TRUE(writer.Submit(Create("behind"), note).ok());
    release.set_value();
  }
  EXPECT_EQ(codes, (std::vector{absl::StatusCode::kOk, absl::StatusCode::kResourceExhausted,
                                absl::StatusCode::kOk}));
  EXPECT_TRUE(Read(*store_)->GetStudy("before").ok());
  EXPECT_FALSE(Read(*store_)->GetStudy("undone").ok());
  EXPECT_TRUE(Read(*store_)->GetStudy("behind").ok());
}

TEST_F(WriterTest, AFailureUndoesItsOwnItemAlone) {
  std::promise<void> release;
  std::vector<absl::StatusCode> codes;
  {
    Writer writer(store_, 100);
    Block(writer, release.get_future().share());
    const auto note = [&](const absl::Status& status) { codes.push_back(status.code()); };
    ASSERT_TRUE(writer.Submit(Create("a"), note).ok());
    ASSERT_TRUE(writer
                    .Submit(
                        [](Transaction& transaction) {
                          EXPECT_TRUE(transaction.CreateStudy(SampleStudy("b")).ok());
                          return absl::InvalidArgumentError("no");
                        },
                        note)
                    .ok());
    ASSERT_TRUE(writer.Submit(Create("a"), note).ok());
    ASSERT_TRUE(writer.Submit(Create("c"), note).ok());
    release.set_value();
  }
  using enum absl::StatusCode;
  EXPECT_THAT(codes, testing::ElementsAre(kOk, kInvalidArgument, kAlreadyExists, kOk));
  EXPECT_TRUE(Read(*store_)->GetStudy("a").ok());
  EXPECT_FALSE(Read(*store_)->GetStudy("b").ok());
  EXPECT_TRUE(Read(*store_)->GetStudy("c").ok());
}

TEST_F(WriterTest, RefusesWorkBeyondItsLimitWithoutWaiting) {
  std::promise<void> release;
  std::atomic<int> done = 0;
  Writer writer(store_, 2);
  Block(writer, release.get_future().share());
  const auto count = [&](const absl::Status&) { ++done; };
  EXPECT_TRUE(writer.Submit(Create("a"), count).ok());
  EXPECT_TRUE(writer.Submit(Create("b"), count).ok());
  EXPECT_EQ(writer.Submit(Create("c"), count).code(), absl::StatusCode::kResourceExhausted);
  release.set_value();
  writer.Stop();
  EXPECT_EQ(done, 2) << "the refused item's completion is not called";
}

TEST_F(WriterTest, StopCommitsWhatWaitsAndRefusesMore) {
  std::promise<void> release;
  std::atomic<int> done = 0;
  Writer writer(store_, 100);
  Block(writer, release.get_future().share());
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(writer.Submit(Create("s" + std::to_string(i)), [&](const absl::Status&) { ++done; }).ok());
  }
  std::thread stopper([&] { writer.Stop(); });
  release.set_value();
  stopper.join();
  writer.Stop();
  EXPECT_EQ(done, 10);
  EXPECT_EQ(writer.Submit(Create("late"), nullptr).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Read(*store_)->ListStudies(100, "")->items.size(), 10U);
}

TEST_F(WriterTest, ReportsAStoreThatCannotWrite) {
  store_.reset();
  SqliteOptions options;
  options.read_only = true;
  store_ = *OpenSqliteStore(folder_.File("store.db"), options);
  absl::Status reported;
  {
    Writer writer(store_, 10);
    ASSERT_TRUE(writer.Submit(Create("a"), [&](const absl::Status& status) { reported = status; }).ok());
  }
  EXPECT_EQ(reported.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(WriterTest, ReadersSeeWholeCommitsWhileManyThreadsWrite) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  constexpr int kWriters = 4, kEach = 40;
  std::atomic<bool> writing = true;
  std::atomic<int> acknowledged = 0, reads = 0;
  {
    Writer writer(store_, 1000);
    std::vector<std::thread> threads;
    for (int r = 0; r < 3; ++r) {
      threads.emplace_back([&] {
        while (writing) {
          const int before = acknowledged;
          const auto table = Read(*store_)->LoadRunTable("s", {});
          ASSERT_TRUE(table.ok()) << table.status();
          EXPECT_GE(static_cast<int>(table->size()), before * 2) << "an acknowledged run is seen";
          EXPECT_EQ(table->size() % 2, 0U) << "pairs are committed together";
          if (!table->id.empty()) {
            EXPECT_EQ(Read(*store_)->GetCurve("s", table->id.back())->size(), 50U);
          }
          ++reads;
        }
      });
    }
    std::vector<std::thread> writers;
    for (int w = 0; w < kWriters; ++w) {
      writers.emplace_back([&, w] {
        for (int i = 0; i < kEach; ++i) {
          std::vector<RunWithCurve> pair = {{SampleRun("s", 0), SampleCurve(50, 1)},
                                            {SampleRun("s", 0), SampleCurve(50, 2)}};
          pair[0].run.id = "w" + std::to_string(w) + "-" + std::to_string(i) + "-a";
          pair[1].run.id = "w" + std::to_string(w) + "-" + std::to_string(i) + "-b";
          std::promise<absl::Status> done;
          ASSERT_TRUE(
              writer
                  .Submit([&](Transaction& transaction) { return transaction.PutRuns("s", pair).status(); },
                          [&](absl::Status status) { done.set_value(std::move(status)); })
                  .ok());
          const absl::Status status = done.get_future().get();
          ASSERT_TRUE(status.ok()) << status;
          ++acknowledged;
        }
      });
    }
    for (std::thread& thread : writers) thread.join();
    writing = false;
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_GT(reads, 0);
  EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, kWriters * kEach * 2);
  EXPECT_TRUE(store_->CheckIntegrity().ok());
}

}  // namespace sextant::storage
