// SPDX-License-Identifier: Apache-2.0
#include "storage/study_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "storage/forecast_seal.h"
#include "storage/sqlite/sql/connection.h"
#include "storage/sqlite/sqlite_store.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

constexpr int kRuns = 450;  // more than two pages
constexpr int kForecasts = 7;

class StudyFileTest : public testing::Test {
 protected:
  StudyFileTest() {
    store_ = *OpenSqliteStore(folder_.File("store.db"));
    EXPECT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
    EXPECT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("other")).ok());
    std::vector<RunWithCurve> runs;
    for (int i = 0; i < kRuns; ++i) {
      const auto points = static_cast<std::size_t>(i % 50 == 0 ? 2500 : i % 7);
      runs.push_back({SampleRun("s", i), SampleCurve(points, static_cast<std::uint64_t>(i))});
    }
    EXPECT_TRUE(Write(*store_, &Transaction::PutRuns, "s", runs).ok());
    for (int i = 0; i < 25; ++i)
      EXPECT_TRUE(Write(*store_, &Transaction::PutFit, SampleFit("s", "f" + std::to_string(i))).ok());
    for (int i = 0; i < kForecasts; ++i) {
      const Forecast forecast = SampleForecast("s", "c" + std::to_string(i));
      EXPECT_TRUE(Write(*store_, &Transaction::PutForecast, forecast).ok());
    }
    EXPECT_TRUE(
        Write(*store_, &Transaction::PutLaw, UserLaw{"loss-chinchilla", "id = \"loss-chinchilla\"", 5}).ok());
    EXPECT_TRUE(Write(*store_, &Transaction::PutLaw, UserLaw{"unused", "id = \"unused\"", 6}).ok());
  }

  void ExpectSameStudy(Store& copy, const std::string& id) {
    Study study = *Read(*store_)->GetStudy("s");
    study.id = id;
    ASSERT_TRUE(Read(copy)->GetStudy(id).ok()) << Read(copy)->GetStudy(id).status();
    EXPECT_EQ(Differences(study, *Read(copy)->GetStudy(id)), "");
    for (int i = 0; i < kRuns; ++i) {
      const std::string run_id = SampleRun("s", i).id;
      storage::Run run = *Read(*store_)->GetRun("s", run_id);
      run.study_id = id;
      ASSERT_EQ(Differences(run, *Read(copy)->GetRun(id, run_id)), "") << run_id;
      ASSERT_EQ(Differences(*Read(*store_)->GetCurve("s", run_id), *Read(copy)->GetCurve(id, run_id)), "")
          << run_id;
    }
    for (int i = 0; i < 25; ++i) {
      Fit fit = SampleFit("s", "f" + std::to_string(i));
      fit.study_id = id;
      EXPECT_EQ(Differences(fit, *Read(copy)->GetFit(id, fit.id)), "");
    }
    for (int i = 0; i < kForecasts; ++i) {
      const Forecast forecast = SampleForecast(id, "c" + std::to_string(i));
      const auto copied = Read(copy)->GetForecast(id, forecast.id);
      ASSERT_TRUE(copied.ok()) << copied.status();
      EXPECT_EQ(Differences(forecast, *copied), "");
      EXPECT_TRUE(SealHolds(*copied)) << "under the study's new id too";
    }
    EXPECT_EQ(Read(copy)->GetStudySize(id)->forecasts, kForecasts);
    EXPECT_TRUE(copy.CheckIntegrity().ok());
  }

  TempFolder folder_;
  std::shared_ptr<Store> store_;
};

absl::StatusOr<std::string> Import(const std::string& file, Store& store, const std::string& new_id = "") {
  absl::StatusOr<std::string> id;
  const absl::Status status = store.Write([&](Transaction& transaction) {
    id = ImportStudyFile(file, transaction, new_id);
    return id.status();
  });
  if (!status.ok()) return status;
  return id;
}

}  // namespace

