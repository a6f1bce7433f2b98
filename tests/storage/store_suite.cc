// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/store_suite.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "storage/curve_parts.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"

namespace sextant::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

StatusCode Code(const absl::Status& status) { return status.code(); }

Condition Compare(const std::string& field, Condition::Op op, double number) {
  Condition condition;
  condition.field = field;
  condition.op = op;
  condition.number = number;
  return condition;
}
Condition CompareText(const std::string& field, Condition::Op op, const std::string& text,
                      Condition::Kind kind = Condition::Kind::kCompare) {
  Condition condition;
  condition.kind = kind;
  condition.field = field;
  condition.op = op;
  condition.text = text;
  return condition;
}
Condition Combine(Condition::Kind kind, std::vector<Condition> children) {
  Condition condition;
  condition.kind = kind;
  condition.children = std::move(children);
  return condition;
}
using enum Condition::Op;

std::vector<std::string> Ids(const Page<Run>& page) {
  std::vector<std::string> ids;
  for (const Run& run : page.items) ids.push_back(run.id);
  return ids;
}

void PutOne(Store& store, const Run& run, const Curve& curve, PutOutcome expected) {
  const RunWithCurve given[] = {{run, curve}};
  const auto outcomes = Write(store, &Transaction::PutRuns, run.study_id, std::span(given));
  ASSERT_TRUE(outcomes.ok()) << outcomes.status();
  EXPECT_THAT(*outcomes, ElementsAre(expected));
}

Curve Beginning(const Curve& curve, std::size_t points) {
  Curve part = curve;
  part.step.resize(points);
  for (auto* column :
       {&part.train_loss, &part.validation_loss, &part.learning_rate, &part.gradient_noise_scale}) {
    if (!column->empty()) column->resize(points);
  }
  if (!part.tokens.empty()) part.tokens.resize(points);
  return part;
}

}  // namespace

TEST_P(StoreSuite, KeepsEveryFieldOfAStudy) {
  const Study study = SampleStudy("alpha");
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, study).ok());
  const auto stored = Read(*store_)->GetStudy("alpha");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(Differences(study, *stored), "");
}

TEST_P(StoreSuite, RefusesASecondStudyOfTheSameId) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("alpha")).ok());
  EXPECT_EQ(Code(Write(*store_, &Transaction::CreateStudy, SampleStudy("alpha"))),
            StatusCode::kAlreadyExists);
  EXPECT_EQ(Code(Read(*store_)->GetStudy("beta").status()), StatusCode::kNotFound);
}

TEST_P(StoreSuite, UpdatesAStudyOnlyAtTheExpectedRevision) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("alpha")).ok());
  Study changed = SampleStudy("alpha");
  changed.title = "New title";
  EXPECT_EQ(Code(Write(*store_, &Transaction::UpdateStudy, changed, 7)), StatusCode::kAborted);
  ASSERT_TRUE(Write(*store_, &Transaction::UpdateStudy, changed, 1).ok());
  EXPECT_EQ(Code(Write(*store_, &Transaction::UpdateStudy, changed, 1)), StatusCode::kAborted);
  ASSERT_TRUE(Write(*store_, &Transaction::UpdateStudy, changed, -1).ok());
  const auto stored = Read(*store_)->GetStudy("alpha");
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->title, "New title");
  EXPECT_EQ(stored->revision, 3);
  changed.id = "beta";
  EXPECT_EQ(Code(Write(*store_, &Transaction::UpdateStudy, changed, -1)), StatusCode::kNotFound);
}

TEST_P(StoreSuite, PagesThroughStudiesById) {
  for (const char* id : {"c", "a", "b"})
    ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy(id)).ok());
  const auto first = Read(*store_)->ListStudies(2, "");
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->items.size(), 2U);
  EXPECT_EQ(first->items[0].id, "a");
  EXPECT_EQ(first->items[1].id, "b");
  const auto second = Read(*store_)->ListStudies(2, first->next_key);
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(second->items.size(), 1U);
  EXPECT_EQ(second->items[0].id, "c");
  EXPECT_EQ(second->next_key, "");
}

TEST_P(StoreSuite, KeepsEveryFieldOfARunAndItsCurve) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  Run run = SampleRun("s", 4);
  const Curve curve = SampleCurve(2500, 1);
  PutOne(*store_, run, curve, PutOutcome::kAccepted);
  const auto stored = Read(*store_)->GetRun("s", run.id);
  ASSERT_TRUE(stored.ok()) << stored.status();
  run.curve_points = 2500;
  EXPECT_EQ(Differences(run, *stored), "");
  const auto stored_curve = Read(*store_)->GetCurve("s", run.id);
  ASSERT_TRUE(stored_curve.ok()) << stored_curve.status();
  EXPECT_EQ(Differences(curve, *stored_curve), "");
  EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 1);
}

TEST_P(StoreSuite, KeepsUnknownAndInfiniteValues) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  Run run;
  run.study_id = "s";
  run.id = "diverged";
  run.state = fitting::RunState::kDiverged;
  run.loss = std::numeric_limits<double>::infinity();
  PutOne(*store_, run, {}, PutOutcome::kAccepted);
  const auto stored = Read(*store_)->GetRun("s", "diverged");
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(Differences(run, *stored), "");
  EXPECT_EQ(Read(*store_)->GetCurve("s", "diverged")->size(), 0U);
  EXPECT_EQ(Code(Read(*store_)->GetRun("s", "none").status()), StatusCode::kNotFound);
  EXPECT_EQ(Code(Read(*store_)->GetRun("none", "diverged").status()), StatusCode::kNotFound);
  EXPECT_EQ(Code(Read(*store_)->GetCurve("s", "none").status()), StatusCode::kNotFound);
}

