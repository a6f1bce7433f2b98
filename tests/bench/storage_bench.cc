// SPDX-License-Identifier: Apache-2.0
// The store at the scale of Shallue et al. (2019), each figure beside its floor: the same chunks put straight
// into a bare SQLite table in the same run. Figures are CPU time of the measuring thread unless they say
// otherwise.
//
//   storage_bench [--runs N] [--points N] [--durability full|normal] [--batch RUNS] [--folder DIR] [--keep]
//                 [--no-checksums]
#include <absl/strings/str_format.h>
#include <getopt.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>

#include "storage/sqlite/sqlite_store.h"
#include "tests/bench/measure.h"
#include "tests/bench/raw_chunks.h"
#include "tests/bench/storage_data.h"
#include "tests/storage/one_call.h"

namespace sextant::storage {
namespace {

constexpr char kStudy[] = "shallue";

struct Options {
  std::int64_t runs = kShallueRuns, points = kShalluePoints, batch = 100;
  int variables = 0;
  std::string durability = "full", folder = "/tmp";
  bool keep = false, page_checksums = true;
};

void Report(const char* what, double value, const char* unit, const std::string& beside = "") {
  std::printf("%-58s %10.3f %-12s %s\n", what, value, unit, beside.c_str());
  std::fflush(stdout);
}

void ReportTime(const std::string& what, const Spent& spent, const std::string& target) {
  std::printf("%-58s %10.3f ms wall, %.3f ms CPU  %s\n", what.c_str(), 1e3 * spent.wall, 1e3 * spent.cpu,
              target.c_str());
  std::fflush(stdout);
}

std::shared_ptr<Store> Open(const std::string& path, const Options& options) {
  SqliteOptions sqlite;
  sqlite.durability = options.durability == "normal" ? Durability::kNormal : Durability::kFull;
  sqlite.page_checksums = options.page_checksums;
  return Take(OpenSqliteStore(path, sqlite));
}

double MebibytesPeak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void Ingest(const std::string& path, const std::string& raw_path, const Options& options) {
  Spent store_time, raw_time;
  auto store = Open(path, options);
  Study study;
  study.id = kStudy;
  study.declared = BenchVariables(options.variables);
  Check(Write(*store, &Transaction::CreateStudy, study));
  RawTable raw(raw_path, options.durability);
  std::vector<RunWithCurve> batch;
  for (std::int64_t i = 0; i < options.runs;) {
    batch.clear();
    for (; i < options.runs && static_cast<std::int64_t>(batch.size()) < options.batch; ++i) {
      batch.push_back(ShallueRun(kStudy, i, options.runs, options.points));
      batch.back().run.values = BenchValues(options.variables, i);
    }
    // Interleaved, so that both see the same machine.
    Measure(store_time, [&] { Take(Write(*store, &Transaction::PutRuns, kStudy, batch)); });
    Measure(raw_time, [&] { raw.Put(batch); });
  }
  const auto points = static_cast<double>(options.points);
  Report("ingest, store", points / store_time.cpu / 1e6, "M points/s", "of one core's CPU");
  Report("ingest, raw SQLite chunks (floor)", points / raw_time.cpu / 1e6, "M points/s", "of one core's CPU");
  Report("ingest, store over raw", store_time.cpu / raw_time.cpu, "x CPU", "target: at most 2");
  Report("ingest, store", points / store_time.wall / 1e6, "M points/s",
         "wall, beside the raw table's writes");
  Report("ingest, raw", points / raw_time.wall / 1e6, "M points/s", "wall");
  Spent checkpoint;
  Measure(checkpoint, [&] { Check(store->Checkpoint()); });
  Report("memory, peak of the process", MebibytesPeak(), "MiB", "target: under 256");
}

void MeasureReads(Store& store, const Options& options) {
  std::mt19937_64 random(7);
  const auto any_run = [&] {
    return "trial-" + std::to_string(1'000'000 + static_cast<std::int64_t>(
                                                     random() % static_cast<std::uint64_t>(options.runs)));
  };
  RunWithCurve thousand = ShallueRun(kStudy, 0, 1, 1000);
  thousand.run.id = "thousand";
  Check(Write(store, &Transaction::PutRuns, kStudy, std::span(&thousand, 1)).status());
  ReportTime("read a 1000-point curve, median",
             Median(1001,
                    [&] {
                      if (Take(Read(store)->GetCurve(kStudy, "thousand")).size() != 1000)
                        Fail(absl::InternalError("wrong curve"));
                    }),
             "target: well under 0.3");
  Check(Write(store, &Transaction::DeleteRun, kStudy, "thousand"));
  ReportTime("read any curve of the study, median",
             Median(1001, [&] { Take(Read(store)->GetCurve(kStudy, any_run())); }), "");
  ReportTime("load the run table of the study, median",
             Median(5,
                    [&] {
                      if (Take(Read(store)->LoadRunTable(kStudy, {})).size() !=
                          static_cast<std::size_t>(options.runs)) {
                        Fail(absl::InternalError("wrong table"));
                      }
                    }),
             "target: under 200");
}

Condition Compare(const std::string& field, Condition::Op op, double number, const std::string& text = "",
                  Condition::Kind kind = Condition::Kind::kCompare) {
  Condition condition;
  condition.kind = kind;
  condition.field = field;
  condition.op = op;
  condition.number = number;
  condition.text = text;
  return condition;
}

Condition Both(Condition::Kind kind, const Condition& a, const Condition& b) {
  Condition both;
  both.kind = kind;
  both.children = {a, b};
  return both;
}

Condition Not(const Condition& condition) {
  Condition negated;
  negated.kind = Condition::Kind::kNot;
  negated.children = {condition};
  return negated;
}

void List(Store& store) {
  using enum Condition::Op;
  const double last = 1e6 * 23;
  struct Case {
    const char* name;
    std::vector<Condition> where;
    std::string order_by;
  };
  const std::vector<Case> cases = {
      {"no filter", {}, ""},
      {"state = finished", {Compare("state", kEq, 0, "finished")}, ""},
      {"learning_rate > median", {Compare("learning_rate", kGt, std::exp2(-9.0))}, ""},
      {"loss < 2.69 (few match)", {Compare("loss", kLt, 2.69)}, ""},
      {"loss < 0 (none matches)", {Compare("loss", kLt, 0)}, ""},
      {"params_total = largest, state = diverged",
       {Compare("params_total", kEq, last), Compare("state", kEq, 0, "diverged")},
       ""},
      {"tag model = transformer-3",
       {Compare("model", kEq, 0, "transformer-3", Condition::Kind::kHasTag)},
       ""},
      {"tag model = none (none matches)", {Compare("model", kEq, 0, "none", Condition::Kind::kHasTag)}, ""},
      {"id of the last tenth (in order of id)", {Compare("id", kGe, 0, "trial-1151344")}, ""},
      {"no filter, by loss", {}, "loss"},
      {"learning_rate > median, by loss", {Compare("learning_rate", kGt, std::exp2(-9.0))}, "loss"},
      {"weight_decay known (no index, none matches)",
       {Compare("weight_decay", kEq, 0, "", Condition::Kind::kIsKnown)},
       ""},
      {"no filter, by steps (no index)", {}, "steps"},
      {"NOT learning_rate > 0 (none matches)", {Not(Compare("learning_rate", kGt, 0))}, ""},
      {"loss < 0 OR tokens < 0 (none matches)",
       {Both(Condition::Kind::kOr, Compare("loss", kLt, 0), Compare("tokens", kLt, 0))},
       ""},
      {"loss < 2.6 AND adam_beta2 unknown, by tokens",
       {Compare("loss", kLt, 2.6), Not(Compare("adam_beta2", kEq, 0, "", Condition::Kind::kIsKnown))},
       "tokens"},
      {"label none (none matches)", {Compare("", kEq, 0, "none", Condition::Kind::kHasLabel)}, ""},
      {"source contains none (none matches)", {Compare("source", kContains, 0, "none")}, ""},
  };
  for (const Case& one : cases) {
    RunQuery query;
    query.study_id = kStudy;
    query.where = one.where;
    query.order_by = one.order_by;
    std::size_t rows = 0;
    // A scan, unless its columns are in memory already; a second may read them.
    const Spent first = Median(1, [&] { rows = Take(Read(store)->ListRuns(query)).items.size(); });
    const Spent second = Median(1, [&] { rows = Take(Read(store)->ListRuns(query)).items.size(); });
    const Spent spent = Median(21, [&] { rows = Take(Read(store)->ListRuns(query)).items.size(); });
    ReportTime(std::string("page of 100: ") + one.name, spent,
               absl::StrFormat("%d rows; first %.3f, second %.3f ms CPU; target: under 10", rows,
                               1e3 * first.cpu, 1e3 * second.cpu));
  }
}

int Main(const Options& options) {
  const std::filesystem::path folder =
      std::filesystem::path(options.folder) / ("storage_bench." + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = folder / "store.db", raw_path = folder / "raw.db";
  std::printf("%lld runs, %lld points, synchronous %s, %lld runs a transaction\n",
              static_cast<long long>(options.runs), static_cast<long long>(options.points),
              options.durability.c_str(), static_cast<long long>(options.batch));
  Ingest(path, raw_path, options);
  {
    auto store = Open(path, options);
    const double bytes = static_cast<double>(std::filesystem::file_size(path));
    Report("disk", bytes / static_cast<double>(options.points), "bytes/point", "target: at most 4");
    Report("disk, raw chunks (floor)",
           static_cast<double>(std::filesystem::file_size(raw_path)) / static_cast<double>(options.points),
           "bytes/point");
    MeasureReads(*store, options);
    List(*store);
    Spent check;
    Measure(check, [&] { Check(store->CheckIntegrity()); });
    Report("integrity check of everything", check.wall, "s", "wall");
  }
  if (!options.keep) std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace sextant::storage

int main(int argc, char** argv) {
  sextant::storage::Options options;
  const option flags[] = {{"runs", required_argument, nullptr, 'r'},
                          {"points", required_argument, nullptr, 'p'},
                          {"batch", required_argument, nullptr, 'b'},
                          {"durability", required_argument, nullptr, 'd'},
                          {"folder", required_argument, nullptr, 'f'},
                          {"keep", no_argument, nullptr, 'k'},
                          {"variables", required_argument, nullptr, 'v'},
                          {"no-checksums", no_argument, nullptr, 'n'},
                          {nullptr, 0, nullptr, 0}};
  for (int flag = 0; (flag = getopt_long(argc, argv, "", flags, nullptr)) != -1;) {
    if (flag == 'r') options.runs = std::stoll(optarg);
    if (flag == 'p') options.points = std::stoll(optarg);
    if (flag == 'b') options.batch = std::stoll(optarg);
    if (flag == 'd') options.durability = optarg;
    if (flag == 'f') options.folder = optarg;
    if (flag == 'k') options.keep = true;
    if (flag == 'n') options.page_checksums = false;
    if (flag == 'v') options.variables = std::stoi(optarg);
    if (flag == '?') return 2;
  }
  return sextant::storage::Main(options);
}
