// SPDX-License-Identifier: Apache-2.0
// The server is killed at random moments while several clients upload: what it acknowledged must be there,
// whole and once, and every upload goes on where it was acknowledged. SEXTANT_CRASH_ROUNDS sets how often
// (8; the full run is 200), SEXTANT_TEST_SEED replays the moments.
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <cstdlib>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "server/service/upload_chunk.h"
#include "storage/sqlite/sqlite_store.h"
#include "tests/server/daemon.h"
#include "tests/server/service_fixture.h"
#include "tests/storage/one_call.h"
#include "tests/storage/temp_folder.h"

namespace sextant::server {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kUploaders = 4;
constexpr int kRunsPerChunk = 3, kRoundsPerFile = 10;

std::string RunId(std::size_t uploader, std::int64_t chunk, int run) {
  return absl::StrCat("u", uploader, "-", chunk, "-", run);
}
int PointsOf(int run) { return 50 + 400 * run; }

v1::Run RunOf(std::size_t uploader, std::int64_t chunk, int run) {
  v1::Run made = SomeRun(RunId(uploader, chunk, run));
  for (int i = 0; i < PointsOf(run); ++i) {
    made.mutable_curve()->add_step(i);
    made.mutable_curve()->add_train_loss(static_cast<float>(chunk) + 1.0F / static_cast<float>(i + 1));
  }
  return made;
}

void CreateStudy(const Daemon& daemon) {
  Context context;
  v1::CreateStudyRequest request;
  v1::Study study;
  request.set_study_id("s");
  const auto status = v1::StudyService::NewStub(daemon.Channel())->CreateStudy(&context, request, &study);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

// One upload: goes on where the server says, until the server dies or `chunks` more are acknowledged.
struct Uploader {
  std::int64_t acknowledged = 0;  // chunks
  std::int64_t resumed_at = -1;   // what the server answered to the header; -1 if it did not get so far
  std::int64_t sent = 0;          // chunks acknowledged in this round
  std::int64_t accepted = 0;      // runs, as the last answer counts them

  void Upload(const Daemon& daemon, std::size_t self, std::int64_t chunks) {
    resumed_at = -1;
    sent = 0;
    Context context;
    const auto stream = v1::RunService::NewStub(daemon.Channel())->UploadRuns(&context);
    v1::UploadRunsRequest request;
    v1::UploadRunsResponse answer;
    request.mutable_header()->set_parent("studies/s");
    request.mutable_header()->set_upload_id(absl::StrCat("u", self));
    if (stream->Write(request) && stream->Read(&answer)) {
      resumed_at = answer.next_chunk();
      while (sent < chunks) {
        v1::UploadChunk& chunk = *request.mutable_chunk();
        chunk.Clear();
        chunk.set_index(answer.next_chunk());
        for (int run = 0; run < kRunsPerChunk; ++run) {
          *chunk.mutable_batch()->add_runs() = RunOf(self, chunk.index(), run);
        }
        if (!stream->Write(request) || !stream->Read(&answer)) break;
        acknowledged = answer.next_chunk();
        accepted = answer.accepted();
        ++sent;
      }
    }
    stream->WritesDone();
    stream->Finish();
  }
};

using Uploaders = std::array<Uploader, kUploaders>;

// Reads the file as the dead server left it; returns where each upload stands.
void Verify(const std::string& path, const Uploaders& uploaders,
            std::array<std::int64_t, kUploaders>& durable) {
  const auto store = storage::OpenSqliteStore(path);
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Status integrity = (*store)->CheckIntegrity();
  ASSERT_TRUE(integrity.ok()) << integrity;
  std::int64_t runs = 0;
  const auto study = Read(**store)->GetStudy("s");
  ASSERT_TRUE(study.ok()) << study.status();
  for (std::size_t u = 0; u < kUploaders; ++u) {
    const auto upload = Read(**store)->GetUpload(StoredUploadId(*study, absl::StrCat("u", u)));
    durable[u] = upload.ok() ? upload->next_chunk : 0;
    EXPECT_GE(durable[u], uploaders[u].acknowledged) << "an acknowledged chunk is lost";
    runs += durable[u] * kRunsPerChunk;
    for (std::int64_t chunk = 0; chunk < durable[u]; ++chunk) {
      for (int run = 0; run < kRunsPerChunk; ++run) {
        const auto curve = Read(**store)->GetCurve("s", RunId(u, chunk, run));
        ASSERT_TRUE(curve.ok()) << curve.status();
        ASSERT_EQ(curve->size(), static_cast<std::size_t>(PointsOf(run)));
      }
    }
  }
  EXPECT_EQ(Read(**store)->GetStudy("s")->run_count, runs) << "half a chunk, or a run twice";
  EXPECT_EQ(static_cast<std::int64_t>(Read(**store)->LoadRunTable("s", {})->size()), runs);
}

void UploadAll(const Daemon& daemon, Uploaders& uploaders, std::int64_t chunks) {
  std::vector<std::thread> threads;
  for (std::size_t u = 0; u < kUploaders; ++u) {
    threads.emplace_back([&, u] { uploaders[u].Upload(daemon, u, chunks); });
  }
  for (std::thread& thread : threads) thread.join();
}

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(Kill, DuringConcurrentUploadsLosesNothingAcknowledged) {
  const auto rounds = static_cast<int>(FromEnvironment("SEXTANT_CRASH_ROUNDS", 8));
  const std::uint64_t seed = FromEnvironment("SEXTANT_TEST_SEED", std::random_device()());
  SCOPED_TRACE(absl::StrCat("SEXTANT_TEST_SEED=", seed));
  std::mt19937_64 random(seed);
  const storage::TempFolder folder;
  Uploaders uploaders;
  std::array<std::int64_t, kUploaders> durable{};
  std::int64_t acknowledged_chunks = 0, resumed = 0;
  for (int round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    // A new file now and then, so that verifying stays quick.
    const std::string path = folder.File(absl::StrCat("store", round / kRoundsPerFile, ".db"));
    const bool is_new = round % kRoundsPerFile == 0;
    const bool is_last = round + 1 == rounds || (round + 1) % kRoundsPerFile == 0;
    if (is_new) {
      uploaders = {};
      durable = {};
    }
    Daemon daemon(folder.File(""), path);
    ASSERT_TRUE(daemon.ready());
    if (is_new) {
      ASSERT_NO_FATAL_FAILURE(CreateStudy(daemon));
    }
    std::thread killer([&, delay = milliseconds(2 + random() % 150)] {
      std::this_thread::sleep_for(delay);
      daemon.Signal(SIGKILL);
    });
    UploadAll(daemon, uploaders, std::numeric_limits<std::int64_t>::max());
    killer.join();
    ASSERT_EQ(daemon.Wait(milliseconds(10'000)), -SIGKILL);
    for (std::size_t u = 0; u < kUploaders; ++u) {
      acknowledged_chunks += uploaders[u].sent;
      if (uploaders[u].resumed_at < 0) continue;
      EXPECT_EQ(uploaders[u].resumed_at, durable[u]) << "goes on where it was durable";
      resumed += uploaders[u].resumed_at > 0 ? 1 : 0;
    }
    ASSERT_NO_FATAL_FAILURE(Verify(path, uploaders, durable));
    if (!is_last) continue;
    Daemon quiet(folder.File(""), path);
    ASSERT_TRUE(quiet.ready());
    UploadAll(quiet, uploaders, 3);
    for (std::size_t u = 0; u < kUploaders; ++u) {
      EXPECT_EQ(uploaders[u].resumed_at, durable[u]);
      EXPECT_EQ(uploaders[u].sent, 3);
      EXPECT_EQ(uploaders[u].accepted, uploaders[u].acknowledged * kRunsPerChunk);
    }
  }
  EXPECT_GT(acknowledged_chunks, 0) << "the kills came before anything was uploaded";
  std::printf("%d kills, %lld acknowledged chunks, %lld uploads resumed, none lost\n", rounds,
              static_cast<long long>(acknowledged_chunks), static_cast<long long>(resumed));
}

}  // namespace
}  // namespace sextant::server