TEST_P(StoreSuite, TakesARunGivenTwiceOnce) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  Run run = SampleRun("s", 1);
  const Curve curve = SampleCurve(100, 1);
  PutOne(*store_, run, curve, PutOutcome::kAccepted);
  PutOne(*store_, run, curve, PutOutcome::kDuplicate);
  run.source = "elsewhere";
  run.update_time += 5;
  run.labels = {"other"};
  PutOne(*store_, run, curve, PutOutcome::kDuplicate);
  PutOne(*store_, run, Beginning(curve, 50), PutOutcome::kDuplicate);
  PutOne(*store_, run, {}, PutOutcome::kDuplicate);
  EXPECT_EQ(Read(*store_)->GetRun("s", run.id)->source, SampleRun("s", 1).source);
  EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 1);
  EXPECT_EQ(Read(*store_)->GetCurve("s", run.id)->size(), 100U);
}

TEST_P(StoreSuite, KeepsTheFirstOfTwoRunsThatContradict) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const Run run = SampleRun("s", 1);
  const Curve curve = SampleCurve(100, 1);
  PutOne(*store_, run, curve, PutOutcome::kAccepted);
  Run other = run;
  other.loss += 1e-9;
  PutOne(*store_, other, curve, PutOutcome::kConflict);
  other = run;
  other.tags["cluster"] = "a100";
  PutOne(*store_, other, curve, PutOutcome::kConflict);
  other = run;
  other.state = fitting::RunState::kCrashed;
  PutOne(*store_, other, curve, PutOutcome::kConflict);
  PutOne(*store_, run, SampleCurve(100, 2), PutOutcome::kConflict);
  PutOne(*store_, run, SampleCurve(200, 2), PutOutcome::kConflict);
  Run expected = run;
  expected.curve_points = 100;
  EXPECT_EQ(Differences(expected, *Read(*store_)->GetRun("s", run.id)), "");
  EXPECT_EQ(Differences(curve, *Read(*store_)->GetCurve("s", run.id)), "");
}

TEST_P(StoreSuite, ExtendsACurveAcrossChunks) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  Run run = SampleRun("s", 1);
  run.labels.clear();
  const Curve whole = SampleCurve(5000, 3);
  PutOne(*store_, run, {}, PutOutcome::kAccepted);
  for (const std::size_t points : {1, 1023, 1024, 1025, 2048, 4000, 5000}) {
    PutOne(*store_, run, Beginning(whole, points), PutOutcome::kAccepted);
    const auto stored = Read(*store_)->GetCurve("s", run.id);
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(Differences(Beginning(whole, points), *stored), "") << points;
    EXPECT_EQ(Read(*store_)->GetRun("s", run.id)->curve_points, static_cast<std::int64_t>(points));
  }
  EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 1);
}

TEST_P(StoreSuite, AppendsPartsOfACurveThatComesInPieces) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const Run run = SampleRun("s", 1);
  const Curve whole = SampleCurve(5000, 3);
  const auto put = [&](std::size_t begin, std::size_t end, const Curve& from) {
    RunWithCurve part{run, Slice(from, begin, end - begin), static_cast<std::int64_t>(begin)};
    const auto outcomes = Write(*store_, &Transaction::PutRuns, "s", std::span(&part, 1));
    EXPECT_TRUE(outcomes.ok()) << outcomes.status();
    return outcomes->at(0);
  };
  EXPECT_EQ(put(100, 200, whole), PutOutcome::kConflict) << "the run is not there";
  PutOne(*store_, run, Beginning(whole, 1500), PutOutcome::kAccepted);
  EXPECT_EQ(put(1501, 1600, whole), PutOutcome::kConflict) << "a point is missing";
  EXPECT_EQ(put(1400, 1500, whole), PutOutcome::kDuplicate);
  EXPECT_EQ(put(1400, 1600, SampleCurve(5000, 4)), PutOutcome::kConflict) << "shared points differ";
  EXPECT_EQ(put(1400, 2048, whole), PutOutcome::kAccepted);
  EXPECT_EQ(put(2048, 2049, whole), PutOutcome::kAccepted);
  EXPECT_EQ(put(2049, 5000, whole), PutOutcome::kAccepted);
  PutOne(*store_, run, Beginning(whole, 1500), PutOutcome::kDuplicate);
  EXPECT_EQ(Differences(whole, *Read(*store_)->GetCurve("s", run.id)), "");
  EXPECT_EQ(Read(*store_)->GetRun("s", run.id)->curve_points, 5000);
  EXPECT_EQ(Read(*store_)->GetStudySize("s")->points, 5000);
  EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 1);
  for (const auto& [from, count] : {std::pair(0, 1), {1000, 100}, {1023, 1026}, {4999, 10}}) {
    const auto part = Read(*store_)->GetCurvePart("s", run.id, from, count);
    ASSERT_TRUE(part.ok()) << part.status();
    EXPECT_EQ(Differences(Slice(whole, static_cast<std::size_t>(from),
                                static_cast<std::size_t>(std::min(count, 5000 - from))),
                          *part),
              "");
  }
  EXPECT_EQ(Read(*store_)->GetCurvePart("s", run.id, 5000, 10)->size(), 0U);
  Curve backwards = Slice(whole, 10, 5);
  RunWithCurve wrong{run, backwards, 5000};
  EXPECT_EQ(Write(*store_, &Transaction::PutRuns, "s", std::span(&wrong, 1))->at(0), PutOutcome::kConflict)
      << "steps must rise";
  EXPECT_TRUE(store_->CheckIntegrity().ok());
}

