// SPDX-License-Identifier: Apache-2.0
#include "storage/study_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "storage/sqlite/sql/connection.h"
#include "storage/sqlite_store.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

constexpr int kRuns = 450;  // more than two pages

class StudyFileTest : public testing::Test {
 protected:
  StudyFileTest() {
    store_ = *OpenSqliteStore(folder_.File("store.db"));
    EXPECT_TRUE(store_->CreateStudy(SampleStudy("s")).ok());
    EXPECT_TRUE(store_->CreateStudy(SampleStudy("other")).ok());
    std::vector<RunWithCurve> runs;
    for (int i = 0; i < kRuns; ++i) {
      const auto points = static_cast<std::size_t>(i % 50 == 0 ? 2500 : i % 7);
      runs.push_back({SampleRun("s", i), SampleCurve(points, static_cast<std::uint64_t>(i))});
    }
    EXPECT_TRUE(store_->PutRuns("s", runs).ok());
    for (int i = 0; i < 25; ++i) EXPECT_TRUE(store_->PutFit(SampleFit("s", "f" + std::to_string(i))).ok());
    EXPECT_TRUE(store_->PutLaw({"loss-chinchilla", "id = \"loss-chinchilla\"", 5}).ok());
    EXPECT_TRUE(store_->PutLaw({"unused", "id = \"unused\"", 6}).ok());
  }

  void ExpectSameStudy(Store& copy, const std::string& id) {
    Study study = *store_->GetStudy("s");
    study.id = id;
    ASSERT_TRUE(copy.GetStudy(id).ok()) << copy.GetStudy(id).status();
    EXPECT_EQ(Differences(study, *copy.GetStudy(id)), "");
    for (int i = 0; i < kRuns; ++i) {
      const std::string run_id = SampleRun("s", i).id;
      storage::Run run = *store_->GetRun("s", run_id);
      run.study_id = id;
      ASSERT_EQ(Differences(run, *copy.GetRun(id, run_id)), "") << run_id;
      ASSERT_EQ(Differences(*store_->GetCurve("s", run_id), *copy.GetCurve(id, run_id)), "") << run_id;
    }
    for (int i = 0; i < 25; ++i) {
      Fit fit = SampleFit("s", "f" + std::to_string(i));
      fit.study_id = id;
      EXPECT_EQ(Differences(fit, *copy.GetFit(id, fit.id)), "");
    }
    EXPECT_TRUE(copy.CheckIntegrity().ok());
  }

  TempFolder folder_;
  std::shared_ptr<Store> store_;
};

}  // namespace

TEST_F(StudyFileTest, ExportsAndTakesInWithoutLoss) {
  const std::string file = folder_.File("exported.db");
  ASSERT_TRUE(ExportStudyFile(*store_, "s", file).ok());
  for (const char* sidecar : {".lock", "-wal", "-shm"}) EXPECT_FALSE(std::filesystem::exists(file + sidecar));
  auto fresh = *OpenSqliteStore(folder_.File("fresh.db"));
  const auto id = ImportStudyFile(file, *fresh);
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_EQ(*id, "s");
  ExpectSameStudy(*fresh, "s");
  ASSERT_EQ(fresh->ListLaws()->size(), 1U);
  EXPECT_EQ(fresh->ListLaws()->front().id, "loss-chinchilla");
  EXPECT_EQ(fresh->ListStudies(10, "")->items.size(), 1U);

  EXPECT_EQ(ImportStudyFile(file, *fresh).status().code(), absl::StatusCode::kAlreadyExists);
  const auto renamed = ImportStudyFile(file, *fresh, "again");
  ASSERT_TRUE(renamed.ok()) << renamed.status();
  ExpectSameStudy(*fresh, "again");
}

TEST_F(StudyFileTest, RefusesWhatItCannotExportOrTakeIn) {
  EXPECT_EQ(ExportStudyFile(*store_, "none", folder_.File("x.db")).code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("x.db")));
  ASSERT_TRUE(ExportStudyFile(*store_, "other", folder_.File("x.db")).ok());
  EXPECT_EQ(ExportStudyFile(*store_, "other", folder_.File("x.db")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ImportStudyFile(folder_.File("none.db"), *store_).status().code(), absl::StatusCode::kNotFound);
  const absl::Status several = ImportStudyFile(folder_.File("store.db"), *store_).status();
  EXPECT_EQ(several.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(several.message()), testing::HasSubstr("several studies"));
}

TEST_F(StudyFileTest, BacksUpWhileOthersWrite) {
  std::atomic<bool> writing = true;
  std::thread writer([&] {
    for (int i = kRuns; writing; ++i) {
      const RunWithCurve run = {SampleRun("s", i), SampleCurve(20, 1)};
      EXPECT_TRUE(store_->PutRuns("s", std::span(&run, 1)).ok());
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
  EXPECT_GE((*backup)->GetStudy("s")->run_count, kRuns);
  EXPECT_EQ((*backup)->LoadAllFits()->size(), 25U);
}

TEST_F(StudyFileTest, KnowsHowBigItIs) {
  const auto size = store_->GetStudySize("s");
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->runs, kRuns);
  EXPECT_EQ(size->fits, 25);
  std::int64_t points = 0;
  for (int i = 0; i < kRuns; ++i) points += i % 50 == 0 ? 2500 : i % 7;
  EXPECT_EQ(size->points, points);
  EXPECT_GT(size->curve_bytes, points);
  EXPECT_LT(size->curve_bytes, points * 24);
  EXPECT_EQ(store_->GetStudySize("none").status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(store_->Checkpoint().ok());
  const auto health = store_->GetHealth();
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_EQ(static_cast<std::uintmax_t>(health->file_bytes),
            std::filesystem::file_size(folder_.File("store.db")));
  EXPECT_EQ(health->log_bytes, 0);
  EXPECT_EQ(health->free_bytes, 0);
  ASSERT_TRUE(store_->DeleteStudy("s").ok());
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
      ASSERT_TRUE((*store)->CreateStudy(SampleStudy("s")).ok());
      ASSERT_TRUE((*store)->PutFit(SampleFit("s", "bad")).ok());
      Fit good = SampleFit("s", "good");
      good.result.model = fitting::LeastSquaresModel{};
      ASSERT_TRUE((*store)->PutFit(good).ok());
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
    const auto fits = (*store)->LoadAllFits();
    ASSERT_TRUE(fits.ok()) << sql << ": " << fits.status();
    ASSERT_EQ(fits->size(), 2U);
    EXPECT_THAT((*fits)[0].damage, testing::HasSubstr(damage)) << sql;
    EXPECT_EQ((*fits)[1].damage, "") << sql;
    auto other = OpenSqliteStore(folder.File("b.db"));
    ASSERT_TRUE(other.ok()) << other.status();
    const absl::Status copied = CopyStudy(**store, "s", **other);
    EXPECT_EQ(copied.code(), absl::StatusCode::kDataLoss) << sql;
    EXPECT_THAT(std::string(copied.message()), testing::HasSubstr("fit 'bad'"));
    EXPECT_FALSE((*other)->GetStudy("s").ok());
  }
}

}  // namespace sextant::storage
