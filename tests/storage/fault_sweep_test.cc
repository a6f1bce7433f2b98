// SPDX-License-Identifier: Apache-2.0
// Every read, write, sync and truncate of every kind of work fails, once and for good, and the power goes at
// every sync: what was acknowledged is there afterwards, what was not is there whole or not at all. By
// default some of the calls are tried; SEXTANT_FAULTS=long tries each.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <span>

#include "storage/sqlite/sqlite_store.h"
#include "storage/study_file.h"
#include "tests/storage/fault_vfs.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

constexpr std::size_t kPoints = 400;
constexpr int kBaseRuns = 6;
constexpr std::int64_t kTriedByDefault = 12;  // calls of each kind, of each work

bool TriesEach() {
  const char* text = std::getenv("SEXTANT_FAULTS");
  return text != nullptr && std::string(text) == "long";
}

absl::Status PutRun(Transaction& transaction, int index) {
  const RunWithCurve run = {SampleRun("base", index),
                            SampleCurve(kPoints, static_cast<std::uint64_t>(index))};
  return transaction.PutRuns("base", std::span(&run, 1)).status();
}

// "" when the run is there with its curve, else what is wrong; "absent" when nothing of it is there.
std::string StateOfRun(Snapshot& snapshot, int index) {
  const Run wanted = SampleRun("base", index);
  const auto run = snapshot.GetRun("base", wanted.id);
  if (absl::IsNotFound(run.status())) return "absent";
  if (!run.ok()) return run.status().ToString();
  const auto curve = snapshot.GetCurve("base", wanted.id);
  if (!curve.ok()) return curve.status().ToString();
  return Differences(*curve, SampleCurve(kPoints, static_cast<std::uint64_t>(index)));
}

/// One acknowledged or refused step of a piece of work.
struct Step {
  std::function<absl::Status(Store&)> act;
  /// "" when its effect is there, "absent" when nothing of it is, else what is wrong.
  std::function<std::string(Snapshot&)> state;
};

struct Work {
  const char* name;
  std::vector<Step> steps;
};

template <typename Result>
std::string Presence(const Result& found) {
  if (found.ok()) return "";
  return absl::IsNotFound(found.status()) ? "absent" : found.status().ToString();
}
template <typename Result>
std::string Absence(const Result& found) {
  const std::string state = Presence(found);
  return state.empty() ? "absent" : state == "absent" ? "" : state;
}

Work Creating() {
  Work work{"create", {}};
  for (const char* id : {"one", "two", "three"}) {
    work.steps.push_back(
        {[id](Store& store) { return Write(store, &Transaction::CreateStudy, SampleStudy(id)); },
         [id](Snapshot& snapshot) { return Presence(snapshot.GetStudy(id)); }});
  }
  return work;
}

Work Uploading() {
  Work work{"upload", {}};
  for (int i = 0; i < 8; ++i) {
    const int index = 100 + 2 * i;
    work.steps.push_back({[index](Store& store) {
                            return store.Write([index](Transaction& transaction) {
                              const absl::Status first = PutRun(transaction, index);
                              return first.ok() ? PutRun(transaction, index + 1) : first;
                            });
                          },
                          [index](Snapshot& snapshot) {
                            const std::string a = StateOfRun(snapshot, index),
                                              b = StateOfRun(snapshot, index + 1);
                            return a == b ? a : "one is '" + a + "', the other '" + b + "'";
                          }});
  }
  return work;
}

Work Fitting() {
  Work work{"fit", {}};
  for (const char* id : {"f1", "f2", "f3", "f4"}) {
    work.steps.push_back(
        {[id](Store& store) { return Write(store, &Transaction::PutFit, SampleFit("base", id)); },
         [id](Snapshot& snapshot) {
           const auto fit = snapshot.GetFit("base", id);
           return fit.ok() ? Differences(*fit, SampleFit("base", id)) : Presence(fit);
         }});
  }
  return work;
}

