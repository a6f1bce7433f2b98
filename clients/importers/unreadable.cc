// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/unreadable.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/importers/text.h"

namespace sextant::importers {
namespace {

// What reads a compressed file out, or null. Nothing is unpacked here: its size has no bound.
const char* Compressor(const Sample& sample) {
  static constexpr std::pair<std::string_view, const char*> kMagics[] = {{"\x1F\x8B", "zcat"},
                                                                         {"\x28\xB5\x2F\xFD", "zstdcat"},
                                                                         {"\xFD"
                                                                          "7zXZ",
                                                                          "xzcat"},
                                                                         {"BZh", "bzcat"},
                                                                         {"PK\x03\x04", "unzip -p"}};
  for (const auto& [magic, program] : kMagics) {
    if (sample.BeginsWith(magic)) return program;
  }
  return nullptr;
}

}  // namespace

const char kAimWayOut[] =
    "keeps its values in a store of its own: with Aim installed, `python3 -c 'import aim, json; "
    "[print(json.dumps({\"run\": m.run.hash, \"step\": int(s), m.name: float(v)})) for c in "
    "aim.Repo(\".\").query_metrics(\"True\").iter_runs() for m in c for s, v in "
    "zip(*m.values.sparse_numpy())]'` "
    "in the folder of .aim makes JSON lines of it";

std::string WhyUnreadable(const Sample& sample) {
  if (Trim(sample.head()).empty()) return "it is empty";
  if (sample.BeginsWith("version https://git-lfs.github.com/spec/"))
    return "it is a Git LFS pointer, not the file itself: `git lfs pull` fetches that";
  if (const char* program = Compressor(sample))
    return absl::StrCat("it is compressed: pipe `", program, " FILE` into `sextant runs import -`");
  if (sample.BeginsWith("\xFF\xFE") || sample.BeginsWith("\xFE\xFF"))
    return "it is UTF-16: convert it with `iconv -f UTF-16 -t UTF-8`";
  if (sample.BeginsWith("PAR1")) {
    return "it is a Parquet file: `python3 -c 'import pandas, sys; pandas.read_parquet(sys.argv[1]).to_json("
           "sys.stdout, orient=\"records\", lines=True)' FILE` makes JSON lines of it";
  }
  if (sample.HasKey("op_code") && sample.HasKey("worker_id")) {
    return "it is a journal of Optuna, which keeps changes and not trials: copy the study into a database "
           "with `optuna.copy_study(from_study_name=NAME, from_storage=JOURNAL, "
           "to_storage=\"sqlite:///study.db\")` and import that";
  }
  if (sample.HasTables({"run", "run_tag", "experiment"}))
    return std::string("it is the index of an Aim repository, which ") + kAimWayOut;
  return {};
}

}  // namespace sextant::importers
