// A sink that keeps what it gets, and files to read.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "clients/importers/import.h"

namespace sextant::importers {

class KeepingSink : public RunSink {
 public:
  absl::Status AddRun(ImportedRun run) override {
    runs.push_back(std::move(run));
    return absl::OkStatus();
  }
  void AddReject(Reject reject) override { rejects.push_back(std::move(reject)); }
  void AddNote(const std::string&, const std::string& note) override { notes.push_back(note); }

  std::vector<ImportedRun> runs;
  std::vector<Reject> rejects;
  std::vector<std::string> notes;
};

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
  void Map(const std::string& text) { options_.map.push_back(*ParseFieldMapping(text)); }

  std::string folder_;
  ImportOptions options_;
  KeepingSink sink_;
};

}  // namespace sextant::importers
