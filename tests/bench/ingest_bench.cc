// SPDX-License-Identifier: Apache-2.0
// Uploads through gRPC at the scale of Shallue et al. (2019), beside the floor: the same chunks encoded and
// put straight into a bare SQLite table in the same run. The server is a process of its own, so its CPU time
// and memory are its alone. The default is a twentieth of the whole; --scale 1 is all of it.
//
//   ingest_bench [--scale S] [--batch RUNS] [--durability full|normal] [--digest] [--folder DIR] [--variables
//   N]
#include <getopt.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "base/sha256.h"
#include "server/convert/curve.h"
#include "server/convert/run.h"
#include "tests/bench/measure.h"
#include "tests/bench/raw_chunks.h"
#include "tests/bench/storage_data.h"
#include "tests/server/daemon.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using storage::Check;
using storage::Spent;

constexpr std::int64_t kWindow = 8;  // chunks on the way, as the command line has

struct Options {
  double scale = 0.05;
  std::int64_t batch = 100;
  std::string durability = "full", folder = "/tmp";
  bool digest = false;  // as the command line sends: bytes under a SHA-256
  int variables = 0;    // that the study declares
};

void CheckCall(const grpc::Status& status) {
  if (!status.ok()) storage::Fail(absl::InternalError(status.error_message()));
}

// User and system time of another process, in seconds.
double CpuOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double PeakMebibytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stod(line.substr(6)) / 1024;
  }
  return std::nan("");
}

v1::Run Message(const storage::RunWithCurve& run) {
  v1::Run message;
  RunToProto(run.run, message, storage::BenchVariables(static_cast<int>(run.run.values.size())));
  message.clear_name();
  CurveToProto(run.curve, 0, run.curve.size(), *message.mutable_curve());
  return message;
}

void Report(const char* what, double value, const char* unit, const char* target) {
  std::printf("%-52s %10.3f %-12s %s\n", what, value, unit, target);
  std::fflush(stdout);
}

using Stream = grpc::ClientReaderWriter<v1::UploadRunsRequest, v1::UploadRunsResponse>;

void Send(Stream& stream, const std::vector<storage::RunWithCurve>& runs, std::int64_t index, bool digest) {
  v1::UploadRunsRequest request;
  v1::UploadChunk& chunk = *request.mutable_chunk();
  chunk.set_index(index);
  v1::RunBatch batch;
  for (const storage::RunWithCurve& run : runs) *batch.add_runs() = Message(run);
  if (digest) {
    batch.SerializeToString(chunk.mutable_encoded_batch());
    chunk.set_sha256(Sha256Of(chunk.encoded_batch()));
  } else {
    *chunk.mutable_batch() = std::move(batch);
  }
  if (!stream.Write(request)) storage::Fail(absl::InternalError("the upload broke off"));
}

/// Reads answers until every chunk before `index` is durable.
void WaitUntilDurable(Stream& stream, std::int64_t index, std::int64_t& durable) {
  v1::UploadRunsResponse answer;
  while (durable < index) {
    if (!stream.Read(&answer)) storage::Fail(absl::InternalError("the upload broke off"));
    durable = answer.next_chunk();
  }
}

