// SPDX-License-Identifier: Apache-2.0
#include "storage/sqlite/file/schema.h"

#include <absl/strings/str_format.h>
#include <absl/strings/substitute.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "storage/sqlite/sqlite_store.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/temp_folder.h"

namespace sextant::storage {
namespace {

using sqlite::Connection;
using sqlite::OpenMode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::unique_ptr<Connection> OpenFile(const std::string& path) {
  auto connection = Connection::Open(path, OpenMode::kCreate);
  EXPECT_TRUE(connection.ok()) << connection.status();
  return *std::move(connection);
}

// A fit that succeeded as version 2 kept it; `region` are ln of the ends of its near-optimal region.
std::string OldFit(int key, const std::string& id, int target, const std::string& region) {
  return absl::Substitute(
      "INSERT INTO fits VALUES ($0, 7, '$1', 2, 'law', 0, '', 1, 2, 'law', '', $2, 'band', '', 'old', '', "
      "'', "
      "'', 1, 2, '', '', '', 0, 0, 0, 0, 0, 0, NULL, NULL, 0, NULL, $3);",
      key, id, target, region);
}

std::string Array(int fit, int kind, const std::string& name, const std::vector<double>& values) {
  std::string hex;
  for (const double value : values) {
    unsigned char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    for (const unsigned char byte : bytes) absl::StrAppendFormat(&hex, "%02x", byte);
  }
  return absl::Substitute("INSERT INTO fit_arrays VALUES ($0, $1, '$2', x'$3');", fit, kind, name, hex);
}

}  // namespace

TEST(Schema, EveryOldVersionMigratesAndServes) {
  for (int version = 0; version <= sqlite::CurrentSchemaVersion(); ++version) {
    TempFolder folder;
    const std::string path = folder.File("old.db");
    {
      auto connection = OpenFile(path);
      ASSERT_TRUE(sqlite::MigrateTo(*connection, version).ok());
      EXPECT_EQ(*sqlite::ReadSchemaVersion(*connection), version);
      if (version >= 1) {
        // As version 1 wrote it; later versions must keep reading it.
        // Version 2 turned the lists of labels into objects.
        const std::string none = version == 1 ? "'[]'" : "'{}'";
        const std::string two =
            version == 1 ? R"('["a\",\"b","c"]')" : R"('{"a\",\"b":"upload","c":"sweep"}')";
        const std::string run =
            "INSERT INTO runs (study_key, id, run_key, state, loss, schedule, optimizer, tags, "
            "labels, source, create_time, update_time, curve_points) VALUES "
            "(7, '$0', $1, 2, 2.5, 'cosine', 'adamw', '{\"k\":\"v\"}', $2, 'x', 1, 1, 0);";
        ASSERT_TRUE(
            connection
                ->Execute("INSERT INTO studies (study_key, id, title, description, param_count, loss_unit, "
                          "labels, create_time, update_time, revision, run_count) "
                          "VALUES (7, 'old', 'Old', '', 1, 1, '{}', 1, 2, 3, 2);" +
                          absl::Substitute(run, "r", 1, none) + absl::Substitute(run, "s", 2, two))
                .ok());
      }
    }
    auto store = OpenSqliteStore(path);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->GetHealth()->schema_version, sqlite::CurrentSchemaVersion());
    if (version >= 1) {
      const auto run = Read(**store)->GetRun("old", "r");
      ASSERT_TRUE(run.ok()) << run.status();
      EXPECT_EQ(run->loss, 2.5);
      EXPECT_EQ(run->tags.at("k"), "v");
      EXPECT_THAT(run->labels, IsEmpty());
      EXPECT_THAT(Read(**store)->GetRun("old", "s")->labels, ElementsAre("a\",\"b", "c"));
      EXPECT_EQ(Read(**store)->GetStudy("old")->revision, 3);
      EXPECT_THAT(Read(**store)->GetStudy("old")->declared, IsEmpty());
      EXPECT_THAT(run->values, IsEmpty());
    }
    EXPECT_TRUE(Write(**store, &Transaction::CreateStudy, SampleStudy("new")).ok());
    EXPECT_TRUE((*store)->CheckIntegrity().ok()) << (*store)->CheckIntegrity();
  }
}

