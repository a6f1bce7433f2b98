// SPDX-License-Identifier: Apache-2.0
// The PostgreSQL engine at the scale of Shallue et al. (2019), beside binary COPY of the same rows and chunks
// into tables of the same form in the same run. Starts a server of its own, with fsync. CPU is of this thread
// and of the backends that it talks to; what the server's writer and checkpointer spend is in neither figure.
//
//   postgres_bench [--runs N] [--points N] [--batch RUNS]
#include <getopt.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "storage/postgres/postgres_store.h"
#include "storage/postgres/sql/copy_in.h"
#include "storage/relational/rows/curve_rows.h"
#include "storage/relational/rows/run_labels.h"
#include "storage/relational/rows/run_rows.h"
#include "storage/relational/sql/json_text.h"
#include "tests/bench/measure.h"
#include "tests/bench/storage_data.h"
#include "tests/storage/one_call.h"
#include "tests/storage/postgres/cluster.h"

namespace sextant::storage {
namespace {

constexpr char kBenchStudy[] = "shallue";

struct BenchOptions {
  std::int64_t runs = kShallueRuns, points = kShalluePoints, batch = 250;
};

// Seconds of CPU that a process has spent (proc(5): utime and stime are the 14th and 15th field).
double ProcessCpu(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::stringstream text;
  text << file.rdbuf();
  std::istringstream fields(text.str().substr(text.str().rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

class RawCopy {
 public:
  explicit RawCopy(postgres::Connection& connection) : connection_(connection) {
    Check(
        connection.Execute("CREATE TABLE raw_runs (LIKE runs INCLUDING ALL); "
                           "CREATE TABLE raw_chunks (LIKE curve_chunks INCLUDING ALL)"));
  }
  void Put(std::span<const EncodedRun> runs) {
    Check(connection_.Execute("BEGIN"));
    auto rows = Take(postgres::CopyIn::Begin(connection_, "raw_runs", relational::StoredRunColumns()));
    const std::int64_t first = next_;
    for (const EncodedRun& run : runs) {
      rows.BeginRow(relational::RunColumnCount() + 1);
      relational::WriteRun(rows, 1, next_++, run.run, relational::ToJson(run.run.tags),
                           relational::UploadedLabels(run.run.labels),
                           static_cast<std::int64_t>(run.curve.points()));
    }
    Check(rows.Finish());
    auto chunks = Take(postgres::CopyIn::Begin(connection_, "raw_chunks", "chunk_key, points, data"));
    std::int64_t key = first;
    for (const EncodedRun& run : runs) {
      for (std::size_t i = 0; i < run.curve.chunks(); ++i) {
        chunks.BeginRow(3);
        chunks.Int(relational::ChunkKey(key, i));
        chunks.Int(static_cast<std::int64_t>(run.curve.chunk_points(i)));
        chunks.Blob(run.curve.chunk(i));
      }
      ++key;
    }
    Check(chunks.Finish());
    Check(connection_.Execute("COMMIT"));
  }

 private:
  postgres::Connection& connection_;
  std::int64_t next_ = 1;
};

void ReportSpent(const char* what, const Spent& client, double backend) {
  std::printf("%-52s %8.2f s client CPU %8.2f s backend CPU %8.2f s wall\n", what, client.cpu, backend,
              client.wall);
  std::fflush(stdout);
}

void ReportRead(const std::string& what, const Spent& spent) {
  std::printf("%-52s %8.2f ms wall %8.2f ms client CPU\n", what.c_str(), 1e3 * spent.wall, 1e3 * spent.cpu);
  std::fflush(stdout);
}

void MeasureIngest(Store& store, PostgresCluster& cluster, const std::string& place,
                   const BenchOptions& options) {
  const auto connection =
      Take(postgres::Connection::Open(Take(postgres::ParsePlace(place)), /*read_only=*/false));
  RawCopy raw(*connection);
  const std::string raw_pid = Take(connection->Ask("SELECT pg_backend_pid()"));
  const std::string store_pid =
      cluster.Ask("SELECT pid FROM pg_stat_activity WHERE application_name = 'sextant' AND pid <> " +
                  raw_pid + " AND query NOT LIKE '%READ ONLY%' ORDER BY backend_start LIMIT 1");
  const double raw_before = ProcessCpu(raw_pid), store_before = ProcessCpu(store_pid);
  Spent store_time, raw_time;
  std::vector<EncodedRun> batch;
  for (std::int64_t i = 0; i < options.runs;) {
    batch.clear();
    for (; i < options.runs && static_cast<std::int64_t>(batch.size()) < options.batch; ++i) {
      const RunWithCurve run = ShallueRun(kBenchStudy, i, options.runs, options.points);
      batch.push_back({run.run, EncodedCurve(run.curve), 0, 0});
    }
    // Interleaved, so that both see the same machine.
    Measure(store_time, [&] {
      Take(Write(store, &Transaction::PutEncodedRuns, kBenchStudy, std::span<const EncodedRun>(batch)));
    });
    Measure(raw_time, [&] { raw.Put(batch); });
  }
  const double store_backend = ProcessCpu(store_pid) - store_before,
               raw_backend = ProcessCpu(raw_pid) - raw_before;
  ReportSpent("ingest, store", store_time, store_backend);
  ReportSpent("ingest, binary COPY of the same rows (floor)", raw_time, raw_backend);
  std::printf("%-52s %8.2f x CPU, both sides (target: at most 2.5)\n", "ingest, store over COPY",
              (store_time.cpu + store_backend) / (raw_time.cpu + raw_backend));
}

Condition LossBelow(double loss) {
  Condition condition;
  condition.field = "loss";
  condition.op = Condition::Op::kLt;
  condition.number = loss;
  return condition;
}

void MeasureReading(Store& store) {
  std::vector<double> losses;
  ReportRead("load the run table of the study, median of 5",
             Median(5, [&] { losses = Take(Read(store)->LoadRunTable(kBenchStudy, {})).loss; }));
  std::sort(losses.begin(), losses.end());
  ReportRead("read a curve, median of 501",
             Median(501, [&] { Take(Read(store)->GetCurve(kBenchStudy, "trial-1000007")); }));
  for (const double share : {.5, .01, .0005}) {
    RunQuery query;
    query.study_id = kBenchStudy;
    query.where = {LossBelow(losses[static_cast<std::size_t>(share * static_cast<double>(losses.size()))])};
    Spent first;
    Measure(first, [&] { Take(Read(store)->ListRuns(query)); });
    Take(Read(store)->ListRuns(query));
    char what[80];
    std::snprintf(what, sizeof(what), "page of 100, a filter that %.2f %% match", 100 * share);
    ReportRead(std::string(what) + ", first", first);
    ReportRead(std::string(what) + ", later", Median(21, [&] { Take(Read(store)->ListRuns(query)); }));
  }
}

int Main(int argc, char** argv) {
  BenchOptions options;
  const option flags[] = {{"runs", required_argument, nullptr, 'r'},
                          {"points", required_argument, nullptr, 'p'},
                          {"batch", required_argument, nullptr, 'b'},
                          {nullptr, 0, nullptr, 0}};
  for (int flag; (flag = getopt_long(argc, argv, "", flags, nullptr)) != -1;) {
    if (flag == '?') return 2;
    (flag == 'r' ? options.runs : flag == 'p' ? options.points : options.batch) = std::atoll(optarg);
  }
  const auto cluster = PostgresCluster::Make(/*durable=*/true);
  if (cluster == nullptr) {
    std::printf("PostgreSQL is not installed\n");
    return 0;
  }
  const std::string url = cluster->NewUrl(), place = url.substr(url.find(':') + 1);
  const auto store = Take(OpenPostgresStore(place));
  Study study;
  study.id = kBenchStudy;
  Check(Write(*store, &Transaction::CreateStudy, study));
  MeasureIngest(*store, *cluster, place, options);
  MeasureReading(*store);
  return 0;
}

}  // namespace
}  // namespace sextant::storage

int main(int argc, char** argv) { return sextant::storage::Main(argc, argv); }