void Ingest(const Daemon& daemon, const std::string& raw_path, const Options& options, std::int64_t runs,
            std::int64_t points) {
  Context study_context, context;
  v1::CreateStudyRequest create;
  v1::Study study;
  create.set_study_id("shallue");
  create.mutable_study()->set_param_count(v1::TOTAL);
  for (const storage::DeclaredColumn& variable : storage::BenchVariables(options.variables))
    create.mutable_study()->add_variables()->set_name(variable.name);
  const auto channel = daemon.Channel();
  CheckCall(v1::StudyService::NewStub(channel)->CreateStudy(&study_context, create, &study));
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::hours(1));
  const auto stream = v1::RunService::NewStub(channel)->UploadRuns(&context);
  v1::UploadRunsRequest header;
  header.mutable_header()->set_parent("studies/shallue");
  header.mutable_header()->set_upload_id("bench");
  v1::UploadRunsResponse answer;
  if (!stream->Write(header) || !stream->Read(&answer))
    storage::Fail(absl::InternalError("no header answer"));

  storage::RawTable raw(raw_path, options.durability);
  Spent raw_time;
  const double before = CpuOf(daemon.pid()), wall = storage::Clock(CLOCK_MONOTONIC);
  double elsewhere = 0;  // making the data and writing the raw table
  std::vector<storage::RunWithCurve> batch;
  std::int64_t index = 0, durable = 0;
  for (std::int64_t i = 0; i < runs;) {
    const double begin = storage::Clock(CLOCK_MONOTONIC);
    batch.clear();
    for (; i < runs && static_cast<std::int64_t>(batch.size()) < options.batch; ++i) {
      batch.push_back(storage::ShallueRun("shallue", i, runs, points));
      batch.back().run.values = storage::BenchValues(options.variables, i);
    }
    Measure(raw_time, [&] { raw.Put(batch); });
    elsewhere += storage::Clock(CLOCK_MONOTONIC) - begin;
    Send(*stream, batch, index++, options.digest);
    WaitUntilDurable(*stream, index - kWindow, durable);
  }
  WaitUntilDurable(*stream, index, durable);
  stream->WritesDone();
  CheckCall(stream->Finish());
  const double cpu = CpuOf(daemon.pid()) - before;
  const double seconds = storage::Clock(CLOCK_MONOTONIC) - wall - elsewhere;
  const auto total = static_cast<double>(points) / 1e6;
  Report("ingest through gRPC", total / cpu, "M points/s", "of one core's server CPU; target: 5 or more");
  Report("ingest through gRPC", total / seconds, "M points/s", "wall, the client's own work included");
  Report("raw SQLite chunks (floor)", total / raw_time.cpu, "M points/s", "of one core's CPU");
  Report("server over floor", cpu / raw_time.cpu, "x CPU", "target: at most 2");
  Report("server memory, peak", PeakMebibytes(daemon.pid()), "MiB", "target: under 256");
}

// The first call is shown as well.
template <typename Call>
void Time(const char* what, std::size_t times, double target_ms, Call call) {
  storage::Spent first;
  Measure(first, call);
  const storage::Spent median = storage::Median(times, call);
  std::printf("%-52s %10.3f %-12s target: under %g (first call %.3f)\n", what, 1e3 * median.wall,
              "ms, median", target_ms, 1e3 * first.wall);
  std::fflush(stdout);
}