TEST_P(StoreSuite, FinishesARunningRun) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  Run run = SampleRun("s", 1);
  run.state = fitting::RunState::kRunning;
  run.loss = kUnknown;
  run.warmup_steps = kUnknown;
  const Curve curve = SampleCurve(100, 1);
  PutOne(*store_, run, Beginning(curve, 40), PutOutcome::kAccepted);
  const std::vector<RunLabels> watched = {{run.id, {"watched"}}};
  ASSERT_TRUE(
      Write(*store_, &Transaction::SetRunLabels, "s", kUploadLabels, watched, LabelScope::kNamedRuns).ok());

  Run finished = run;
  finished.learning_rate *= 2;
  finished.state = fitting::RunState::kFinished;
  PutOne(*store_, finished, curve, PutOutcome::kConflict);
  finished.learning_rate = run.learning_rate;
  finished.loss = 2.5;
  finished.warmup_steps = 10;
  finished.tags["done"] = "yes";
  finished.create_time = run.create_time + 1000;
  finished.update_time = run.update_time + 1000;
  PutOne(*store_, finished, curve, PutOutcome::kAccepted);
  Run expected = finished;
  expected.create_time = run.create_time;
  expected.labels = {"watched"};
  expected.curve_points = 100;
  EXPECT_EQ(Differences(expected, *Read(*store_)->GetRun("s", run.id)), "");
  PutOne(*store_, run, curve, PutOutcome::kConflict);
  EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 1);
}

TEST_P(StoreSuite, RefusesMalformedRunsWhole) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  std::vector<RunWithCurve> runs = {{SampleRun("s", 1), {}}, {SampleRun("s", 2), {}}};
  const auto refuse = [&](const char* why) {
    EXPECT_EQ(Code(Write(*store_, &Transaction::PutRuns, "s", runs).status()), StatusCode::kInvalidArgument)
        << why;
    EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 0) << why;
    runs[1] = {SampleRun("s", 2), {}};
  };
  runs[1].run.id = "";
  refuse("empty id");
  runs[1].run.id = std::string(201, 'x');
  refuse("long id");
  runs[1].run.tags["note"] = "\xff\xfe";
  refuse("not UTF-8");
  runs[1].run.source = std::string("a\0b", 3);
  refuse("NUL");
  runs[1].curve = SampleCurve(10, 1);
  runs[1].curve.train_loss.pop_back();
  refuse("ragged curve");
  EXPECT_EQ(Code(Write(*store_, &Transaction::PutRuns, "none", runs).status()), StatusCode::kNotFound);
  EXPECT_TRUE(Write(*store_, &Transaction::PutRuns, "s", runs).ok());
}

TEST_P(StoreSuite, DeletesARunWithItsCurve) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const Run run = SampleRun("s", 1);
  PutOne(*store_, run, SampleCurve(3000, 1), PutOutcome::kAccepted);
  ASSERT_TRUE(Write(*store_, &Transaction::DeleteRun, "s", run.id).ok());
  EXPECT_EQ(Code(Write(*store_, &Transaction::DeleteRun, "s", run.id)), StatusCode::kNotFound);
  EXPECT_EQ(Code(Read(*store_)->GetRun("s", run.id).status()), StatusCode::kNotFound);
  EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 0);
  RunQuery by_tag;
  by_tag.study_id = "s";
  by_tag.where = {CompareText("cluster", kEq, "h100", Condition::Kind::kHasTag)};
  EXPECT_THAT(Read(*store_)->ListRuns(by_tag)->items, IsEmpty());
  PutOne(*store_, run, SampleCurve(10, 2), PutOutcome::kAccepted);
  EXPECT_EQ(Read(*store_)->GetCurve("s", run.id)->size(), 10U);
}

TEST_P(StoreSuite, DeletesAStudyWithAllThatIsIn) {
  for (const char* id : {"s", "t"}) {
    ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy(id)).ok());
    PutOne(*store_, SampleRun(id, 1), SampleCurve(2000, 1), PutOutcome::kAccepted);
    ASSERT_TRUE(Write(*store_, &Transaction::PutFit, SampleFit(id, "f")).ok());
    ASSERT_TRUE(Write(*store_, &Transaction::PutForecast, SampleForecast(id, "f")).ok());
  }
  ASSERT_TRUE(Write(*store_, &Transaction::DeleteStudy, "s").ok());
  EXPECT_EQ(Code(Read(*store_)->GetForecast("s", "f").status()), StatusCode::kNotFound);
  EXPECT_TRUE(Read(*store_)->GetForecast("t", "f").ok());
  EXPECT_EQ(Code(Write(*store_, &Transaction::DeleteStudy, "s")), StatusCode::kNotFound);
  EXPECT_EQ(Code(Read(*store_)->GetRun("s", "run-1001").status()), StatusCode::kNotFound);
  EXPECT_EQ(Code(Read(*store_)->GetFit("s", "f").status()), StatusCode::kNotFound);
  EXPECT_EQ(Read(*store_)->LoadAllFits()->size(), 1U);
  EXPECT_EQ(Differences(SampleCurve(2000, 1), *Read(*store_)->GetCurve("t", "run-1001")), "");
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  EXPECT_EQ(Read(*store_)->GetStudy("s")->run_count, 0);
  EXPECT_EQ(Read(*store_)->LoadRunTable("s", {})->size(), 0U);
  EXPECT_TRUE(store_->CheckIntegrity().ok());
}