Work Forecasting() {
  Work work{"forecast", {}};
  for (const char* id : {"c1", "c2", "c3", "c4"}) {
    work.steps.push_back(
        {[id](Store& store) { return Write(store, &Transaction::PutForecast, SampleForecast("base", id)); },
         [id](Snapshot& snapshot) {
           const auto forecast = snapshot.GetForecast("base", id);
           return forecast.ok() ? Differences(*forecast, SampleForecast("base", id)) : Presence(forecast);
         }});
  }
  return work;
}

Work Labelling() {
  Work work{"label", {}};
  for (int i = 0; i < kBaseRuns; ++i) {
    const std::string id = SampleRun("base", i).id;
    work.steps.push_back(
        {[id](Store& store) {
           const std::vector<RunLabels> labels = {{id, {"shaken"}}};
           return store.Write([&](Transaction& transaction) {
             return transaction.SetRunLabels("base", kSweepLabels, labels, LabelScope::kNamedRuns);
           });
         },
         [id](Snapshot& snapshot) -> std::string {
           const auto run = snapshot.GetRun("base", id);
           if (!run.ok()) return run.status().ToString();
           return std::find(run->labels.begin(), run->labels.end(), "shaken") != run->labels.end() ? ""
                                                                                                   : "absent";
         }});
  }
  return work;
}

Work Deleting() {
  Work work{"delete", {}};
  for (int i = 0; i < kBaseRuns - 2; ++i) {
    const std::string id = SampleRun("base", i).id;
    work.steps.push_back({[id](Store& store) { return Write(store, &Transaction::DeleteRun, "base", id); },
                          [id](Snapshot& snapshot) { return Absence(snapshot.GetRun("base", id)); }});
  }
  work.steps.push_back({[](Store& store) { return Write(store, &Transaction::DeleteStudy, "other"); },
                        [](Snapshot& snapshot) { return Absence(snapshot.GetStudy("other")); }});
  return work;
}

Work Importing(const std::string& exported) {
  Work work{"import", {}};
  for (const char* id : {"copy-1", "copy-2"}) {
    work.steps.push_back({[id, exported](Store& store) {
                            return store.Write([&](Transaction& transaction) {
                              return ImportStudyFile(exported, transaction, id).status();
                            });
                          },
                          [id](Snapshot& snapshot) -> std::string {
                            const auto study = snapshot.GetStudy(id);
                            if (!study.ok()) return Presence(study);
                            RunQuery query;
                            query.study_id = id;
                            const auto runs = snapshot.ListRuns(query);
                            if (!runs.ok()) return runs.status().ToString();
                            return runs->items.size() == kBaseRuns
                                       ? ""
                                       : "has " + std::to_string(runs->items.size()) + " runs";
                          }});
  }
  return work;
}

// The copy is judged, not the store; a copy that failed may leave a file, which nobody takes for one that did
// not.
Work BackingUp(const std::string& folder) {
  Work work{"backup", {}};
  auto good = std::make_shared<bool>(false);
  const std::string copy = folder + "/copy.db";
  work.steps.push_back({[copy, good](Store& store) {
                          std::filesystem::remove(copy);
                          const absl::Status status = store.BackUp(copy);
                          *good = status.ok();
                          return status;
                        },
                        [copy, good](Snapshot&) -> std::string {
                          if (!*good) return "absent";
                          const auto store = OpenSqliteStore(copy);
                          if (!store.ok()) return store.status().ToString();
                          if (const absl::Status whole = (*store)->CheckIntegrity(); !whole.ok())
                            return whole.ToString();
                          const auto study = Read(**store)->GetStudy("base");
                          return study.ok() && study->run_count == kBaseRuns ? "" : "runs are missing";
                        }});
  return work;
}

