// SPDX-License-Identifier: Apache-2.0
// The process: it starts, stops in time and says what is wrong with its flags.
#include "tests/server/daemon.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>

#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

class DaemonTest : public ::testing::Test {
 protected:
  DaemonTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sextant-daemon-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    database_ = folder_ + "/test.db";
  }
  ~DaemonTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  static void CreateStudy(const Daemon& daemon, const std::string& id) {
    Context context;
    v1::CreateStudyRequest request;
    v1::Study study;
    request.set_study_id(id);
    const auto status = v1::StudyService::NewStub(daemon.Channel())->CreateStudy(&context, request, &study);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  static v1::UploadRunsRequest Header(const std::string& upload_id) {
    v1::UploadRunsRequest request;
    request.mutable_header()->set_parent("studies/s");
    request.mutable_header()->set_upload_id(upload_id);
    return request;
  }
  std::string folder_, database_;
};

TEST_F(DaemonTest, StopsOnSigtermWithLiveStreams) {
  Daemon daemon(folder_, database_, {"--shutdown-seconds", "1"});
  ASSERT_TRUE(daemon.ready());
  CreateStudy(daemon, "s");
  auto runs = v1::RunService::NewStub(daemon.Channel());
  constexpr int kStreams = 24;
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<v1::UploadRunsRequest, v1::UploadRunsResponse>>>
      streams;
  for (int i = 0; i < kStreams; ++i) {
    contexts.push_back(std::make_unique<Context>());
    streams.push_back(runs->UploadRuns(contexts.back().get()));
    v1::UploadRunsResponse answer;
    ASSERT_TRUE(streams.back()->Write(Header(absl::StrCat("u", i))));
    ASSERT_TRUE(streams.back()->Read(&answer));
  }
  const auto begin = steady_clock::now();
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.Wait(milliseconds(20'000)), 0);
  EXPECT_LT(steady_clock::now() - begin, milliseconds(6'000));
  for (auto& stream : streams) EXPECT_FALSE(stream->Finish().ok());
}

TEST_F(DaemonTest, StopsAtOnceWhenIdle) {
  Daemon daemon(folder_, database_, {"--shutdown-seconds", "60"});
  ASSERT_TRUE(daemon.ready());
  CreateStudy(daemon, "s");
  daemon.Signal(SIGINT);
  EXPECT_EQ(daemon.Wait(milliseconds(10'000)), 0);
}

TEST_F(DaemonTest, StopsWhileAFitRuns) {
  std::string fit_name;
  {
    Daemon daemon(folder_, database_, {"--shutdown-seconds", "5"});
    ASSERT_TRUE(daemon.ready());
    CreateStudy(daemon, "s");
    Context upload_context, fit_context;
    auto stream = v1::RunService::NewStub(daemon.Channel())->UploadRuns(&upload_context);
    v1::UploadRunsRequest chunk;
    for (const v1::Run& run : RateSweep()) *chunk.mutable_chunk()->mutable_batch()->add_runs() = run;
    stream->Write(Header(""));
    stream->Write(chunk);
    stream->WritesDone();
    v1::UploadRunsResponse answer;
    while (stream->Read(&answer)) {
    }
    ASSERT_TRUE(stream->Finish().ok());
    v1::CreateFitRequest request;
    v1::Fit fit;
    request.set_parent("studies/s");
    request.set_law("lr-power-nd");
    request.set_bootstrap_replicates(100000);
    ASSERT_TRUE(v1::FitService::NewStub(daemon.Channel())->CreateFit(&fit_context, request, &fit).ok());
    fit_name = fit.name();
    daemon.Signal(SIGTERM);
    EXPECT_EQ(daemon.Wait(milliseconds(20'000)), 0);
  }
  Daemon daemon(folder_, database_);
  ASSERT_TRUE(daemon.ready());
  Context context;
  v1::GetFitRequest request;
  v1::Fit fit;
  request.set_name(fit_name);
  ASSERT_TRUE(v1::FitService::NewStub(daemon.Channel())->GetFit(&context, request, &fit).ok());
  EXPECT_NE(fit.state(), v1::FIT_RUNNING) << "no fit is left running by a server that has stopped";
}

TEST_F(DaemonTest, MarksFitsOfADeadProcessFailed) {
  std::string fit_name;
  {
    Daemon daemon(folder_, database_);
    ASSERT_TRUE(daemon.ready());
    CreateStudy(daemon, "s");
    auto fits = v1::FitService::NewStub(daemon.Channel());
    // Many at once, so that some have not ended when the process dies.
    for (int i = 0; i < 40; ++i) {
      Context context;
      v1::CreateFitRequest request;
      v1::Fit fit;
      request.set_parent("studies/s");
      request.set_law("lr-power-nd");
      ASSERT_TRUE(fits->CreateFit(&context, request, &fit).ok());
      fit_name = fit.name();
    }
    daemon.Signal(SIGKILL);
    EXPECT_EQ(daemon.Wait(milliseconds(10'000)), -SIGKILL);
  }
  Daemon daemon(folder_, database_);
  ASSERT_TRUE(daemon.ready());
  Context context;
  v1::ListFitsRequest request;
  v1::ListFitsResponse page;
  request.set_parent("studies/s");
  request.set_page_size(100);
  ASSERT_TRUE(v1::FitService::NewStub(daemon.Channel())->ListFits(&context, request, &page).ok());
  EXPECT_EQ(page.fits_size(), 40) << "an acknowledged fit is kept";
  for (const v1::Fit& fit : page.fits()) EXPECT_EQ(fit.state(), v1::FIT_FAILED) << fit.name();
}

TEST_F(DaemonTest, SaysWhatIsWrongWithItsFlags) {
  EXPECT_EQ(RunDaemon(folder_, {}).code, 2) << "no database";
  EXPECT_EQ(RunDaemon(folder_, {"--db", database_, "--no-such-flag"}).code, 2);
  const Ended open = RunDaemon(folder_, {"--db", database_, "--listen", "0.0.0.0:0"});
  EXPECT_EQ(open.code, 2);
  EXPECT_THAT(open.errors, HasSubstr("--insecure-non-loopback"));
  Daemon daemon(folder_, database_);
  ASSERT_TRUE(daemon.ready());
  const Ended busy = RunDaemon(
      folder_, {"--db", folder_ + "/other.db", "--listen", absl::StrCat("127.0.0.1:", daemon.port())});
  EXPECT_EQ(busy.code, 1);
  EXPECT_THAT(busy.errors, HasSubstr("cannot listen on"));
  const Ended locked = RunDaemon(folder_, {"--db", database_, "--listen", "127.0.0.1:0"});
  EXPECT_EQ(locked.code, 1);
  EXPECT_THAT(locked.errors, HasSubstr("--server"));
}

}  // namespace
}  // namespace sextant::server
