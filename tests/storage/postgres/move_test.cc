// SPDX-License-Identifier: Apache-2.0
// Whole databases from one engine into the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "storage/move_store.h"
#include "storage/open_store.h"
#include "tests/storage/one_call.h"
#include "tests/storage/postgres/cluster.h"
#include "tests/storage/sample_records.h"

namespace sextant::storage {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

void IgnoreProgress(const std::string&, std::int64_t) {}

class MoveStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (PostgresCluster::Shared() == nullptr) {
      GTEST_SKIP() << "PostgreSQL is not installed: `./check` installs postgresql-15";
    }
    cluster_ = PostgresCluster::Shared();
    url_ = cluster_->NewUrl();
    schema_ = url_.substr(url_.rfind("%3D") + 3);
  }
  void Fill(const std::string& url) {
    const auto store = OpenStore(url);
    ASSERT_TRUE(store.ok()) << store.status();
    for (const char* study : {"s", "t", "gone"}) {
      ASSERT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy(study)).ok());
      std::vector<RunWithCurve> runs;
      for (int i = 0; i < 30; ++i)
        runs.push_back({SampleRun(study, i), SampleCurve(i % 3 == 0 ? 0 : 1500, 1)});
      runs[3].run.values = {kUnknown, 2.5};
      runs[4].run.seed.reset();
      runs[5].run.loss = std::numeric_limits<double>::infinity();
      ASSERT_TRUE(Write(**store, &Transaction::PutRuns, study, runs).ok());
      ASSERT_TRUE(Write(**store, &Transaction::PutFit, SampleFit(study, "f")).ok());
    }
    ASSERT_TRUE(Write(**store, &Transaction::DeleteStudy, "gone").ok());
    const std::vector<RunLabels> labels = {{SampleRun("s", 1).id, {"from-sweep"}}};
    ASSERT_TRUE(
        Write(**store, &Transaction::SetRunLabels, "s", kSweepLabels, labels, LabelScope::kNamedRuns).ok());
    ASSERT_TRUE(Write(**store, &Transaction::PutLaw, UserLaw{"mine", "id = \"mine\"", 5}).ok());
    ASSERT_TRUE(Write(**store, &Transaction::PutToken,
                      AccessToken{"t", "anna", std::string("\0\xff", 2), kScopeRead, {"s"}, 5, 0, 0})
                    .ok());
    ASSERT_TRUE(Write(**store, &Transaction::PutUpload, Upload{"u", "s", "d", 3, 1, 2, 0, false, 1, 2}).ok());
    ASSERT_TRUE(Write(**store, &Transaction::PutRequest, "r", "digest", std::string("\0x", 2)).ok());
  }
  std::string Ask(const std::string& sql) {
    return cluster_->Ask("SET search_path = " + schema_ + "; " + sql);
  }

  TempFolder folder_;
  PostgresCluster* cluster_ = nullptr;
  std::string url_, schema_;
};

