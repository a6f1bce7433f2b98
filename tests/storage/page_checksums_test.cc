// SPDX-License-Identifier: Apache-2.0
// Numbers that change on the disk, inside pages that stay valid for SQLite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "storage/sqlite/sql/connection.h"
#include "storage/sqlite/sql/page_checksum.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/study_file.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

using Bytes = std::vector<std::uint8_t>;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int kRuns = 300;
constexpr double kMarkedLoss = 2.718281828459;  // of one run, and nowhere else in the file

Bytes ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteBytes(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// The pages whose checksum does not fit, from 1; {0} for a file without checksums.
std::vector<std::uint32_t> WrongPages(const std::string& path) {
  const Bytes bytes = ReadBytes(path);
  const sqlite::PageLayout layout = sqlite::LayoutOf(bytes);
  if (!layout.has_checksums) return {0};
  std::vector<std::uint32_t> wrong;
  const auto page_bytes = static_cast<std::size_t>(layout.page_bytes);
  for (std::size_t at = 0; at + page_bytes <= bytes.size(); at += page_bytes) {
    const auto number = static_cast<std::uint32_t>(at / page_bytes) + 1;
    if (!sqlite::IsPageWhole(std::span(bytes).subspan(at, page_bytes), number)) wrong.push_back(number);
  }
  return wrong;
}

class PageChecksumsTest : public testing::Test {
 protected:
  void Fill(const std::string& path, bool page_checksums) {
    SqliteOptions options;
    options.page_checksums = page_checksums;
    auto store = OpenSqliteStore(path, options);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("s")).ok());
    for (int i = 0; i < kRuns; ++i) {
      RunWithCurve run = {SampleRun("s", i), SampleCurve(200, static_cast<std::uint64_t>(i))};
      if (i == kRuns / 2) run.run.loss = kMarkedLoss;
      ASSERT_TRUE(Write(**store, &Transaction::PutRuns, "s", std::span<const RunWithCurve>(&run, 1)).ok());
    }
    // Pages that were in use and are free now.
    ASSERT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("gone")).ok());
    const RunWithCurve big = {SampleRun("gone", 0), SampleCurve(20000, 7)};
    ASSERT_TRUE(Write(**store, &Transaction::PutRuns, "gone", std::span(&big, 1)).ok());
    ASSERT_TRUE(Write(**store, &Transaction::DeleteStudy, "gone").ok());
  }
  // One double of a run becomes another, in a file that nobody has open. SQLite has no way to see it.
  static void ChangeTheLoss(const std::string& path, double value) {
    Bytes bytes = ReadBytes(path);
    std::uint8_t wanted[8], given[8];
    const auto put = [](double number, std::uint8_t* out) {  // SQLite's records are big-endian
      std::uint64_t bits = 0;
      std::memcpy(&bits, &number, sizeof(bits));
      for (int i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(bits >> (56 - 8 * i));
    };
    put(kMarkedLoss, wanted);
    put(value, given);
    const auto found = std::search(bytes.begin(), bytes.end(), std::begin(wanted), std::end(wanted));
    ASSERT_NE(found, bytes.end());
    std::copy(std::begin(given), std::end(given), found);
    WriteBytes(path, bytes);
  }
  static absl::StatusOr<double> LossIn(const std::string& path) {
    auto store = OpenSqliteStore(path);
    if (!store.ok()) return store.status();
    const auto run = Read(**store)->GetRun("s", SampleRun("s", kRuns / 2).id);
    if (!run.ok()) return run.status();
    return run->loss;
  }

  TempFolder folder_;
  const std::string path_ = folder_.File("store.db");
};

TEST_F(PageChecksumsTest, EveryPageOfANewStoreHasOne) {
  Fill(path_, true);
  EXPECT_THAT(WrongPages(path_), testing::IsEmpty());
  EXPECT_GT(fs::file_size(path_), 20u * 16384);
  auto store = OpenSqliteStore(path_);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->GetHealth()->has_page_checksums);
  EXPECT_TRUE((*store)->CheckIntegrity().ok()) << (*store)->CheckIntegrity();
}

