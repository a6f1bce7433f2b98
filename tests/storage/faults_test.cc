// SPDX-License-Identifier: Apache-2.0
// What the disk does to a store: full, read-only, damaged, cut short.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "storage/sqlite/sql/connection.h"
#include "storage/sqlite/sqlite_store.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

using testing::HasSubstr;

constexpr int kCannotTry = 77;

// Runs `work` in a child, since mounts and user ids are a process's. Its assertions print; failures fail the
// test.
int InChild(const std::function<int()>& work) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int code = work();
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// Losses alone: their chunks fill pages well, so that damage anywhere falls on something.
Curve LossCurve(int index, std::size_t points) {
  Curve curve = SampleCurve(points, static_cast<std::uint64_t>(index));
  curve.validation_loss.clear();
  curve.learning_rate.clear();
  curve.gradient_noise_scale.clear();
  return curve;
}

absl::Status Put(Transaction& transaction, int index, std::size_t points) {
  const RunWithCurve run = {SampleRun("s", index), LossCurve(index, points)};
  return transaction.PutRuns("s", std::span(&run, 1)).status();
}

absl::Status Put(Store& store, int index, std::size_t points) {
  return store.Write([&](Transaction& transaction) { return Put(transaction, index, points); });
}

void Fill(const std::string& path, int runs) {
  auto store = OpenSqliteStore(path);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  for (int i = 0; i < runs; ++i) ASSERT_TRUE(Put(**store, i, 1000).ok());
}

// Reads everything; returns false when anything was reported damaged. Must never crash or give wrong values.
bool ReadsWhole(Store& store, int runs) {
  bool whole = store.CheckIntegrity().ok();
  const auto table = Read(store)->LoadRunTable("s", {});
  whole = whole && table.ok();
  for (int i = 0; i < runs; ++i) {
    const auto curve = Read(store)->GetCurve("s", SampleRun("s", i).id);
    whole = whole && curve.ok();
    if (curve.ok() && curve->size() == 1000) {
      EXPECT_EQ(Differences(*curve, LossCurve(i, 1000)), "") << "damage read as data";
    }
  }
  return whole;
}

// A file system of 1.5 MB that only this process sees.
bool MountSmall(const std::string& mount_point) {
  if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  return mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=1500k") == 0;
}

// Runs `work` with a folder that has little room; skips the test where none can be made.
void OnSmallDisk(const std::function<void(const std::string& mount_point)>& work) {
  TempFolder folder;
  const std::string mount_point = folder.File("small");
  std::filesystem::create_directory(mount_point);
  const int code = InChild([&] {
    if (!MountSmall(mount_point)) return kCannotTry;
    work(mount_point);
    return 0;
  });
  if (code == kCannotTry) GTEST_SKIP() << "needs the right to mount a tmpfs";
  EXPECT_EQ(code, 0);
}

}  // namespace

TEST(Faults, AFullDiskRefusesWritesAndLosesNothing) {
  OnSmallDisk([](const std::string& mount_point) {
    const std::string path = mount_point + "/store.db";
    auto store = OpenSqliteStore(path);
    EXPECT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("s")).ok());
    int kept = 0;
    absl::Status status;
    while (kept < 5000 && (status = Put(**store, kept, 1000)).ok()) ++kept;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no space left"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    EXPECT_GT(kept, 0);
    // A transaction that SQLite ended reports that, whatever its work says.
    const absl::Status batch = (*store)->Write([&](Transaction& inside) {
      for (int i = 0; i < 200; ++i) Put(inside, 10'000 + i, 1000).IgnoreError();
      return absl::OkStatus();
    });
    EXPECT_EQ(batch.code(), absl::StatusCode::kResourceExhausted) << batch;
    EXPECT_EQ(Read(**store)->GetStudy("s")->run_count, kept);
    EXPECT_TRUE(ReadsWhole(**store, kept));
    store->reset();
    auto again = OpenSqliteStore(path);
    EXPECT_TRUE(again.ok()) << again.status();
    if (again.ok()) {
      EXPECT_EQ(Read(**again)->GetStudy("s")->run_count, kept);
    }
    // With space again, it writes again.
    mount(nullptr, mount_point.c_str(), nullptr, MS_REMOUNT, "size=20m");
    if (again.ok()) {
      EXPECT_TRUE(Put(**again, kept, 1000).ok());
    }
    if (again.ok()) {
      EXPECT_TRUE(ReadsWhole(**again, kept + 1));
    }
  });
}

TEST(Faults, AClosedFileOnAFullDiskIsStillRead) {
  TempFolder folder;
  OnSmallDisk([&](const std::string& mount_point) {
    const std::string path = mount_point + "/store.db";
    Fill(path, 2);
    {
      std::ofstream fill(mount_point + "/fill", std::ios::binary);
      const std::string page(4096, 'x');
      while (fill.write(page.data(), 4096).flush()) {
      }
    }
    EXPECT_EQ(OpenSqliteStore(path).status().code(), absl::StatusCode::kResourceExhausted);
    SqliteOptions options;
    options.read_only = true;
    auto store = OpenSqliteStore(path, options);
    EXPECT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(store.ok() && ReadsWhole(**store, 2));
    EXPECT_TRUE(store.ok() && (*store)->BackUp(folder.File("saved.db")).ok());
  });
}