class FaultSweep : public testing::Test {
 protected:
  FaultSweep() {
    std::filesystem::create_directory(folder_.File("base"));
    auto store = OpenSqliteStore(folder_.File("base/store.db"));
    EXPECT_TRUE(store.ok()) << store.status();
    for (const char* id : {"base", "other"}) {
      EXPECT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy(id)).ok());
    }
    for (int i = 0; i < kBaseRuns; ++i) {
      EXPECT_TRUE((*store)->Write([&](Transaction& transaction) { return PutRun(transaction, i); }).ok());
    }
    EXPECT_TRUE(ExportStudyFile(*Read(**store), "base", folder_.File("exported.db")).ok());
  }

  std::vector<Work> AllWork() {
    return {Creating(),
            Uploading(),
            Fitting(),
            Forecasting(),
            Labelling(),
            Deleting(),
            Importing(folder_.File("exported.db")),
            BackingUp(folder_.File(""))};
  }

  std::string Fresh(const std::string& name) {
    const std::string folder = folder_.File(name);
    std::filesystem::remove_all(folder);
    std::filesystem::copy(folder_.File("base"), folder);
    return folder + "/store.db";
  }

  // After the faults: opens, is whole, and holds what each step said. Returns how many steps were
  // acknowledged.
  static void Check(const std::string& path, const std::vector<Step>& steps,
                    const std::vector<bool>& acknowledged, const std::string& where) {
    const auto store = OpenSqliteStore(path);
    ASSERT_TRUE(store.ok()) << where << ": " << store.status();
    ASSERT_TRUE((*store)->CheckIntegrity().ok()) << where << ": " << (*store)->CheckIntegrity();
    const auto snapshot = Read(**store);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::string state = steps[i].state(*snapshot);
      if (acknowledged[i]) {
        EXPECT_EQ(state, "") << where << ": acknowledged step " << i << " is lost";
      } else {
        EXPECT_TRUE(state.empty() || state == "absent")
            << where << ": step " << i << " is half there: " << state;
      }
    }
  }

  // Runs the steps with a fault; returns whether it came.
  bool Try(FaultVfs& vfs, const Work& work, DiskCall call, std::int64_t n, bool for_good) {
    const std::string where = std::string(work.name) + ", " + NameOf(call) + " " + std::to_string(n) +
                              (for_good ? " and all after it" : "");
    const std::string path = Fresh("try");
    std::vector<bool> acknowledged;
    {
      auto store = OpenSqliteStore(path);
      EXPECT_TRUE(store.ok()) << where << ": " << store.status();
      if (!store.ok()) return false;
      vfs.FailAt(call, n, for_good);
      for (const Step& step : work.steps) acknowledged.push_back(step.act(**store).ok());
      if (for_good) vfs.Disarm();  // the disk was changed; what the store does at its end counts as well
    }
    const bool struck = vfs.struck();
    vfs.Disarm();
    Check(path, work.steps, acknowledged, where);
    return struck;
  }

  TempFolder folder_;
};

}  // namespace

TEST_F(FaultSweep, EveryDiskCallMayFail) {
  FaultVfs vfs;
  std::int64_t all = 0;
  for (const Work& work : AllWork()) {
    for (const DiskCall call : kDiskCalls) {
      // A run without faults says how many calls there are, the close of the store counted.
      vfs.FailAt(call, -1, false);
      const std::string path = Fresh("count");
      {
        auto store = OpenSqliteStore(path);
        ASSERT_TRUE(store.ok()) << store.status();
        vfs.FailAt(call, -1, false);
        for (const Step& step : work.steps) ASSERT_TRUE(step.act(**store).ok()) << work.name;
      }
      const std::int64_t calls = vfs.calls(call);
      vfs.Disarm();
      const std::int64_t stride = TriesEach() ? 1 : std::max<std::int64_t>(1, calls / kTriedByDefault);
      std::int64_t tried = 0, came = 0;
      for (const bool for_good : {false, true}) {
        for (std::int64_t n = 1; n <= calls + 1 && !HasFatalFailure(); n += stride) {
          ++tried;
          came += Try(vfs, work, call, n, for_good) ? 1 : 0;
        }
      }
      all += came;
      std::printf("%-7s %-9s %5lld calls, %5lld faults tried, %5lld came\n", work.name, NameOf(call),
                  static_cast<long long>(calls), static_cast<long long>(tried), static_cast<long long>(came));
      std::fflush(stdout);
    }
  }
  std::printf("%lld faults in all\n", static_cast<long long>(all));
  EXPECT_GT(all, 100);
}