TEST_P(StoreSuite, FiltersRuns) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  // loss 1..6; run 3's is unknown; run 5 diverged; widths as tags; run 2 has a label.
  std::vector<RunWithCurve> runs;
  for (int i = 1; i <= 6; ++i) {
    Run run;
    run.id = "r" + std::to_string(i);
    if (i != 3) run.loss = i;
    run.tokens = i * 1e9;
    run.schedule = i <= 3 ? "cosine" : "wsd";
    if (i == 5) run.state = fitting::RunState::kDiverged;
    if (i <= 4) run.tags["width"] = std::to_string(i * 128);
    if (i == 2) run.labels = {"edge-of-grid"};
    if (i == 4) run.seed = 7;
    runs.push_back({run, {}});
  }
  ASSERT_TRUE(Write(*store_, &Transaction::PutRuns, "s", runs).ok());
  const auto matching = [&](const Condition& condition) {
    RunQuery query;
    query.study_id = "s";
    query.where = {condition};
    const auto page = Read(*store_)->ListRuns(query);
    EXPECT_TRUE(page.ok()) << page.status();
    const auto table = Read(*store_)->LoadRunTable("s", {condition});
    EXPECT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->id, Ids(*page));
    std::string digits;
    for (const Run& run : page->items) digits += run.id.substr(1);
    return digits;
  };
  EXPECT_EQ(matching(Compare("loss", kEq, 2)), "2");
  EXPECT_EQ(matching(Compare("loss", kNe, 2)), "1456");
  EXPECT_EQ(matching(Compare("loss", kLt, 4)), "12");
  EXPECT_EQ(matching(Compare("loss", kLe, 4)), "124");
  EXPECT_EQ(matching(Compare("loss", kGt, 4)), "56");
  EXPECT_EQ(matching(Compare("loss", kGe, 4)), "456");
  EXPECT_EQ(matching(Compare("loss", kGe, std::nan(""))), "");
  EXPECT_EQ(matching(Compare("seed", kEq, 7)), "4");
  EXPECT_EQ(matching(Combine(Condition::Kind::kNot, {Compare("loss", kLt, 4)})), "3456");
  EXPECT_EQ(matching(CompareText("loss", kEq, "", Condition::Kind::kIsKnown)), "12456");
  EXPECT_EQ(matching(CompareText("schedule", kEq, "wsd")), "456");
  EXPECT_EQ(matching(CompareText("schedule", kContains, "sin")), "123");
  EXPECT_EQ(matching(CompareText("id", kGe, "r4")), "456");
  EXPECT_EQ(matching(CompareText("state", kEq, "diverged")), "5");
  EXPECT_EQ(matching(CompareText("state", kNe, "diverged")), "12346");
  EXPECT_EQ(matching(CompareText("width", kEq, "256", Condition::Kind::kHasTag)), "2");
  EXPECT_EQ(matching(CompareText("width", kNe, "256", Condition::Kind::kHasTag)), "134");
  EXPECT_EQ(matching(CompareText("width", kContains, "", Condition::Kind::kHasTag)), "1234");
  EXPECT_EQ(matching(CompareText("width", kContains, "51", Condition::Kind::kHasTag)), "4");
  EXPECT_EQ(matching(CompareText("", kEq, "edge-of-grid", Condition::Kind::kHasLabel)), "2");
  EXPECT_EQ(matching(CompareText("", kContains, "grid", Condition::Kind::kHasLabel)), "2");
  EXPECT_EQ(matching(Combine(Condition::Kind::kOr, {Compare("loss", kEq, 1), Compare("tokens", kGe, 6e9)})),
            "16");
  EXPECT_EQ(
      matching(Combine(Condition::Kind::kAnd, {Compare("loss", kGt, 1), Compare("tokens", kLt, 4.5e9)})),
      "24");
  EXPECT_EQ(matching(Combine(Condition::Kind::kAnd, {})), "123456");
  EXPECT_EQ(matching(Combine(Condition::Kind::kOr, {})), "");
  // A hostile value is a value.
  EXPECT_EQ(matching(CompareText("schedule", kEq, "'; DROP TABLE runs; --")), "");
  EXPECT_EQ(matching(CompareText("x') OR 1=1 --", kEq, "1", Condition::Kind::kHasTag)), "");
}

TEST_P(StoreSuite, FiltersOrdersAndTabulatesWhatAStudyDeclares) {
  Study study = SampleStudy("s");  // r, error_rate, score
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, study).ok());
  std::vector<RunWithCurve> runs;
  for (int i = 1; i <= 6; ++i) {
    Run run;  // no N, no D
    run.id = "r" + std::to_string(i);
    run.values = {i == 3 ? kUnknown : 0.1 * i, i <= 2 ? 0.5 : kUnknown};
    if (i == 6) run.values.clear();
    runs.push_back({run, {}});
  }
  ASSERT_TRUE(Write(*store_, &Transaction::PutRuns, "s", runs).ok());
  const auto ids = [&](const std::vector<Condition>& where, const std::string& order_by, bool descending) {
    std::string digits;
    RunQuery query;
    query.study_id = "s";
    query.where = where;
    query.order_by = order_by;
    query.descending = descending;
    query.limit = 2;
    do {
      const auto page = Read(*store_)->ListRuns(query);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return digits;
      for (const Run& run : page->items) digits += run.id.substr(1);
      query.after = page->next_key;
    } while (!query.after.empty());
    return digits;
  };
  EXPECT_EQ(ids({Compare(DeclaredField(0), kGt, 0.25)}, "", false), "45");
  EXPECT_EQ(ids({Compare(DeclaredField(0), kNe, 0.2)}, "", false), "145");
  EXPECT_EQ(ids({Combine(Condition::Kind::kNot, {Compare(DeclaredField(0), kGt, 0.25)})}, "", false), "1236");
  EXPECT_EQ(ids({CompareText(DeclaredField(1), kEq, "", Condition::Kind::kIsKnown)}, "", false), "12");
  EXPECT_EQ(ids({CompareText(DeclaredField(2), kEq, "", Condition::Kind::kIsKnown)}, "", false), "");
  EXPECT_EQ(ids({}, DeclaredField(0), false), "124536");
  EXPECT_EQ(ids({}, DeclaredField(0), true), "542163");
  RunQuery query;
  query.study_id = "s";
  query.where = {Compare("declared.64", kEq, 1)};
  EXPECT_EQ(Code(Read(*store_)->ListRuns(query).status()), StatusCode::kInvalidArgument);

  const auto table = Read(*store_)->LoadRunTable("s", {});
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->declared.size(), 3U);
  EXPECT_EQ(table->declared.at("r")[4], 0.5);
  EXPECT_TRUE(std::isnan(table->declared.at("r")[2]));
  EXPECT_TRUE(std::isnan(table->declared.at("score")[0]));

  // What is declared grows; runs keep what they have.
  study.declared.push_back({DeclaredColumn::Kind::kVariable, "U", "tokens", "", kUnknown, kUnknown});
  ASSERT_TRUE(Write(*store_, &Transaction::UpdateStudy, study, -1).ok());
  EXPECT_EQ(Read(*store_)->GetStudy("s")->declared.back().name, "U");
  EXPECT_EQ(Read(*store_)->GetRun("s", "r2")->values, (std::vector<double>{0.2, 0.5}));
  EXPECT_TRUE(store_->CheckIntegrity().ok()) << store_->CheckIntegrity();
}