TEST_F(StudyFileTest, ExportsAndTakesInWithoutLoss) {
  const std::string file = folder_.File("exported.db");
  ASSERT_TRUE(ExportStudyFile(*Read(*store_), "s", file).ok());
  for (const char* sidecar : {".lock", "-wal", "-shm"}) EXPECT_FALSE(std::filesystem::exists(file + sidecar));
  auto fresh = *OpenSqliteStore(folder_.File("fresh.db"));
  const auto id = Import(file, *fresh);
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_EQ(*id, "s");
  ExpectSameStudy(*fresh, "s");
  ASSERT_EQ(Read(*fresh)->ListLaws()->size(), 1U);
  EXPECT_EQ(Read(*fresh)->ListLaws()->front().id, "loss-chinchilla");
  EXPECT_EQ(Read(*fresh)->ListStudies(10, "")->items.size(), 1U);

  EXPECT_EQ(Import(file, *fresh).status().code(), absl::StatusCode::kAlreadyExists);
  const auto renamed = Import(file, *fresh, "again");
  ASSERT_TRUE(renamed.ok()) << renamed.status();
  ExpectSameStudy(*fresh, "again");
}

TEST_F(StudyFileTest, RefusesWhatItCannotExportOrTakeIn) {
  EXPECT_EQ(ExportStudyFile(*Read(*store_), "none", folder_.File("x.db")).code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("x.db")));
  ASSERT_TRUE(ExportStudyFile(*Read(*store_), "other", folder_.File("x.db")).ok());
  EXPECT_EQ(ExportStudyFile(*Read(*store_), "other", folder_.File("x.db")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Import(folder_.File("none.db"), *store_).status().code(), absl::StatusCode::kNotFound);
  const absl::Status several = Import(folder_.File("store.db"), *store_).status();
  EXPECT_EQ(several.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(several.message()), testing::HasSubstr("several studies"));
}

// Somebody moves runs from the last page of the listing to the first one and back, one transaction each time.
TEST_F(StudyFileTest, AnExportSeesOneStateWhileOthersWrite) {
  const std::string early = "run-0", late = SampleRun("s", kRuns - 1).id;
  RunWithCurve moved = {*Read(*store_)->GetRun("s", late), *Read(*store_)->GetCurve("s", late)};
  std::atomic<bool> writing = true;
  std::atomic<int> moves = 0;
  std::thread writer([&] {
    for (bool is_early = false; writing; is_early = !is_early) {
      moved.run.id = is_early ? late : early;
      const absl::Status status = store_->Write([&](Transaction& transaction) -> absl::Status {
        if (auto put = transaction.PutRuns("s", std::span(&moved, 1)); !put.ok()) return put.status();
        return transaction.DeleteRun("s", is_early ? early : late);
      });
      EXPECT_TRUE(status.ok()) << status;
      ++moves;
    }
  });
  int rounds_with_moves = 0;
  for (int round = 0; rounds_with_moves < 3 && round < 30; ++round) {
    const int before = moves;
    const std::string path = folder_.File("moving-" + std::to_string(round) + ".db");
    const absl::Status status = ExportStudyFile(*Read(*store_), "s", path);
    EXPECT_TRUE(status.ok()) << status;
    if (moves > before) ++rounds_with_moves;
    auto file = OpenStudyFile(path);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto copy = Read(**file);
    EXPECT_EQ(copy->LoadRunTable("s", {})->size(), static_cast<std::size_t>(kRuns));
    EXPECT_NE(copy->GetRun("s", early).ok(), copy->GetRun("s", late).ok()) << "both, or neither";
  }
  EXPECT_EQ(rounds_with_moves, 3) << "too little was written meanwhile to show anything";
  writing = false;
  writer.join();
}