TEST(Schema, OldFailedFitsGetTheReasonThatTheirMessageGave) {
  TempFolder folder;
  const std::string path = folder.File("old.db");
  {
    auto connection = OpenFile(path);
    ASSERT_TRUE(sqlite::MigrateTo(*connection, 2).ok());
    const std::string fit =
        "INSERT INTO fits VALUES ($0, 7, '$1', 3, 'law', $2, '$3', 1, 2, 'law', '', 1, '', '', 'old', '', "
        "'', "
        "'', 1, 0, '', '', '', 0, 0, 0, 0, 0, 0, NULL, NULL, 0, NULL, 0, 0);";
    ASSERT_TRUE(
        connection
            ->Execute("INSERT INTO studies (study_key, id, title, description, param_count, loss_unit, "
                      "labels, create_time, update_time, revision, fit_count) "
                      "VALUES (7, 'old', 'Old', '', 1, 1, '{}', 1, 2, 3, 4);" +
                      absl::Substitute(fit, 1, "a", 9, "not identifiable from this design: one N") +
                      absl::Substitute(fit, 2, "b", 9, "no surface") + absl::Substitute(fit, 3, "c", 10, "") +
                      absl::Substitute(fit, 4, "d", 0, ""))
            .ok());
  }
  auto store = OpenSqliteStore(path);
  ASSERT_TRUE(store.ok()) << store.status();
  std::vector<std::string> reasons;
  for (const char* id : {"a", "b", "c", "d"})
    reasons.push_back(Read(**store)->GetFit("old", id)->error_reason);
  EXPECT_THAT(reasons, ElementsAre("DESIGN_NOT_IDENTIFIABLE", "", "SERVER_STOPPED", ""));
}

