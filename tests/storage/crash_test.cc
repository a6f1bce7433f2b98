// SPDX-License-Identifier: Apache-2.0
// A process is killed at random moments while it writes: every write that it acknowledged must be there,
// whole and once. SEXTANT_CRASH_ROUNDS sets how often (20; the full run is 200), SEXTANT_TEST_SEED replays
// the moments.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <thread>

#include "storage/sqlite/sqlite_store.h"
#include "storage/writer.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

constexpr int kUploaders = 4;
constexpr int kRunsPerChunk = 3;

std::string RunId(int uploader, int chunk, int run) {
  return "u" + std::to_string(uploader) + "-" + std::to_string(chunk) + "-" + std::to_string(run);
}

// One chunk of an upload: its runs and where the upload then stands, in one transaction.
absl::Status PutChunk(Transaction& transaction, int uploader, int chunk) {
  std::vector<RunWithCurve> runs;
  for (int i = 0; i < kRunsPerChunk; ++i) {
    runs.push_back({SampleRun("s", chunk), SampleCurve(static_cast<std::size_t>(100 + 700 * i), 1)});
    runs.back().run.id = RunId(uploader, chunk, i);
  }
  if (auto outcomes = transaction.PutRuns("s", runs); !outcomes.ok()) return outcomes.status();
  Upload upload;
  upload.id = "u" + std::to_string(uploader);
  upload.study_id = "s";
  upload.next_chunk = chunk + 1;
  return transaction.PutUpload(upload);
}

struct Acknowledgement {
  int uploader, next_chunk;
};

// The child: resumes each upload where the store says, writes until it is killed, and tells of each commit.
[[noreturn]] void WriteForever(const std::string& path, int acknowledgements) {
  auto store = OpenSqliteStore(path);
  if (!store.ok()) _exit(3);
  if (!Read(**store)->GetStudy("s").ok() && !Write(**store, &Transaction::CreateStudy, SampleStudy("s")).ok())
    _exit(4);
  Writer writer(*store, 100);
  std::vector<std::thread> uploaders;
  for (int u = 0; u < kUploaders; ++u) {
    uploaders.emplace_back([&, u] {
      const auto upload = Read(**store)->GetUpload("u" + std::to_string(u));
      for (int chunk = upload.ok() ? static_cast<int>(upload->next_chunk) : 0;; ++chunk) {
        std::mutex waiting;
        waiting.lock();
        const absl::Status submitted =
            writer.Submit([&](Transaction& transaction) { return PutChunk(transaction, u, chunk); },
                          [&](const absl::Status& status) {
                            const Acknowledgement told{u, chunk + 1};
                            if (!status.ok() || write(acknowledgements, &told, sizeof(told)) != sizeof(told))
                              _exit(5);
                            waiting.unlock();
                          });
        if (!submitted.ok()) _exit(6);
        waiting.lock();
        waiting.unlock();
      }
    });
  }
  for (std::thread& thread : uploaders) thread.join();
  _exit(7);
}

void Verify(Store& store, const std::array<int, kUploaders>& acknowledged) {
  ASSERT_TRUE(store.CheckIntegrity().ok()) << store.CheckIntegrity();
  std::int64_t runs = 0;
  for (int u = 0; u < kUploaders; ++u) {
    const auto upload = Read(store)->GetUpload("u" + std::to_string(u));
    const int durable = upload.ok() ? static_cast<int>(upload->next_chunk) : 0;
    EXPECT_GE(durable, acknowledged[static_cast<std::size_t>(u)]) << "an acknowledged chunk is lost";
    runs += durable * kRunsPerChunk;
    for (int chunk = 0; chunk < durable; ++chunk) {
      for (int i = 0; i < kRunsPerChunk; ++i) {
        const auto curve = Read(store)->GetCurve("s", RunId(u, chunk, i));
        ASSERT_TRUE(curve.ok()) << curve.status();
        ASSERT_EQ(curve->size(), static_cast<std::size_t>(100 + 700 * i));
      }
    }
  }
  if (runs > 0) {
    EXPECT_EQ(Read(store)->GetStudy("s")->run_count, runs) << "half a chunk, or a run twice";
    EXPECT_EQ(static_cast<std::int64_t>(Read(store)->LoadRunTable("s", {})->size()), runs);
  }
}

}  // namespace

TEST(Crash, EveryAcknowledgedWriteSurvivesKill) {
  const char* rounds_text = std::getenv("SEXTANT_CRASH_ROUNDS");
  const int rounds = rounds_text != nullptr ? std::atoi(rounds_text) : 20;
  const char* seed_text = std::getenv("SEXTANT_TEST_SEED");
  const std::uint64_t seed =
      seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("SEXTANT_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  TempFolder folder;
  std::string path;
  std::array<int, kUploaders> acknowledged{};
  int commits = 0;
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    if (round % 10 == 0) {  // start over now and then, so that verifying stays quick
      path = folder.File("store" + std::to_string(round) + ".db");
      acknowledged = {};
    }
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(pipe_ends[0]);
      WriteForever(path, pipe_ends[1]);
    }
    close(pipe_ends[1]);
    usleep(static_cast<useconds_t>(random() % 120'000));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself with code " << WEXITSTATUS(status);
    Acknowledgement told{};
    while (read(pipe_ends[0], &told, sizeof(told)) == sizeof(told)) {
      acknowledged[static_cast<std::size_t>(told.uploader)] = told.next_chunk;
      ++commits;
    }
    close(pipe_ends[0]);
    auto store = OpenSqliteStore(path);
    ASSERT_TRUE(store.ok()) << store.status();
    Verify(**store, acknowledged);
  }
  EXPECT_GT(commits, 0) << "no round got as far as a commit";
  std::printf("%d kills, %d acknowledged commits, none lost\n", rounds, commits);
}

}  // namespace sextant::storage