TEST_F(PageChecksumsTest, AChangedNumberIsNoticed) {
  Fill(path_, true);
  ASSERT_EQ(*LossIn(path_), kMarkedLoss);
  ChangeTheLoss(path_, 2.5);
  ASSERT_EQ(WrongPages(path_).size(), 1u);
  const auto loss = LossIn(path_);
  EXPECT_EQ(loss.status().code(), absl::StatusCode::kDataLoss) << loss.status();
  EXPECT_THAT(std::string(loss.status().message()),
              HasSubstr("page " + std::to_string(WrongPages(path_)[0]) + " is not as Sextant wrote it"));
  auto store = OpenSqliteStore(path_);
  ASSERT_TRUE(store.ok()) << "other studies can still be saved: " << store.status();
  EXPECT_EQ((*store)->CheckIntegrity().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ((*store)->BackUp(folder_.File("backup.db")).code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(fs::exists(folder_.File("backup.db")));
}

TEST_F(PageChecksumsTest, WithoutChecksumsTheSameChangeIsReadAsData) {
  Fill(path_, false);
  EXPECT_THAT(WrongPages(path_), testing::ElementsAre(0));
  ChangeTheLoss(path_, 2.5);
  const auto loss = LossIn(path_);
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_EQ(*loss, 2.5);
  EXPECT_THAT(WrongPages(path_), testing::ElementsAre(0)) << "opening and writing an old file adds none";
}

TEST_F(PageChecksumsTest, EveryBitOfAPageCountsAndSoDoesItsPlace) {
  Bytes page(512);
  for (std::size_t i = 0; i < page.size(); ++i) page[i] = static_cast<std::uint8_t>(i * 7);
  sqlite::StampPage(page, 9);
  ASSERT_TRUE(sqlite::IsPageWhole(page, 9));
  EXPECT_FALSE(sqlite::IsPageWhole(page, 10));
  for (std::size_t bit = 0; bit < page.size() * 8; ++bit) {
    page[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    EXPECT_FALSE(sqlite::IsPageWhole(page, 9)) << bit;
    page[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
  }
  Bytes zeros(512);
  sqlite::StampPage(zeros, 3);
  EXPECT_EQ(zeros, Bytes(512)) << "what lengthens a file stays zeros";
  EXPECT_TRUE(sqlite::IsPageWhole(zeros, 3));
}

TEST_F(PageChecksumsTest, TwoPagesThatChangePlacesAreNoticed) {
  Fill(path_, true);
  Bytes bytes = ReadBytes(path_);
  const auto pages = static_cast<std::ptrdiff_t>(bytes.size() / 16384);
  const auto at = [&](std::ptrdiff_t page) { return bytes.begin() + page * 16384; };
  std::swap_ranges(at(pages / 2), at(pages / 2 + 1), at(pages / 2 + 1));
  WriteBytes(path_, bytes);
  EXPECT_EQ(WrongPages(path_).size(), 2u);
}

TEST_F(PageChecksumsTest, ABackupHasThemWhereItsDatabaseHas) {
  for (const bool has : {true, false}) {
    const std::string from = folder_.File(has ? "with.db" : "without.db"), to = from + ".backup";
    Fill(from, has);
    auto store = OpenSqliteStore(from);
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE((*store)->BackUp(to).ok());
    if (has) {
      EXPECT_THAT(WrongPages(to), testing::IsEmpty());
    } else {
      EXPECT_THAT(WrongPages(to), testing::ElementsAre(0));
    }
    EXPECT_EQ(*LossIn(to), kMarkedLoss);
  }
}

TEST_F(PageChecksumsTest, AFileThatTravelsHasNone) {
  Fill(path_, true);
  auto store = OpenSqliteStore(path_);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE(ExportStudyFile(*Read(**store), "s", folder_.File("study.db")).ok());
  EXPECT_THAT(WrongPages(folder_.File("study.db")), testing::ElementsAre(0));
}

TEST_F(PageChecksumsTest, AnOldFileGetsThemOnRequest) {
  Fill(path_, false);
  fs::permissions(path_, fs::perms(0640));
  SqliteOptions renew;
  renew.renew_checksums = true;
  {
    auto store = OpenSqliteStore(path_, renew);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->GetHealth()->has_page_checksums);
    EXPECT_FALSE(OpenSqliteStore(path_).ok()) << "it is held, under its new file too";
    EXPECT_TRUE((*store)->CheckIntegrity().ok());
  }
  EXPECT_THAT(WrongPages(path_), testing::IsEmpty());
  EXPECT_EQ(*LossIn(path_), kMarkedLoss);
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms(0640));
  for (const auto& entry : fs::directory_iterator(fs::path(path_).parent_path())) {
    EXPECT_THAT(entry.path().string(), testing::Not(HasSubstr("partial")));
  }
}

TEST_F(PageChecksumsTest, ADatabaseInUseIsNotRenewed) {
  Fill(path_, false);
  auto store = OpenSqliteStore(path_);
  ASSERT_TRUE(store.ok());
  SqliteOptions renew;
  renew.renew_checksums = true;
  EXPECT_EQ(OpenSqliteStore(path_, renew).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(WrongPages(path_), testing::ElementsAre(0));
}

TEST_F(PageChecksumsTest, AFileThatWasChangedByHandIsTakenAsItStandsOnRequest) {
  Fill(path_, true);
  ChangeTheLoss(path_, 2.5);
  SqliteOptions renew;
  renew.renew_checksums = true;
  ASSERT_TRUE(OpenSqliteStore(path_, renew).ok()) << OpenSqliteStore(path_, renew).status();
  EXPECT_EQ(*LossIn(path_), 2.5);
  // What SQLite itself finds wrong is not taken.
  Bytes bytes = ReadBytes(path_);
  std::fill(bytes.begin() + 5 * 16384, bytes.begin() + 9 * 16384, 0xff);
  WriteBytes(path_, bytes);
  EXPECT_EQ(OpenSqliteStore(path_, renew).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadBytes(path_), bytes);
}

}  // namespace
}  // namespace sextant::storage