TEST_P(StoreSuite, ARunWithOtherValuesIsAnotherRun) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  Run run = SampleRun("s", 1);
  run.values = {0.25};
  PutOne(*store_, run, {}, PutOutcome::kAccepted);
  run.values = {0.25, kUnknown, kUnknown};
  PutOne(*store_, run, {}, PutOutcome::kDuplicate);
  run.values = {0.25, 0.5};
  PutOne(*store_, run, {}, PutOutcome::kConflict);
  EXPECT_EQ(Read(*store_)->GetRun("s", run.id)->values, (std::vector<double>{0.25}));
}

TEST_P(StoreSuite, RefusesFiltersItCannotMean) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const auto refused = [&](const Condition& condition) {
    RunQuery query;
    query.study_id = "s";
    query.where = {condition};
    EXPECT_EQ(Code(Read(*store_)->ListRuns(query).status()), StatusCode::kInvalidArgument);
    EXPECT_EQ(Code(Read(*store_)->LoadRunTable("s", {condition}).status()), StatusCode::kInvalidArgument);
  };
  refused(Compare("loss; DROP TABLE runs", kEq, 1));
  refused(Compare("run_key", kEq, 1));
  refused(Compare("loss", kContains, 1));
  refused(CompareText("state", kEq, "asleep"));
  refused(CompareText("state", kLt, "running"));
  refused(Combine(Condition::Kind::kNot, {}));
  refused(Combine(Condition::Kind::kAnd, std::vector<Condition>(1001, Compare("loss", kGt, 1))));
  Condition deep = Compare("loss", kGt, 1);
  for (int i = 0; i < 60; ++i) deep = Combine(Condition::Kind::kNot, {deep});
  refused(deep);
  RunQuery query;
  query.study_id = "s";
  query.order_by = "id; --";
  EXPECT_EQ(Code(Read(*store_)->ListRuns(query).status()), StatusCode::kInvalidArgument);
  query.order_by = "";
  for (const std::int64_t limit :
       {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max()}) {
    query.limit = limit;
    EXPECT_EQ(Code(Read(*store_)->ListRuns(query).status()), StatusCode::kInvalidArgument);
    EXPECT_EQ(Code(Read(*store_)->ListFits("s", limit, "").status()), StatusCode::kInvalidArgument);
    EXPECT_EQ(Code(Read(*store_)->ListStudies(limit, "").status()), StatusCode::kInvalidArgument);
  }
}

TEST_P(StoreSuite, PagesThroughRunsInEveryOrder) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  std::vector<RunWithCurve> runs;
  for (int i = 0; i < 23; ++i) {
    Run run;
    run.id = "r" + std::to_string((i * 7) % 23 + 10);
    if (i % 5 != 0) run.loss = i % 4;  // ties, and unknowns
    if (i % 3 != 0) run.seed = i % 2;
    run.schedule = i % 2 == 0 ? "cosine" : "";
    run.state = i % 6 == 0 ? fitting::RunState::kCrashed : fitting::RunState::kFinished;
    run.create_time = i / 2;
    runs.push_back({run, {}});
  }
  ASSERT_TRUE(Write(*store_, &Transaction::PutRuns, "s", runs).ok());
  for (const char* order : {"", "id", "loss", "seed", "schedule", "state", "create_time"}) {
    for (const bool descending : {false, true}) {
      RunQuery query;
      query.study_id = "s";
      query.order_by = order;
      query.descending = descending;
      query.limit = 1000;
      const auto whole = Read(*store_)->ListRuns(query);
      ASSERT_TRUE(whole.ok()) << whole.status();
      EXPECT_EQ(whole->next_key, "");
      EXPECT_EQ(whole->items.size(), 23U);
      for (std::size_t i = 1; i < whole->items.size() && std::string(order) == "loss"; ++i) {
        const double before = whole->items[i - 1].loss, here = whole->items[i].loss;
        EXPECT_TRUE(std::isnan(here) || (descending ? before >= here : before <= here)) << i;
      }
      std::vector<std::string> paged;
      query.limit = 4;
      do {
        const auto page = Read(*store_)->ListRuns(query);
        ASSERT_TRUE(page.ok()) << page.status();
        for (const std::string& id : Ids(*page)) paged.push_back(id);
        query.after = page->next_key;
      } while (!query.after.empty() && paged.size() < 100);
      EXPECT_EQ(paged, Ids(*whole)) << order << descending;
    }
  }
  RunQuery query;
  query.study_id = "s";
  query.after = "not a key";
  EXPECT_EQ(Code(Read(*store_)->ListRuns(query).status()), StatusCode::kInvalidArgument);
}

