// SPDX-License-Identifier: Apache-2.0
// A sink that keeps what it gets, and files to read.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "clients/importers/import.h"
#include "tests/clients/importers/keeping_sink.h"

namespace sextant::importers {

MATCHER(SameFloat, "") {
  const auto [a, b] = arg;
  return a == b || (std::isnan(a) && std::isnan(b));
}
/// Exactly these values; NaN equals NaN.
inline auto Floats(std::vector<float> values) { return ::testing::Pointwise(SameFloat(), std::move(values)); }

class ImportTest : public ::testing::Test {
 protected:
  ImportTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sextant-import-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~ImportTest() override { std::filesystem::remove_all(folder_); }

  /// Writes a file and returns its path.
  std::string Write(const std::string& name, const std::string& content) {
    const std::filesystem::path path = std::filesystem::path(folder_) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }

  absl::StatusOr<FileReport> Import(const std::string& path) { return ImportFile(path, options_, sink_); }
  /// The only run of a file of that content, which is recognised as `format`.
  ImportedRun Only(const std::string& name, const std::string& content, const std::string& format) {
    const auto report = Import(Write(name, content));
    EXPECT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report.ok() ? report->format : "", format);
    EXPECT_EQ(sink_.runs.size(), 1u) << (sink_.rejects.empty() ? "" : sink_.rejects[0].reason);
    return sink_.runs.empty() ? ImportedRun() : sink_.runs[0];
  }
  void Set(const std::string& text) { options_.set.push_back(*ParseFieldMapping(text, "--set")); }
  void Map(const std::string& text) { options_.map.push_back(*ParseFieldMapping(text)); }

  std::string folder_;
  ImportOptions options_;
  KeepingSink sink_;
};

}  // namespace sextant::importers