TEST(Faults, AFileThatMayNotBeWrittenSaysSo) {
  TempFolder folder;
  const std::string path = folder.File("store.db");
  Fill(path, 2);
  const int code = InChild([&] {
    std::filesystem::permissions(folder.File(""), std::filesystem::perms(0755));
    std::filesystem::permissions(path, std::filesystem::perms(0444));
    std::filesystem::permissions(path + ".lock", std::filesystem::perms(0666));
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return kCannotTry;
    const absl::Status status = OpenSqliteStore(path).status();
    EXPECT_TRUE(status.code() == absl::StatusCode::kFailedPrecondition ||
                status.code() == absl::StatusCode::kPermissionDenied)
        << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    EXPECT_THAT(std::string(status.message()),
                testing::AnyOf(HasSubstr("writable"), HasSubstr("permission")));
    return 0;
  });
  if (code == kCannotTry) GTEST_SKIP() << "needs the right to become another user";
  EXPECT_EQ(code, 0);
}

TEST(Faults, AFileInAFolderThatMayNotBeWrittenIsStillRead) {
  TempFolder folder;
  std::filesystem::create_directory(folder.File("odd %?# name"));
  const std::string path = folder.File("odd %?# name/store.db");
  Fill(path, 2);
  const int code = InChild([&] {
    std::filesystem::permissions(folder.File(""), std::filesystem::perms(0755));
    std::filesystem::permissions(path, std::filesystem::perms(0444));
    std::filesystem::permissions(folder.File("odd %?# name"), std::filesystem::perms(0555));
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return kCannotTry;
    SqliteOptions options;
    options.read_only = true;
    auto store = OpenSqliteStore(path, options);
    EXPECT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(store.ok() && ReadsWhole(**store, 2));
    return 0;
  });
  std::filesystem::permissions(folder.File("odd %?# name"), std::filesystem::perms(0755));
  if (code == kCannotTry) GTEST_SKIP() << "needs the right to become another user";
  EXPECT_EQ(code, 0);
}

TEST(Faults, DamagedPagesAreReportedNeverReadAsData) {
  constexpr int kRuns = 200;
  TempFolder folder;
  Fill(folder.File("whole.db"), kRuns);
  std::mt19937_64 random(11);
  const auto size = std::filesystem::file_size(folder.File("whole.db"));
  int reported = 0;
  for (int round = 0; round < 30; ++round) {
    const std::string path = folder.File("damaged.db");
    std::filesystem::copy_file(folder.File("whole.db"), path,
                               std::filesystem::copy_options::overwrite_existing);
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      // In the half that holds the chunks: the first one is mostly the empty roots of small tables.
      file.seekp(static_cast<std::streamoff>(size / 2 + random() % (size / 2 - 600)));
      for (int i = 0; i < 600; ++i) file.put(static_cast<char>(random()));
    }
    auto store = OpenSqliteStore(path);
    if (!store.ok()) {
      EXPECT_TRUE(store.status().code() == absl::StatusCode::kDataLoss ||
                  store.status().code() == absl::StatusCode::kFailedPrecondition)
          << store.status();
      EXPECT_THAT(std::string(store.status().message()), HasSubstr(path));
      ++reported;
    } else if (!ReadsWhole(**store, kRuns)) {
      ++reported;
    }
  }
  // 600 random bytes can fall on the free space of a page, seldom.
  EXPECT_GE(reported, 24);
}

TEST(Faults, AFileCutShortIsReported) {
  TempFolder folder;
  const std::string path = folder.File("store.db");
  Fill(path, 40);
  const auto size = std::filesystem::file_size(path);
  for (const auto kept : {size - 1, size - 16384, size / 2, std::uintmax_t{16384}, std::uintmax_t{100}}) {
    const std::string cut = folder.File("cut.db");
    std::filesystem::copy_file(path, cut, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(cut, kept);
    auto store = OpenSqliteStore(cut);
    const bool whole = store.ok() && ReadsWhole(**store, 40);
    EXPECT_FALSE(whole) << kept;
    if (!store.ok()) {
      EXPECT_THAT(std::string(store.status().message()), HasSubstr(cut));
    }
  }
}

TEST(Faults, ALostChunkIsFound) {
  TempFolder folder;
  const std::string path = folder.File("store.db");
  Fill(path, 3);
  {
    auto connection = sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite);
    ASSERT_TRUE(connection.ok());
    ASSERT_TRUE((*connection)
                    ->Execute("DELETE FROM curve_chunks WHERE rowid = (SELECT max(rowid) FROM curve_chunks)")
                    .ok());
  }
  auto store = OpenSqliteStore(path);
  ASSERT_TRUE(store.ok());
  const absl::Status status = (*store)->CheckIntegrity();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("run-1002"));
}

}  // namespace sextant::storage
