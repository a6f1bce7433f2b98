// SPDX-License-Identifier: Apache-2.0
// Every NAME.expected of the golden folder says what the importers make of NAME next to it, a file or a
// folder: its first line has the flags, the others what comes out. A log format without one fails here.
//
// SEXTANT_WRITE_GOLDEN=1 in the environment writes those files anew, to be read before they are kept.
#include <gmock/gmock.h>

#include <charconv>
#include <cstdlib>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "clients/importers/fields.h"
#include "clients/importers/format.h"
#include "clients/importers/text.h"
#include "tests/clients/importers/import_fixture.h"
#include "tests/test_paths.h"

namespace sextant::importers {
namespace {

namespace fs = std::filesystem;

fs::path GoldenFolder() { return fs::path(SEXTANT_SOURCE_DIR) / "tests/clients/importers/golden"; }

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const char* StateWord(ImportedState state) {
  switch (state) {
    case ImportedState::kRunning:
      return "running";
    case ImportedState::kFinished:
      return "finished";
    case ImportedState::kDiverged:
      return "diverged";
    case ImportedState::kCrashed:
      return "crashed";
    case ImportedState::kUnspecified:
      break;
  }
  return "unknown";
}

// The shortest text of a value of a curve; "-" for one that is not there.
template <class T>
std::string Cell(const std::vector<T>& column, std::size_t i) {
  if (column.empty() || std::isnan(column[i])) return "-";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, column[i]).ptr;
  return std::string(text, end);
}

void DumpCurve(const ImportedCurve& curve, std::string* out) {
  absl::StrAppend(out, "  step tokens train_loss validation_loss learning_rate gradient_noise_scale\n");
  for (std::size_t i = 0; i < curve.size(); ++i) {
    absl::StrAppend(out, "  ", curve.step[i], " ", Cell(curve.tokens, i), " ", Cell(curve.train_loss, i), " ",
                    Cell(curve.validation_loss, i), " ", Cell(curve.learning_rate, i), " ",
                    Cell(curve.gradient_noise_scale, i), "\n");
  }
}

void DumpRun(const ImportedRun& run, std::string* out) {
  absl::StrAppend(out, "run ", run.run_id, "\n  state ", StateWord(run.state), "\n");
  for (const NumberField& field : NumberFields()) {
    const std::optional<double>& value = run.*(field.member);
    if (value) absl::StrAppend(out, "  ", field.name, " ", FormatRoundTrip(*value), "\n");
  }
  if (!run.schedule.empty()) absl::StrAppend(out, "  schedule ", run.schedule, "\n");
  if (!run.optimizer.empty()) absl::StrAppend(out, "  optimizer ", run.optimizer, "\n");
  if (run.seed) absl::StrAppend(out, "  seed ", *run.seed, "\n");
  for (const auto& [key, value] : run.tags) absl::StrAppend(out, "  tags.", key, " ", value, "\n");
  for (const std::string& label : run.labels) absl::StrAppend(out, "  label ", label, "\n");
  if (run.curve) DumpCurve(*run.curve, out);
}

struct Outcome {
  std::string text;
  std::set<std::string> formats;
};

class GoldenFile {
 public:
  explicit GoldenFile(const std::string& flags) {
    std::istringstream words(flags);
    std::string flag, value;
    while (words >> flag >> value) {
      if (flag == "--set") options_.set.push_back(*ParseFieldMapping(value, "--set"));
      if (flag == "--map") options_.map.push_back(*ParseFieldMapping(value));
      if (flag == "--metric") options_.metrics.push_back(*ParseMetricRule(value));
      if (flag == "--step-offset") options_.step_offset = *ParseInt64(value);
      if (flag == "--format") options_.format = value;
      if (flag == "--loss-unit") options_.bits_per_byte = value == "bits-per-byte";
    }
  }

  Outcome Import(const fs::path& path) {
    Outcome outcome;
    const auto found = ExpandInputs({path.string()});
    if (!found.ok()) return {found.status().ToString(), {}};
    std::string* out = &outcome.text;
    for (const Input& input : found->inputs) {
      KeepingSink sink;
      const auto report = ImportInput(input, options_, sink);
      if (!report.ok()) {
        absl::StrAppend(out, "refused: ", report.status().message(), "\n");
        continue;
      }
      absl::StrAppend(out, report->source, ": ", report->format.empty() ? "passed over" : report->format,
                      " (", report->why, ")\n");
      outcome.formats.insert(report->format);
      for (const ImportedRun& run : sink.runs) DumpRun(run, out);
      for (const Reject& reject : sink.rejects)
        absl::StrAppend(out, "reject ", reject.line, ": ", reject.reason, "\n");
      for (const std::string& note : sink.notes) absl::StrAppend(out, "note ", note, "\n");
    }
    for (const PassedOver& item : found->passed_over)
      absl::StrAppend(out, item.path, ": passed over: ", item.why, "\n");
    const std::string folder = GoldenFolder().string() + "/";
    outcome.text = absl::StrReplaceAll(outcome.text, {{folder, ""}});
    return outcome;
  }

 private:
  ImportOptions options_;
};

std::vector<fs::path> ExpectedFiles() {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(GoldenFolder())) {
    if (entry.path().extension() == ".expected") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(GoldenFilesTest, EveryFileGivesWhatStandsNextToIt) {
  const bool write = std::getenv("SEXTANT_WRITE_GOLDEN") != nullptr;
  for (const fs::path& expected : ExpectedFiles()) {
    SCOPED_TRACE(expected.filename().string());
    const std::string text = ReadAll(expected);
    const std::string flags = text.substr(0, text.find('\n'));
    const Outcome outcome = GoldenFile(flags).Import(fs::path(expected).replace_extension());
    const std::string now = flags + "\n" + outcome.text;
    EXPECT_EQ(text, now);
    if (write) std::ofstream(expected, std::ios::binary) << now;
  }
}

TEST(GoldenFilesTest, EveryFormatHasOne) {
  std::set<std::string> seen;
  for (const fs::path& expected : ExpectedFiles()) {
    const std::string text = ReadAll(expected);
    seen.merge(
        GoldenFile(text.substr(0, text.find('\n'))).Import(fs::path(expected).replace_extension()).formats);
  }
  for (const Format* format : Formats()) EXPECT_EQ(seen.count(format->name), 1u) << format->name;
}

TEST(FormatTest, NamesAreThoseOfTheFilesAndEveryEntryCanRead) {
  std::set<std::string> files;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(SEXTANT_SOURCE_DIR) / "clients/importers/formats")) {
    files.insert(absl::StrReplaceAll(entry.path().stem().string(), {{"_", "-"}}));
  }
  std::set<std::string> names;
  for (const Format* format : Formats()) {
    EXPECT_TRUE(names.insert(format->name).second) << format->name;
    EXPECT_NE(std::string(format->about), "") << format->name;
    EXPECT_TRUE(format->read != nullptr || format->read_path != nullptr) << format->name;
    EXPECT_TRUE(format->detect != nullptr || format->claim != nullptr) << format->name;
  }
  EXPECT_EQ(names, files);
}

TEST(FormatTest, TheManualHasARowOfEach) {
  const std::string manual = ReadAll(fs::path(SEXTANT_SOURCE_DIR) / "docs/cli.md");
  for (const Format* format : Formats())
    EXPECT_NE(manual.find(absl::StrCat("\n| `", format->name, "` |")), std::string::npos) << format->name;
}

}  // namespace
}  // namespace sextant::importers