// Returns how many acknowledged steps were lost, over all syncs; other faults fail the test.
namespace {

struct Losses {
  int points = 0, disks = 0, lost = 0, refused = 0;
};

Losses LosePowerAtEverySync(const std::string& path, const Work& work, Durability durability,
                            const std::string& after) {
  struct Point {
    FaultVfs::Disk disk;
    std::size_t acknowledged = 0;
  };
  std::vector<Point> points;
  std::size_t acknowledged = 0;
  {
    FaultVfs vfs;
    SqliteOptions options;
    options.durability = durability;
    auto store = OpenSqliteStore(path, options);
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return {};
    vfs.Watch(std::filesystem::path(path).parent_path().string(), [&](const FaultVfs::Disk& disk) {
      points.push_back({disk, acknowledged});
    });
    for (const Step& step : work.steps) {
      EXPECT_TRUE(step.act(**store).ok());
      ++acknowledged;
    }
    EXPECT_TRUE((*store)->Checkpoint().ok());
    store->reset();
    vfs.Unwatch();
  }
  Losses losses;
  losses.points = static_cast<int>(points.size());
  std::uint64_t seed = 1;
  for (const Point& point : points) {
    for (const PowerLoss loss : kPowerLosses) {
      ++losses.disks;
      std::filesystem::remove_all(after);
      std::filesystem::create_directory(after);
      WriteAfterLoss(point.disk, loss, seed++, after);
      const auto store = OpenSqliteStore(after + "/store.db");
      if (!store.ok()) {
        ++losses.refused;
        EXPECT_FALSE(store.status().message().empty());
        ADD_FAILURE() << "point " << seed << ": " << store.status();
        continue;
      }
      EXPECT_TRUE((*store)->CheckIntegrity().ok()) << (*store)->CheckIntegrity();
      const auto snapshot = Read(**store);
      for (std::size_t i = 0; i < work.steps.size(); ++i) {
        const std::string state = work.steps[i].state(*snapshot);
        if (i < point.acknowledged && !state.empty()) ++losses.lost;
        EXPECT_TRUE(state.empty() || state == "absent") << state;
      }
    }
  }
  return losses;
}

}  // namespace

TEST_F(FaultSweep, ALossOfPowerAtAnySyncLosesNothingAcknowledged) {
  for (const Work& work : AllWork()) {
    if (std::string(work.name) == "backup")
      continue;  // its copy is a file of its own; the store is only read
    const Losses losses =
        LosePowerAtEverySync(Fresh("power"), work, Durability::kFull, folder_.File("after"));
    std::printf("%-7s power lost at %3d syncs, %4d disks: %d acknowledged steps lost, %d refused\n",
                work.name, losses.points, losses.disks, losses.lost, losses.refused);
    EXPECT_GT(losses.points, 0) << work.name;
    EXPECT_EQ(losses.lost, 0) << work.name;
  }
}

TEST_F(FaultSweep, TheCheckFindsAStoreThatAcknowledgesBeforeItSyncs) {
  // --fsync normal does so, and says so: the last commits may go with the power.
  const Losses losses =
      LosePowerAtEverySync(Fresh("power"), Uploading(), Durability::kNormal, folder_.File("after"));
  std::printf("fsync normal: power lost at %d syncs: %d acknowledged steps lost\n", losses.points,
              losses.lost);
  EXPECT_GT(losses.lost, 0);
}

}  // namespace sextant::storage