TEST_P(StoreSuite, LoadsATableInTheStudysOwnCounting) {
  for (const auto& [count, expected] :
       {std::pair{ParamCount::kNonEmbedding, 1.0}, std::pair{ParamCount::kTotal, 2.0},
        std::pair{ParamCount::kActive, 3.0}, std::pair{ParamCount::kNonInputEmbedding, 4.0}}) {
    Study study = SampleStudy("s" + std::to_string(static_cast<int>(expected)));
    study.param_count = count;
    ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, study).ok());
    Run run = SampleRun(study.id, 1);
    run.params_non_embedding = 1;
    run.params_total = 2;
    run.params_active = 3;
    run.params_non_input_embedding = 4;
    PutOne(*store_, run, {}, PutOutcome::kAccepted);
    const auto table = Read(*store_)->LoadRunTable(study.id, {});
    ASSERT_TRUE(table.ok()) << table.status();
    ASSERT_EQ(table->size(), 1U);
    EXPECT_EQ(table->params[0], expected);
    EXPECT_EQ(table->id[0], run.id);
    EXPECT_EQ(table->tokens[0], run.tokens);
    EXPECT_EQ(table->learning_rate[0], run.learning_rate);
    EXPECT_EQ(table->batch_size_tokens[0], run.batch_size_tokens);
    EXPECT_EQ(table->sequence_length[0], run.sequence_length);
    EXPECT_EQ(table->steps[0], run.steps);
    EXPECT_EQ(table->weight_decay[0], run.weight_decay);
    EXPECT_EQ(table->adam_beta2[0], run.adam_beta2);
    EXPECT_EQ(table->loss[0], run.loss);
    EXPECT_EQ(table->state[0], run.state);
  }
  EXPECT_EQ(Code(Read(*store_)->LoadRunTable("none", {}).status()), StatusCode::kNotFound);
}

TEST_P(StoreSuite, ReplacesTheLabelsOfOneSource) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  PutOne(*store_, SampleRun("s", 1), {}, PutOutcome::kAccepted);  // comes with edge-of-grid and short
  PutOne(*store_, SampleRun("s", 2), {}, PutOutcome::kAccepted);
  const auto set = [&](const std::string& source, const std::vector<RunLabels>& labels, LabelScope scope) {
    return Code(Write(*store_, &Transaction::SetRunLabels, "s", source, labels, scope));
  };
  const auto labels = [&](const std::string& run) { return Read(*store_)->GetRun("s", run)->labels; };
  const auto with = [&](const std::string& label) {
    return Read(*store_)
        ->LoadRunTable("s", {CompareText("", kEq, label, Condition::Kind::kHasLabel)})
        ->size();
  };
  EXPECT_EQ(set(kSweepLabels, {{"run-1001", {"z", "a\"", "z", "short"}}}, LabelScope::kNamedRuns),
            StatusCode::kOk);
  EXPECT_EQ(set(kCurveLabels, {{"run-1001", {"z"}}, {"run-1002", {"z"}}}, LabelScope::kWholeStudy),
            StatusCode::kOk);
  EXPECT_THAT(labels("run-1001"), ElementsAre("a\"", "edge-of-grid", "short", "z"));
  EXPECT_THAT(labels("run-1002"), ElementsAre("edge-of-grid", "short", "z"));
  EXPECT_EQ(with("z"), 2U);
  EXPECT_EQ(with("a\""), 1U);
  EXPECT_EQ(with("\""), 0U);
  EXPECT_EQ(with("curve"), 0U) << "a source is no label";

  EXPECT_EQ(set(kSweepLabels, {{"run-1002", {"b"}}}, LabelScope::kWholeStudy), StatusCode::kOk);
  EXPECT_THAT(labels("run-1001"), ElementsAre("edge-of-grid", "short", "z")) << "what others said stays";
  EXPECT_THAT(labels("run-1002"), ElementsAre("b", "edge-of-grid", "short", "z"));
  EXPECT_EQ(set(kCurveLabels, {{"run-1001", {}}}, LabelScope::kNamedRuns), StatusCode::kOk);
  EXPECT_THAT(labels("run-1001"), ElementsAre("edge-of-grid", "short"));
  EXPECT_THAT(labels("run-1002"), ElementsAre("b", "edge-of-grid", "short", "z"));
}

TEST_P(StoreSuite, LabelsOnlyRunsThatAreThere) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  PutOne(*store_, SampleRun("s", 1), {}, PutOutcome::kAccepted);
  const std::vector<RunLabels> labels = {{"run-1001", {"x"}}, {"none", {"x"}}};
  const auto set = [&](const std::string& source, LabelScope scope) {
    return Code(Write(*store_, &Transaction::SetRunLabels, "s", source, labels, scope));
  };
  EXPECT_EQ(set(kSweepLabels, LabelScope::kNamedRuns), StatusCode::kNotFound);
  EXPECT_THAT(Read(*store_)->GetRun("s", "run-1001")->labels, ElementsAre("edge-of-grid", "short"))
      << "nothing of a failed call is kept";
  EXPECT_EQ(set(kSweepLabels, LabelScope::kWholeStudy), StatusCode::kOk);
  EXPECT_THAT(Read(*store_)->GetRun("s", "run-1001")->labels, ElementsAre("edge-of-grid", "short", "x"));
}

TEST_P(StoreSuite, KeepsEveryFieldOfAFit) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const Fit fit = SampleFit("s", "f1");
  ASSERT_TRUE(Write(*store_, &Transaction::PutFit, fit).ok());
  const auto stored = Read(*store_)->GetFit("s", "f1");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(Differences(fit, *stored), "");
  EXPECT_EQ(Read(*store_)->GetStudy("s")->fit_count, 1);

  Fit bare;
  bare.study_id = "s";
  bare.id = "f1";
  bare.state = FitState::kRunning;
  ASSERT_TRUE(Write(*store_, &Transaction::PutFit, bare).ok());
  EXPECT_EQ(Differences(bare, *Read(*store_)->GetFit("s", "f1")), "");
  EXPECT_EQ(Read(*store_)->GetStudy("s")->fit_count, 1);
  ASSERT_TRUE(Write(*store_, &Transaction::DeleteFit, "s", "f1").ok());
  EXPECT_EQ(Code(Write(*store_, &Transaction::DeleteFit, "s", "f1")), StatusCode::kNotFound);
  EXPECT_EQ(Read(*store_)->GetStudy("s")->fit_count, 0);
  bare.study_id = "none";
  EXPECT_EQ(Code(Write(*store_, &Transaction::PutFit, bare)), StatusCode::kNotFound);
}