TEST(Schema, OldModelsComeIntoTheirTables) {
  TempFolder folder;
  const std::string path = folder.File("old.db");
  {
    auto connection = OpenFile(path);
    ASSERT_TRUE(sqlite::MigrateTo(*connection, 2).ok());
    ASSERT_TRUE(connection
                    ->Execute("INSERT INTO studies (study_key, id, title, description, param_count, "
                              "loss_unit, labels, create_time, update_time, revision, fit_count) "
                              "VALUES (7, 'old', 'Old', '', 1, 1, '{}', 1, 2, 3, 4);" +
                              OldFit(1, "optimum", 1, "-0.5, 0.25") + OldFit(2, "loss", 4, "0, 0") +
                              OldFit(3, "critical", 3, "0, 0") + OldFit(4, "decay", 7, "-0.5, 0.25") +
                              OldFit(5, "hostile", 1, "0, 0"))
                    .ok());
    const std::string parameter = "INSERT INTO fit_parameters VALUES ($0, $1, 'p', 1, 0, NULL, 0, NULL, 0);";
    for (const int fit : {1, 5}) {
      for (const int position : {0, 1}) {
        ASSERT_TRUE(connection->Execute(absl::Substitute(parameter, fit, position)).ok());
      }
    }
    ASSERT_TRUE(connection
                    ->Execute("INSERT INTO fit_ranges VALUES (1, 'N', 1e6, 1e8), (1, 'D', 1e9, 1e10), "
                              "(1, 'learning_rate', 1e-4, 1e-2);" +
                              Array(1, 3, "optimum", {0, 1, 2, 0.0025}) +
                              Array(1, 3, "optimum.parameter.001.a", {-0.5}) +
                              Array(1, 3, "optimum.parameter.000.log_c", {3.25}) +
                              Array(1, 3, "optimum.parameter.002.offset", {0}) +
                              Array(1, 3, "optimum.member.001.band", {0, 0.75}) +
                              Array(1, 3, "optimum.member.000.regret", {1, 0.5}) +
                              Array(1, 2, "", {1, 2, 3, 4, 5, 6}) + Array(5, 3, "optimum", {0, 0, 0, 0.0025}))
                    .ok());
  }
  auto store = OpenSqliteStore(path);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto fits = Read(**store)->LoadAllFits();
  ASSERT_TRUE(fits.ok()) << fits.status();
  std::map<std::string, const Fit*> by_id;
  for (const Fit& fit : *fits) by_id[fit.id] = &fit;
  const Fit& fit = *by_id.at("optimum");
  EXPECT_EQ(fit.damage, "");
  const auto& model = std::get<fitting::OptimumModel>(fit.result.model);
  EXPECT_EQ(model.estimator, "band");
  EXPECT_EQ(model.target, fitting::OptimumTarget::kLearningRate);
  EXPECT_EQ(model.variables, fitting::LawVariables::kParams);
  EXPECT_EQ(model.law_parameters, 2U);
  EXPECT_THAT(model.parameter_names, ElementsAre("log_c", "a", "offset"));
  EXPECT_THAT(model.estimates, ElementsAre(3.25, -0.5, 0));
  EXPECT_EQ(model.replicate_count, 2U);
  EXPECT_THAT(model.replicates, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(model.near_optimal_tolerance, 0.0025);
  EXPECT_EQ(model.near_optimal_low, -0.5);
  EXPECT_EQ(model.near_optimal_high, 0.25);
  EXPECT_EQ(model.params, (fitting::FittedRange{1e6, 1e8}));
  EXPECT_EQ(model.tokens, (fitting::FittedRange{1e9, 1e10}));
  EXPECT_EQ(model.learning_rate, (fitting::FittedRange{1e-4, 1e-2}));
  EXPECT_TRUE(std::isnan(model.batch_size_tokens.low));
  ASSERT_EQ(model.members.size(), 2U);
  EXPECT_EQ(model.members[0].estimator, "regret");
  EXPECT_EQ(model.members[1].held_out_excess_pct, 0.75);
  EXPECT_TRUE(std::holds_alternative<fitting::LeastSquaresModel>(by_id.at("loss")->result.model));
  EXPECT_TRUE(std::holds_alternative<fitting::CriticalBatchModel>(by_id.at("critical")->result.model));
  EXPECT_EQ(std::get<fitting::OtherOptimumModel>(by_id.at("decay")->result.model).near_optimal_log_low, -0.5);
  EXPECT_THAT(by_id.at("hostile")->damage, HasSubstr("0 law parameters"));
}

TEST(Schema, RefusesANewerFileAndLeavesItAlone) {
  TempFolder folder;
  const std::string path = folder.File("newer.db");
  {
    auto connection = OpenFile(path);
    ASSERT_TRUE(sqlite::Migrate(*connection).ok());
    ASSERT_TRUE(connection->Execute("PRAGMA user_version = 99").ok());
  }
  for (const bool read_only : {false, true}) {
    SqliteOptions options;
    options.read_only = read_only;
    const absl::Status status = OpenSqliteStore(path, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("newer"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("99"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("upgrade"));
  }
  auto connection = OpenFile(path);
  auto version = connection->Prepare("PRAGMA user_version");
  ASSERT_TRUE(*version->Step());
  EXPECT_EQ(version->Int(0), 99);
}

TEST(Schema, RefusesAnotherProgramsDatabaseAndLeavesItAlone) {
  TempFolder folder;
  const std::string path = folder.File("theirs.db");
  ASSERT_TRUE(OpenFile(path)->Execute("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").ok());
  const absl::Status status = OpenSqliteStore(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another program"));
  auto connection = OpenFile(path);
  auto tables = connection->Prepare("SELECT count(*) FROM sqlite_schema");
  ASSERT_TRUE(*tables->Step());
  EXPECT_EQ(tables->Int(0), 1);
  auto mode = connection->Prepare("PRAGMA journal_mode");
  ASSERT_TRUE(*mode->Step());
  EXPECT_EQ(mode->Text(0), "delete");
}

TEST(Schema, AFailedMigrationLeavesTheFileAsItWas) {
  TempFolder folder;
  auto connection = OpenFile(folder.File("store.db"));
  // A table in the way of the first migration's last statements.
  ASSERT_TRUE(connection->Execute("PRAGMA application_id = 1398297678; CREATE TABLE requests (x)").ok());
  EXPECT_FALSE(sqlite::Migrate(*connection).ok());
  auto tables = connection->Prepare("SELECT count(*) FROM sqlite_schema");
  ASSERT_TRUE(*tables->Step());
  EXPECT_EQ(tables->Int(0), 1);
}

}  // namespace sextant::storage