TEST_F(StudyFileTest, BacksUpWhileOthersWrite) {
  std::atomic<bool> writing = true;
  std::thread writer([&] {
    for (int i = kRuns; writing; ++i) {
      const RunWithCurve run = {SampleRun("s", i), SampleCurve(20, 1)};
      EXPECT_TRUE(Write(*store_, &Transaction::PutRuns, "s", std::span(&run, 1)).ok());
    }
  });
  const absl::Status status = store_->BackUp(folder_.File("backup.db"));
  writing = false;
  writer.join();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(store_->BackUp(folder_.File("backup.db")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(store_->BackUp(folder_.File("no/such/folder/backup.db")).ok());
  SqliteOptions options;
  options.read_only = true;
  auto backup = OpenSqliteStore(folder_.File("backup.db"), options);
  ASSERT_TRUE(backup.ok()) << backup.status();
  EXPECT_TRUE((*backup)->CheckIntegrity().ok());
  EXPECT_GE(Read(**backup)->GetStudy("s")->run_count, kRuns);
  EXPECT_EQ(Read(**backup)->LoadAllFits()->size(), 25U);
}

TEST_F(StudyFileTest, KnowsHowBigItIs) {
  const auto size = Read(*store_)->GetStudySize("s");
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->runs, kRuns);
  EXPECT_EQ(size->fits, 25);
  std::int64_t points = 0;
  for (int i = 0; i < kRuns; ++i) points += i % 50 == 0 ? 2500 : i % 7;
  EXPECT_EQ(size->points, points);
  EXPECT_GT(size->curve_bytes, points);
  EXPECT_LT(size->curve_bytes, points * 24);
  EXPECT_EQ(Read(*store_)->GetStudySize("none").status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(store_->Checkpoint().ok());
  const auto health = store_->GetHealth();
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_EQ(static_cast<std::uintmax_t>(health->file_bytes),
            std::filesystem::file_size(folder_.File("store.db")));
  EXPECT_EQ(health->log_bytes, 0);
  EXPECT_EQ(health->free_bytes, 0);
  ASSERT_TRUE(Write(*store_, &Transaction::DeleteStudy, "s").ok());
  EXPECT_GT(store_->GetHealth()->free_bytes, 0);
  EXPECT_GT(store_->GetHealth()->log_bytes, 0);
}

TEST(StudyFile, ADamagedFitIsSetAsideAndNotCopied) {
  const std::pair<const char*, const char*> damages[] = {
      {"UPDATE fit_optima SET law_parameters = 0", "0 law parameters"},
      {"UPDATE fit_optima SET replicate_count = -1", "-1"},
      {"UPDATE fit_optima SET variables = 77", "unknown variables"},
      {"DELETE FROM fit_optima", "lacks its model"},
      {"DELETE FROM fit_optimum_parameters", "0 model parameters"},
      {"UPDATE fits SET model = 12", "unknown kind 12"},
      {"UPDATE fit_arrays SET data = x'00' WHERE kind = 2", "cut short"},
      {"DELETE FROM fit_arrays WHERE kind = 2", "0 replicate values"},
  };
  for (const auto& [sql, damage] : damages) {
    TempFolder folder;
    const std::string path = folder.File("a.db");
    {
      auto store = OpenSqliteStore(path);
      ASSERT_TRUE(store.ok()) << store.status();
      ASSERT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("s")).ok());
      ASSERT_TRUE(Write(**store, &Transaction::PutFit, SampleFit("s", "bad")).ok());
      Fit good = SampleFit("s", "good");
      good.result.model = fitting::LeastSquaresModel{};
      ASSERT_TRUE(Write(**store, &Transaction::PutFit, good).ok());
    }
    {
      auto connection = sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite);
      ASSERT_TRUE(connection.ok()) << connection.status();
      std::string only_bad(sql);
      const bool all = only_bad.find("WHERE") == std::string::npos;
      only_bad +=
          std::string(all ? " WHERE " : " AND ") + "fit_key = (SELECT fit_key FROM fits WHERE id = 'bad')";
      ASSERT_TRUE((*connection)->Execute(only_bad).ok()) << only_bad;
    }
    auto store = OpenSqliteStore(path);
    ASSERT_TRUE(store.ok()) << store.status();
    const auto fits = Read(**store)->LoadAllFits();
    ASSERT_TRUE(fits.ok()) << sql << ": " << fits.status();
    ASSERT_EQ(fits->size(), 2U);
    EXPECT_THAT((*fits)[0].damage, testing::HasSubstr(damage)) << sql;
    EXPECT_EQ((*fits)[1].damage, "") << sql;
    auto other = OpenSqliteStore(folder.File("b.db"));
    ASSERT_TRUE(other.ok()) << other.status();
    const absl::Status copied = (*other)->Write(
        [&](Transaction& transaction) { return CopyStudy(*Read(**store), "s", transaction); });
    EXPECT_EQ(copied.code(), absl::StatusCode::kDataLoss) << sql;
    EXPECT_THAT(std::string(copied.message()), testing::HasSubstr("fit 'bad'"));
    EXPECT_FALSE(Read(**other)->GetStudy("s").ok());
  }
}

}  // namespace sextant::storage