TEST_P(StoreSuite, KeepsEveryKindOfModel) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const fitting::FitModel models[] = {std::monostate{},
                                      fitting::LeastSquaresModel{},
                                      fitting::CriticalBatchModel{},
                                      fitting::AllocationModel{},
                                      fitting::OtherOptimumModel{-0.125, 0.0625},
                                      SampleLossModel()};
  for (const fitting::FitModel& model : models) {
    Fit fit = SampleFit("s", "f");
    fit.result.model = model;
    ASSERT_TRUE(Write(*store_, &Transaction::PutFit, fit).ok());
    const auto stored = Read(*store_)->GetFit("s", "f");
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(Differences(fit, *stored), "") << model.index();
  }
}

TEST_P(StoreSuite, ListsFits) {
  for (const char* study : {"t", "s"}) {
    ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy(study)).ok());
    for (const char* id : {"f3", "f1", "f2"})
      ASSERT_TRUE(Write(*store_, &Transaction::PutFit, SampleFit(study, id)).ok());
  }
  const auto first = Read(*store_)->ListFits("s", 2, "");
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->items.size(), 2U);
  EXPECT_EQ(Differences(SampleFit("s", "f1"), first->items[0]), "");
  const auto second = Read(*store_)->ListFits("s", 2, first->next_key);
  ASSERT_EQ(second->items.size(), 1U);
  EXPECT_EQ(second->items[0].id, "f3");
  EXPECT_EQ(second->next_key, "");
  const auto all = Read(*store_)->LoadAllFits();
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 6U);
  EXPECT_EQ(Differences(SampleFit("t", "f3"), all->back()), "");
  EXPECT_EQ(Code(Read(*store_)->ListFits("none", 2, "").status()), StatusCode::kNotFound);
}

TEST_P(StoreSuite, ListsTheNewestFitFirst) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  Micros time = 1'000;
  for (const char* id : {"b", "a", "c"}) {
    Fit fit = SampleFit("s", id);
    fit.create_time = ++time;
    ASSERT_TRUE(Write(*store_, &Transaction::PutFit, fit).ok());
  }
  std::string order, key;
  do {
    const auto page = Read(*store_)->ListFits("s", 1, key);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->items.size(), 1U);
    order += page->items[0].id;
    key = page->next_key;
  } while (!key.empty());
  EXPECT_EQ(order, "cab");
}

TEST_P(StoreSuite, KeepsUserLaws) {
  ASSERT_TRUE(Write(*store_, &Transaction::PutLaw, UserLaw{"mine", "id = \"mine\"", 5}).ok());
  EXPECT_EQ(Code(Write(*store_, &Transaction::PutLaw, UserLaw{"mine", "other", 6})),
            StatusCode::kAlreadyExists);
  ASSERT_TRUE(Write(*store_, &Transaction::PutLaw, UserLaw{"a-law", "id = \"a-law\"", 7}).ok());
  const auto laws = Read(*store_)->ListLaws();
  ASSERT_EQ(laws->size(), 2U);
  EXPECT_EQ((*laws)[0].id, "a-law");
  EXPECT_EQ((*laws)[1].toml, "id = \"mine\"");
  EXPECT_EQ((*laws)[1].create_time, 5);
  ASSERT_TRUE(Write(*store_, &Transaction::DeleteLaw, "mine").ok());
  EXPECT_EQ(Code(Write(*store_, &Transaction::DeleteLaw, "mine")), StatusCode::kNotFound);
}

TEST_P(StoreSuite, KeepsTokens) {
  const std::string digest("\0\x01 binary \xFF digest", 18);
  AccessToken limited{"b", "anna", digest, kScopeRead | kScopeWrite, {"s", "t-2"}, 5, 9, 0};
  ASSERT_TRUE(Write(*store_, &Transaction::PutToken, limited).ok());
  ASSERT_TRUE(
      Write(*store_, &Transaction::PutToken, AccessToken{"a", "", "d", kScopeAdmin, {}, 6, 0, 0}).ok());
  limited.revoke_time = 7;
  ASSERT_TRUE(Write(*store_, &Transaction::PutToken, limited).ok());
  const auto tokens = Read(*store_)->ListTokens();
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  ASSERT_EQ(tokens->size(), 2U);
  EXPECT_EQ((*tokens)[0].scopes, unsigned{kScopeAdmin});
  EXPECT_TRUE((*tokens)[0].studies.empty());
  const AccessToken& read = (*tokens)[1];
  EXPECT_EQ(read.digest, digest);
  EXPECT_EQ(read.studies, limited.studies);
  EXPECT_EQ(read.name, "anna");
  EXPECT_EQ(read.scopes, unsigned{kScopeRead | kScopeWrite});
  EXPECT_EQ(std::vector({read.create_time, read.expire_time, read.revoke_time}),
            std::vector<Micros>({5, 9, 7}));
}

