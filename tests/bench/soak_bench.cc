// SPDX-License-Identifier: Apache-2.0
// Many clients at once: uploaders, readers and a fit after another, while Predict is timed. No call may fail,
// no run may be lost; the latency of Predict is printed alone and under this load.
//
//   build/bin/soak_bench [SECONDS [UPLOADERS [READERS]]]     (20, 32, 8)
//
// The clients share this machine's cores with the server, so the loaded latency holds their work too: Ping,
// an empty call on the same server at the same time, is the floor to compare with.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/daemon.h"
#include "tests/server/service_fixture.h"
#include "tests/storage/temp_folder.h"

namespace sextant::server {
namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

constexpr int kRunsPerChunk = 20, kPointsPerRun = 400;

// What went wrong in any client, by message.
class Failures {
 public:
  bool Check(const grpc::Status& status, const char* call) {
    if (!status.ok()) {
      const std::scoped_lock lock(mutex_);
      ++counts_[absl::StrCat(call, ": ", status.error_message())];
    }
    return status.ok();
  }
  bool empty() const { return counts_.empty(); }
  void Print() const {
    for (const auto& [what, count] : counts_) std::printf("FAILED %dx %s\n", count, what.c_str());
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> counts_;
};

using Stop = std::atomic<bool>;

v1::Run RunOf(int uploader, std::int64_t number) {
  v1::Run run = SomeRun(absl::StrCat("u", uploader, "-", number));
  for (int i = 0; i < kPointsPerRun; ++i) {
    run.mutable_curve()->add_step(i);
    run.mutable_curve()->add_train_loss(3.0F + 1.0F / static_cast<float>(i + 1 + number % 7));
  }
  return run;
}

// Chunks until told to stop, each acknowledged before the next; returns how many runs were acknowledged.
std::int64_t Upload(const std::shared_ptr<grpc::Channel>& channel, int self, const Stop& stop,
                    Failures& failures) {
  Context context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(30));
  const auto stream = v1::RunService::NewStub(channel)->UploadRuns(&context);
  v1::UploadRunsRequest request;
  v1::UploadRunsResponse answer;
  request.mutable_header()->set_parent("studies/load");
  request.mutable_header()->set_upload_id(absl::StrCat("u", self));
  stream->Write(request);
  stream->Read(&answer);
  while (!stop) {
    v1::UploadChunk& chunk = *request.mutable_chunk();
    chunk.Clear();
    chunk.set_index(answer.next_chunk());
    for (int i = 0; i < kRunsPerChunk; ++i) {
      *chunk.mutable_batch()->add_runs() = RunOf(self, chunk.index() * kRunsPerChunk + i);
    }
    if (!stream->Write(request) || !stream->Read(&answer)) break;
  }
  stream->WritesDone();
  failures.Check(stream->Finish(), "UploadRuns");
  return answer.next_chunk() * kRunsPerChunk;
}

// Lists and reads curves until told to stop; returns the number of calls.
std::int64_t Read(const std::shared_ptr<grpc::Channel>& channel, const Stop& stop, Failures& failures) {
  const auto stub = v1::RunService::NewStub(channel);
  std::int64_t calls = 0;
  while (!stop) {
    v1::ListRunsRequest list;
    v1::ListRunsResponse page;
    list.set_parent("studies/load");
    list.set_filter("state = FINISHED AND learning_rate > 1e-6");
    Context list_context;
    if (!failures.Check(stub->ListRuns(&list_context, list, &page), "ListRuns")) break;
    ++calls;
    for (int i = 0; i < page.runs_size() && !stop; i += 10, ++calls) {
      v1::GetCurveRequest get;
      v1::GetCurveResponse curve;
      get.set_name(page.runs(i).name());
      Context context;
      failures.Check(stub->GetCurve(&context, get, &curve), "GetCurve");
    }
  }
  return calls;
}

// Waits for the fit's end; its name, or "" if it failed.
std::string Fit(const std::shared_ptr<grpc::Channel>& channel, Failures& failures) {
  const auto fits = v1::FitService::NewStub(channel);
  v1::CreateFitRequest request;
  v1::WatchFitRequest watch;
  v1::Fit fit;
  request.set_parent("studies/swept");
  request.set_law("lr-power-nd");
  request.set_estimator("band");
  request.set_bootstrap_replicates(1000);
  Context create_context, watch_context;
  if (!failures.Check(fits->CreateFit(&create_context, request, &fit), "CreateFit")) return "";
  watch.set_name(fit.name());
  const auto stream = fits->WatchFit(&watch_context, watch);
  while (stream->Read(&fit)) {
  }
  if (!failures.Check(stream->Finish(), "WatchFit")) return "";
  return fit.state() == v1::FIT_SUCCEEDED ? fit.name() : "";
}

void Prepare(const std::shared_ptr<grpc::Channel>& channel, Failures& failures) {
  const auto studies = v1::StudyService::NewStub(channel);
  for (const char* id : {"load", "swept"}) {
    Context context;
    v1::CreateStudyRequest request;
    v1::Study study;
    request.set_study_id(id);
    failures.Check(studies->CreateStudy(&context, request, &study), "CreateStudy");
  }
  Context context;
  const auto stream = v1::RunService::NewStub(channel)->UploadRuns(&context);
  v1::UploadRunsRequest header, chunk;
  header.mutable_header()->set_parent("studies/swept");
  for (const v1::Run& run : RateSweep()) *chunk.mutable_chunk()->mutable_batch()->add_runs() = run;
  stream->Write(header);
  stream->Write(chunk);
  stream->WritesDone();
  v1::UploadRunsResponse answer;
  while (stream->Read(&answer)) {
  }
  failures.Check(stream->Finish(), "UploadRuns");
}

double Quantile(std::vector<double>& values, double q) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// Calls Ping and Predict in turn for so long; prints both, returns the p99 of Predict in milliseconds.
double TimePredict(const std::shared_ptr<grpc::Channel>& channel, const std::string& fit, double seconds,
                   const char* what, Failures& failures) {
  const auto system = v1::SystemService::NewStub(channel);
  const auto predictions = v1::PredictionService::NewStub(channel);
  v1::PredictRequest request;
  request.set_params(1e9);
  request.set_tokens(1e11);
  request.add_fits(fit);
  std::vector<double> ping_ms, predict_ms;
  const auto time = [](std::vector<double>& times, const std::function<void()>& call) {
    const auto begin = steady_clock::now();
    call();
    times.push_back(duration<double, std::milli>(steady_clock::now() - begin).count());
  };
  const auto end = steady_clock::now() + duration<double>(seconds);
  while (steady_clock::now() < end) {
    time(ping_ms, [&] {
      Context context;
      v1::PingResponse answer;
      failures.Check(system->Ping(&context, v1::PingRequest(), &answer), "Ping");
    });
    time(predict_ms, [&] {
      Context context;
      v1::PredictResponse answer;
      failures.Check(predictions->Predict(&context, request, &answer), "Predict");
    });
  }
  const double p99 = Quantile(predict_ms, 0.99);
  std::printf("%-10s %7zu calls  Ping p50 %.3f p99 %.3f ms  Predict p50 %.3f p99 %.3f ms\n", what,
              predict_ms.size(), Quantile(ping_ms, 0.5), Quantile(ping_ms, 0.99), Quantile(predict_ms, 0.5),
              p99);
  std::fflush(stdout);
  return p99;
}

int Main(double seconds, int uploaders, int readers) {
  const storage::TempFolder folder;
  const Daemon daemon(folder.File(""), folder.File("soak.db"));
  if (!daemon.ready()) return 1;
  Failures failures;
  const auto channel = daemon.Channel();
  Prepare(channel, failures);
  const std::string fit = Fit(channel, failures);
  if (fit.empty()) {
    failures.Print();
    return 1;
  }
  const double alone = TimePredict(channel, fit, seconds / 4, "alone", failures);

  Stop stop = false;
  std::atomic<std::int64_t> acknowledged = 0, reads = 0, fits_done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < uploaders; ++i) {
    threads.emplace_back([&, i] { acknowledged += Upload(daemon.Channel(), i, stop, failures); });
  }
  for (int i = 0; i < readers; ++i) {
    threads.emplace_back([&] { reads += Read(daemon.Channel(), stop, failures); });
  }
  threads.emplace_back([&] {
    const auto own = daemon.Channel();
    while (!stop && !Fit(own, failures).empty()) ++fits_done;
  });
  const double loaded = TimePredict(channel, fit, seconds, "loaded", failures);
  stop = true;
  for (std::thread& thread : threads) thread.join();

  Context context;
  v1::GetStudyRequest get;
  v1::Study study;
  get.set_name("studies/load");
  failures.Check(v1::StudyService::NewStub(channel)->GetStudy(&context, get, &study), "GetStudy");
  const bool is_whole = study.run_count() == acknowledged;
  std::printf("%d uploaders: %lld runs of %d points acknowledged, %lld stored%s\n", uploaders,
              static_cast<long long>(acknowledged), kPointsPerRun, static_cast<long long>(study.run_count()),
              is_whole ? "" : "  LOST OR DOUBLED");
  std::printf("%d readers: %lld calls; %lld fits ended\n", readers, static_cast<long long>(reads),
              static_cast<long long>(fits_done));
  std::printf("Predict p99 loaded / alone: %.1f\n", loaded / alone);
  failures.Print();
  return is_whole && failures.empty() ? 0 : 1;
}

}  // namespace
}  // namespace sextant::server

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 20;
  return sextant::server::Main(seconds, argc > 2 ? std::atoi(argv[2]) : 32,
                               argc > 3 ? std::atoi(argv[3]) : 8);
}