void Read(const Daemon& daemon, std::int64_t runs) {
  const auto stub = v1::RunService::NewStub(daemon.Channel());
  {
    Context context;
    const auto stream = stub->UploadRuns(&context);
    storage::RunWithCurve thousand = storage::ShallueRun("shallue", 0, 1, 1000);
    thousand.run.id = "thousand";
    v1::UploadRunsRequest header;
    header.mutable_header()->set_parent("studies/shallue");
    v1::UploadRunsResponse answer;
    stream->Write(header);
    stream->Read(&answer);
    Send(*stream, {thousand}, 0, false);
    std::int64_t durable = 0;
    WaitUntilDurable(*stream, 1, durable);
    stream->WritesDone();
    CheckCall(stream->Finish());
  }
  Time("read a 1000-point curve", 1001, 0.5, [&] {
    Context context;
    v1::GetCurveRequest request;
    v1::GetCurveResponse response;
    request.set_name("studies/shallue/runs/thousand");
    CheckCall(stub->GetCurve(&context, request, &response));
    if (response.curve().step_size() != 1000) storage::Fail(absl::InternalError("not the whole curve"));
  });
  // Half a second after the last write the server reads what listings filter by into memory, which takes it
  // less than a second here.
  const double before = CpuOf(daemon.pid());
  std::this_thread::sleep_for(std::chrono::seconds(2));
  Report("columns for listings, read ahead", 1e3 * (CpuOf(daemon.pid()) - before), "ms CPU", "");
  const std::string late = "run_id >= \"trial-" + std::to_string(1'000'000 + runs * 9 / 10) + "\"";
  const std::pair<const char*, std::string> filters[] = {
      {"page of 100, no filter", ""},
      {"page of 100, state = FINISHED", "state = FINISHED"},
      {"page of 100, learning_rate > 0.002", "learning_rate > 0.002"},
      {"page of 100, loss_nats < 2.69 (few match)", "loss_nats < 2.69"},
      {"page of 100, loss_nats < 0 (none matches)", "loss_nats < 0"},
      {"page of 100, one size and diverged", "params_total = 23e6 AND state = DIVERGED"},
      {"page of 100, tags.model = transformer-3", "tags.model = transformer-3"},
      {"page of 100, tags.model = none (none matches)", "tags.model = none"},
      {"page of 100, weight_decay:* (none matches)", "weight_decay:*"},
      {"page of 100, run_id of the last tenth", late},
  };
  for (const auto& [name, filter] : filters) {
    const std::string* text = &filter;
    bool known = true;
    Time(name, 21, 10, [&] {
      Context context;
      v1::ListRunsRequest request;
      v1::ListRunsResponse response;
      request.set_parent("studies/shallue");
      request.set_filter(*text);
      const grpc::Status status = stub->ListRuns(&context, request, &response);
      if (!status.ok() && known) std::printf("  %s\n", status.error_message().c_str());
      known = status.ok();
    });
  }
}

int Main(const Options& options) {
  const auto folder = std::filesystem::path(options.folder) / ("ingest_bench." + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto runs = static_cast<std::int64_t>(static_cast<double>(storage::kShallueRuns) * options.scale);
  const auto points = static_cast<std::int64_t>(static_cast<double>(storage::kShalluePoints) * options.scale);
  std::printf("%lld runs, %lld points, %d variables, synchronous %s, %lld runs a chunk%s\n",
              static_cast<long long>(runs), static_cast<long long>(points), options.variables,
              options.durability.c_str(), static_cast<long long>(options.batch),
              options.digest ? ", bytes under SHA-256" : "");
  const std::string database = folder / "store.db";
  Daemon daemon(folder, database, {"--fsync", options.durability});
  if (!daemon.ready()) storage::Fail(absl::InternalError("sextantd did not start"));
  Ingest(daemon, folder / "raw.db", options, runs, points);
  Read(daemon, runs);
  Report("server memory, peak, listings included", PeakMebibytes(daemon.pid()), "MiB", "target: under 256");
  daemon.Signal(SIGTERM);
  daemon.Wait(std::chrono::seconds(60));
  Report("disk", static_cast<double>(std::filesystem::file_size(database)) / static_cast<double>(points),
         "bytes/point", "target: at most 4");
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace sextant::server

int main(int argc, char** argv) {
  sextant::server::Options options;
  const option flags[] = {{"scale", required_argument, nullptr, 's'},
                          {"batch", required_argument, nullptr, 'b'},
                          {"durability", required_argument, nullptr, 'd'},
                          {"digest", no_argument, nullptr, 'g'},
                          {"folder", required_argument, nullptr, 'f'},
                          {"variables", required_argument, nullptr, 'v'},
                          {nullptr, 0, nullptr, 0}};
  for (int flag = 0; (flag = getopt_long(argc, argv, "", flags, nullptr)) != -1;) {
    if (flag == 's') options.scale = std::stod(optarg);
    if (flag == 'b') options.batch = std::stoll(optarg);
    if (flag == 'd') options.durability = optarg;
    if (flag == 'g') options.digest = true;
    if (flag == 'f') options.folder = optarg;
    if (flag == 'v') options.variables = std::stoi(optarg);
    if (flag == '?') return 2;
  }
  return sextant::server::Main(options);
}