TEST_P(StoreSuite, KeepsWhereAnUploadStands) {
  Upload upload{"u1", "s", "digest", 3, 100, 2, 1, false, 10, 11};
  ASSERT_TRUE(Write(*store_, &Transaction::PutUpload, upload).ok());
  upload.next_chunk = 4;
  upload.complete = true;
  ASSERT_TRUE(Write(*store_, &Transaction::PutUpload, upload).ok());
  const auto stored = Read(*store_)->GetUpload("u1");
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->study_id, "s");
  EXPECT_EQ(stored->format_digest, "digest");
  EXPECT_EQ(stored->next_chunk, 4);
  EXPECT_EQ(stored->accepted, 100);
  EXPECT_EQ(stored->duplicate, 2);
  EXPECT_EQ(stored->rejected, 1);
  EXPECT_TRUE(stored->complete);
  EXPECT_EQ(stored->create_time, 10);
  EXPECT_EQ(stored->update_time, 11);
  EXPECT_EQ(Code(Read(*store_)->GetUpload("u2").status()), StatusCode::kNotFound);
}

TEST_P(StoreSuite, RemembersAnswersForADay) {
  const std::string response("\0binary\xff", 8);
  ASSERT_TRUE(Write(*store_, &Transaction::PutRequest, "req-1", "digest", response).ok());
  now_ += Micros{24} * 3600 * 1'000'000 - 1;
  const auto stored = Read(*store_)->GetRequest("req-1");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->body_digest, "digest");
  EXPECT_EQ(stored->response, response);
  now_ += 1;
  EXPECT_EQ(Code(Read(*store_)->GetRequest("req-1").status()), StatusCode::kNotFound);
}

TEST_P(StoreSuite, ATransactionKeepsAllOrNothing) {
  const absl::Status failed = store_->Write([](Transaction& transaction) {
    EXPECT_TRUE(transaction.CreateStudy(SampleStudy("s")).ok());
    EXPECT_TRUE(transaction.GetStudy("s").ok()) << "a transaction sees its own writes";
    return absl::DataLossError("stop");
  });
  EXPECT_EQ(Code(failed), StatusCode::kDataLoss);
  EXPECT_EQ(Code(Read(*store_)->GetStudy("s").status()), StatusCode::kNotFound);
  ASSERT_TRUE(
      store_->Write([](Transaction& transaction) { return transaction.CreateStudy(SampleStudy("s")); }).ok());
  EXPECT_TRUE(Read(*store_)->GetStudy("s").ok());
}

TEST_P(StoreSuite, ANestedPartFailsAlone) {
  const absl::Status status = store_->Write([](Transaction& transaction) {
    EXPECT_TRUE(transaction.CreateStudy(SampleStudy("kept")).ok());
    const absl::Status inner = transaction.Nested([](Transaction& nested) {
      EXPECT_TRUE(nested.CreateStudy(SampleStudy("dropped")).ok());
      return nested.CreateStudy(SampleStudy("kept"));
    });
    EXPECT_EQ(Code(inner), StatusCode::kAlreadyExists);
    return transaction.CreateStudy(SampleStudy("also-kept"));
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(Read(*store_)->GetStudy("kept").ok());
  EXPECT_TRUE(Read(*store_)->GetStudy("also-kept").ok());
  EXPECT_EQ(Code(Read(*store_)->GetStudy("dropped").status()), StatusCode::kNotFound);
}

TEST_P(StoreSuite, ASnapshotStaysAtOneState) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  std::vector<RunWithCurve> runs;
  for (int i = 0; i < 10; ++i) runs.push_back({SampleRun("s", i), SampleCurve(1500, 1)});
  ASSERT_TRUE(Write(*store_, &Transaction::PutRuns, "s", runs).ok());
  ASSERT_TRUE(Write(*store_, &Transaction::PutFit, SampleFit("s", "before")).ok());

  const auto snapshot = Read(*store_);
  RunQuery query;
  query.study_id = "s";
  query.limit = 4;
  const auto first = snapshot->ListRuns(query);
  ASSERT_TRUE(first.ok()) << first.status();

  ASSERT_TRUE(Write(*store_, &Transaction::DeleteRun, "s", runs[9].run.id).ok());
  const RunWithCurve later = {SampleRun("s", 100), {}};
  ASSERT_TRUE(Write(*store_, &Transaction::PutRuns, "s", std::span(&later, 1)).ok());
  ASSERT_TRUE(Write(*store_, &Transaction::PutFit, SampleFit("s", "after")).ok());
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("t")).ok());

  std::vector<std::string> ids = Ids(*first);
  query.after = first->next_key;
  while (!query.after.empty()) {
    const auto page = snapshot->ListRuns(query);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const std::string& id : Ids(*page)) ids.push_back(id);
    query.after = page->next_key;
  }
  std::vector<std::string> expected;
  for (const RunWithCurve& run : runs) expected.push_back(run.run.id);
  EXPECT_EQ(ids, expected);
  EXPECT_EQ(snapshot->GetCurve("s", runs[9].run.id)->size(), 1500U) << "its run has been deleted since";
  EXPECT_EQ(Code(snapshot->GetRun("s", later.run.id).status()), StatusCode::kNotFound);
  EXPECT_EQ(snapshot->LoadRunTable("s", {})->size(), 10U);
  EXPECT_EQ(snapshot->GetStudySize("s")->points, 15000);
  EXPECT_EQ(snapshot->LoadAllFits()->size(), 1U);
  EXPECT_EQ(snapshot->ListStudies(10, "")->items.size(), 1U);

  EXPECT_EQ(Read(*store_)->LoadRunTable("s", {})->id.back(), later.run.id) << "the next one sees them";
  EXPECT_EQ(Read(*store_)->LoadAllFits()->size(), 2U);
}

TEST_P(StoreSuite, ASnapshotOutlivesItsStoresOtherUsers) {
  ASSERT_TRUE(Write(*store_, &Transaction::CreateStudy, SampleStudy("s")).ok());
  const auto snapshot = Read(*store_);
  store_.reset();
  EXPECT_TRUE(snapshot->GetStudy("s").ok());
}

}  // namespace sextant::storage
