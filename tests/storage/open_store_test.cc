// SPDX-License-Identifier: Apache-2.0
#include "storage/open_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {

using absl::StatusCode;
using testing::HasSubstr;

TEST(StoreUrl, IsAnEngineAndAPlaceOrAPath) {
  const auto parts = [](const std::string& url) {
    const auto parsed = ParseStoreUrl(url);
    return parsed.ok() ? parsed->engine + "|" + parsed->place : std::string(parsed.status().message());
  };
  EXPECT_EQ(parts("runs.db"), "sqlite|runs.db");
  EXPECT_EQ(parts("/data/runs.db"), "sqlite|/data/runs.db");
  EXPECT_EQ(parts("sqlite:runs.db"), "sqlite|runs.db");
  EXPECT_EQ(parts("sqlite:/data/runs.db"), "sqlite|/data/runs.db");
  EXPECT_EQ(parts("sqlite:///data/runs.db"), "sqlite|///data/runs.db");
  EXPECT_EQ(parts("./sqlite:runs.db"), "sqlite|./sqlite:runs.db");
  EXPECT_EQ(parts("12:30.db"), "sqlite|12:30.db") << "a colon may be in a file's name";
  EXPECT_EQ(parts("SQLITE:runs.db"), "sqlite|SQLITE:runs.db");
  EXPECT_EQ(parts(""), "sqlite|");
  EXPECT_EQ(parts("postgresql://anna@db:5433/runs"), "postgres|//anna@db:5433/runs");
  EXPECT_EQ(parts("postgres://db/runs"), "postgres|//db/runs");
}

TEST(StoreUrl, ShowsNoPassword) {
  const auto url = ParseStoreUrl("postgresql://anna:secret@db:5433/runs?sslmode=require");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->name.shown, "postgresql://anna@db:5433/runs");
  EXPECT_FALSE(url->name.is_file);
  EXPECT_TRUE(ParseStoreUrl("sqlite:runs.db")->name.is_file);
  for (const char* wrong : {"oracle://anna:secret@db/runs", "postgresql://anna:secret@db:x/runs"}) {
    const absl::Status status = ParseStoreUrl(wrong).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("secret")));
  }
}

TEST(StoreUrl, NamesTheEnginesThereAreWhenItsOwnIsNoneOfThem) {
  const absl::Status status = OpenStore("oracle://host/runs").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no storage engine 'oracle'"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("sqlite"));
}

TEST(OpenStore, OpensOneFileByEveryNameOfIt) {
  TempFolder folder;
  const std::string path = folder.File("store.db");
  ASSERT_TRUE(Write(**OpenStore("sqlite:" + path), &Transaction::CreateStudy, SampleStudy("s")).ok());
  for (const std::string& url : {path, "sqlite://" + path}) {
    auto store = OpenStore(url);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(Read(**store)->GetStudy("s").ok()) << url;
    EXPECT_EQ((*store)->GetHealth()->location, path);
  }
}

TEST(OpenStore, RefusesAHostForAFile) {
  const absl::Status status = OpenStore("sqlite://host/runs.db").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("sqlite:PATH"));
  EXPECT_FALSE(std::filesystem::exists("/host"));
}

TEST(OpenStore, TakesTheOptionsOfEveryEngine) {
  TempFolder folder;
  StoreOptions options;
  options.create = false;
  EXPECT_EQ(OpenStore(folder.File("none.db"), options).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(OpenStore(folder.File("store.db")).ok());
  options.read_only = true;
  options.why_read_only = "it is Sunday";
  auto store = OpenStore(folder.File("store.db"), options);
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Status status = Write(**store, &Transaction::CreateStudy, SampleStudy("s"));
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("it is Sunday"));
}

}  // namespace sextant::storage