TEST_F(MoveStoreTest, GoesThereAndBackWithoutALoss) {
  const std::string file = folder_.File("a.db"), back = folder_.File("b.db");
  Fill(file);
  std::map<std::string, std::int64_t> told;
  const auto there =
      MoveStore(file, url_, [&](const std::string& table, std::int64_t rows) { told[table] = rows; });
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(told["runs"], 60);
  const auto home = MoveStore(url_, back, IgnoreProgress);
  ASSERT_TRUE(home.ok()) << home.status();
  ASSERT_EQ(there->size(), home->size());
  const auto digests = [](const std::vector<MovedTable>& tables) {
    std::map<std::string, std::string> found;
    for (const MovedTable& table : tables) found[table.name] = table.digest;
    return found;
  };
  EXPECT_EQ(digests(*there), digests(*home));
  const auto first = OpenStore(file), moved = OpenStore(url_), last = OpenStore(back);
  ASSERT_TRUE(first.ok() && moved.ok() && last.ok()) << moved.status() << last.status();
  for (const auto& store : {*moved, *last}) {
    EXPECT_TRUE(store->CheckIntegrity().ok()) << store->CheckIntegrity();
    const auto snapshot = Read(*store), original = Read(**first);
    EXPECT_EQ(Differences(*original->GetStudy("s"), *snapshot->GetStudy("s")), "");
    for (int i = 0; i < 30; ++i) {
      const std::string id = SampleRun("s", i).id;
      EXPECT_EQ(Differences(*original->GetRun("s", id), *snapshot->GetRun("s", id)), "") << i;
      EXPECT_EQ(Differences(*original->GetCurve("s", id), *snapshot->GetCurve("s", id)), "") << i;
    }
    EXPECT_EQ(Differences(*original->GetFit("t", "f"), *snapshot->GetFit("t", "f")), "");
    EXPECT_EQ(snapshot->ListTokens()->at(0).digest, original->ListTokens()->at(0).digest);
    EXPECT_EQ(snapshot->GetUpload("u")->next_chunk, 3);
    // It goes on: keys that the database gives by itself follow those that came.
    ASSERT_TRUE(Write(*store, &Transaction::PutFit, SampleFit("s", "later")).ok());
    const RunWithCurve run{SampleRun("s", 100), SampleCurve(10, 1)};
    ASSERT_TRUE(Write(*store, &Transaction::PutRuns, "s", std::span(&run, 1)).ok());
    ASSERT_TRUE(Write(*store, &Transaction::CreateStudy, SampleStudy("new")).ok());
    EXPECT_GT(Read(*store)->GetStudy("new")->uid, 3);
    const std::vector<RunLabels> none = {{SampleRun("s", 1).id, {}}};
    ASSERT_TRUE(
        Write(*store, &Transaction::SetRunLabels, "s", kSweepLabels, none, LabelScope::kNamedRuns).ok());
    EXPECT_THAT(Read(*store)->GetRun("s", SampleRun("s", 1).id)->labels,
                testing::Not(testing::Contains("from-sweep")))
        << "who gave a label is known there too";
    EXPECT_TRUE(store->CheckIntegrity().ok()) << store->CheckIntegrity();
  }
}

TEST_F(MoveStoreTest, GoesOnWhereItStood) {
  const std::string file = folder_.File("a.db");
  Fill(file);
  ASSERT_TRUE(MoveStore(file, url_, IgnoreProgress).ok());
  // As an interruption leaves it.
  Ask("INSERT INTO counters VALUES ('move_in_progress', 1)");
  Ask("DELETE FROM runs WHERE id > 'run-1020'");
  Ask("DELETE FROM curve_chunks WHERE chunk_key > (SELECT avg(chunk_key) FROM curve_chunks)");
  Ask("DELETE FROM requests");
  const absl::Status half = OpenStore(url_).status();
  EXPECT_EQ(half.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(half.message()), HasSubstr("sextantd migrate"));
  std::map<std::string, std::int64_t> told;
  Ask("DELETE FROM runs WHERE study_key > 1");
  const auto moved =
      MoveStore(file, url_, [&](const std::string& table, std::int64_t rows) { told[table] = rows; });
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_LT(told["runs"], 60) << "what was there is not copied again";
  EXPECT_TRUE((*OpenStore(url_))->CheckIntegrity().ok());
}

TEST_F(MoveStoreTest, RefusesADatabaseWithOtherRecordsAndFindsADifference) {
  const std::string file = folder_.File("a.db");
  Fill(file);
  ASSERT_TRUE(Write(**OpenStore(url_), &Transaction::CreateStudy, SampleStudy("other")).ok());
  EXPECT_EQ(MoveStore(file, url_, IgnoreProgress).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Read(**OpenStore(url_))->GetStudy("other").ok());

  url_ = cluster_->NewUrl();
  schema_ = url_.substr(url_.rfind("%3D") + 3);
  ASSERT_TRUE(MoveStore(file, url_, IgnoreProgress).ok());
  Ask("INSERT INTO counters VALUES ('move_in_progress', 1)");
  Ask("UPDATE runs SET loss = loss * (1 + 1e-15) WHERE id = 'run-1001'");
  const absl::Status differs = MoveStore(file, url_, IgnoreProgress).status();
  EXPECT_EQ(differs.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(differs.message()), HasSubstr("the table runs differs"));
  EXPECT_FALSE(OpenStore(url_).ok()) << "it stays refused";
  EXPECT_EQ(MoveStore(folder_.File("none.db"), cluster_->NewUrl(), IgnoreProgress).status().code(),
            StatusCode::kNotFound);
}

}  // namespace
}  // namespace sextant::storage
