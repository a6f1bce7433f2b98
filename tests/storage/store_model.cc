// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/store_model.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>

#include "storage/curve_parts.h"
#include "storage/run_fields.h"
#include "tests/storage/one_call.h"
#include "tests/storage/reference_store.h"
#include "tests/storage/sample_records.h"

namespace sextant::storage {
namespace {

using OpenAgain = std::function<absl::StatusOr<std::shared_ptr<Store>>()>;

class Model {
 public:
  Model(std::uint64_t seed, OpenAgain open) : random_(seed), open_(std::move(open)) { Reopen(); }

  void Step() {
    switch (Pick(18)) {
      case 16:
        return Both([forecast = SampleForecast(AnyStudy(), AnyFit())](Transaction& t) {
          return t.PutForecast(forecast);
        });
      case 17:
        return Both(
            [study = AnyStudy(), id = AnyFit(), scores = AnyScores(), remove = Pick(2) == 0](Transaction& t) {
              return remove ? t.DeleteForecast(study, id) : t.PutForecastScores(study, id, scores);
            });
      case 0:
        return Both([study = SampleStudy(AnyStudy())](Transaction& t) { return t.CreateStudy(study); });
      case 1:
        return Update();
      case 2:
        if (Pick(8) != 0) return;
        return Both([id = AnyStudy()](Transaction& t) { return t.DeleteStudy(id); });
      case 3:
        return Both(
            [study = AnyStudy(), run = AnyRunId()](Transaction& t) { return t.DeleteRun(study, run); });
      case 4:
        return Label();
      case 5:
        return Both([fit = SampleFit(AnyStudy(), AnyFit())](Transaction& t) { return t.PutFit(fit); });
      case 6:
        return Both([study = AnyStudy(), id = AnyFit()](Transaction& t) { return t.DeleteFit(study, id); });
      case 7:
        return FailedTransaction();
      case 8:
        if (Pick(10) == 0) Reopen();
        return;
      case 9:
      case 10:
        return CompareListing();
      default:
        return Put(*real_, model_);
    }
  }

  void CompareAll() {
    for (const std::string id : {"a", "b", "c"}) {
      const auto real = Read(*real_)->GetStudy(id), model = Read(model_)->GetStudy(id);
      ASSERT_EQ(real.status().code(), model.status().code()) << id;
      if (!real.ok()) continue;
      EXPECT_EQ(Differences(*model, *real), "");
      EXPECT_EQ(Read(*real_)->GetStudySize(id)->points, Read(model_)->GetStudySize(id)->points);
      for (int i = 0; i < kRuns; ++i) {
        const std::string run = "r" + std::to_string(i);
        const auto real_run = Read(*real_)->GetRun(id, run), model_run = Read(model_)->GetRun(id, run);
        ASSERT_EQ(real_run.status().code(), model_run.status().code()) << run;
        if (!real_run.ok()) continue;
        EXPECT_EQ(Differences(*model_run, *real_run), "") << run;
        EXPECT_EQ(Differences(*Read(model_)->GetCurve(id, run), *Read(*real_)->GetCurve(id, run)), "") << run;
      }
    }
    const auto real_fits = *Read(*real_)->LoadAllFits(), model_fits = *Read(model_)->LoadAllFits();
    ASSERT_EQ(real_fits.size(), model_fits.size());
    for (std::size_t i = 0; i < real_fits.size(); ++i)
      EXPECT_EQ(Differences(real_fits[i], model_fits[i]), "");
    for (const std::string id : {"a", "b", "c"}) {
      const auto real = Read(*real_)->ListForecasts(id, 100, ""),
                 model = Read(model_)->ListForecasts(id, 100, "");
      ASSERT_EQ(real.status().code(), model.status().code()) << id;
      if (!real.ok()) continue;
      ASSERT_EQ(real->items.size(), model->items.size());
      for (std::size_t i = 0; i < real->items.size(); ++i)
        EXPECT_EQ(Differences(real->items[i], model->items[i]), "");
      EXPECT_EQ(Read(*real_)->GetStudySize(id)->forecasts, Read(model_)->GetStudySize(id)->forecasts);
    }
    const auto real_records = *Read(*real_)->ListTrackRecords(),
               model_records = *Read(model_)->ListTrackRecords();
    ASSERT_EQ(real_records.size(), model_records.size());
    for (std::size_t i = 0; i < real_records.size(); ++i) {
      EXPECT_EQ(real_records[i].study_id + real_records[i].source,
                model_records[i].study_id + model_records[i].source);
      EXPECT_EQ(real_records[i].scored, model_records[i].scored);
      EXPECT_EQ(real_records[i].inside, model_records[i].inside);
    }
    EXPECT_TRUE(real_->CheckIntegrity().ok()) << real_->CheckIntegrity();
  }

 private:
  static constexpr int kRuns = 30;
  std::uint64_t Pick(std::uint64_t below) { return random_() % below; }
  std::string AnyStudy() { return std::string(1, static_cast<char>('a' + Pick(3))); }
  std::string AnyRunId() { return "r" + std::to_string(Pick(kRuns)); }
  std::vector<ForecastScore> AnyScores() {
    std::vector<ForecastScore> scores = SampleForecast("", "").scores;
    scores.resize(Pick(3));
    for (ForecastScore& score : scores) score.verdict = static_cast<ForecastScore::Verdict>(Pick(3));
    return scores;
  }
  std::string AnyFit() { return "f" + std::to_string(Pick(4)); }

  void Reopen() {
    real_.reset();
    auto opened = open_();
    ASSERT_TRUE(opened.ok()) << opened.status();
    real_ = *opened;
  }

  template <typename Work>
  void Both(Work work) {
    const absl::Status real = real_->Write(work), model = model_.Write(work);
    EXPECT_EQ(real.code(), model.code()) << real << " / " << model;
  }

  RunWithCurve AnyRun(const std::string& study) {
    // Few distinct values, so that duplicates, conflicts and extensions all happen.
    RunWithCurve made;
    made.run = SampleRun(study, static_cast<int>(Pick(2)));
    made.run.id = AnyRunId();
    const std::uint64_t curve_seed = std::hash<std::string>()(made.run.id);
    made.curve = SampleCurve(std::array<std::size_t, 5>{0, 10, 700, 1024, 1500}[Pick(5)], curve_seed);
    // A curve of fewer points is a beginning of the longer ones but for its learning rates.
    made.curve.learning_rate.clear();
    if (Pick(4) == 0 && made.curve.size() > 0)
      made.curve.validation_loss.back() = 2.5F;  // half logged before
    if (Pick(2) == 0) made.run.steps = made.run.tokens = static_cast<double>(1 + made.curve.size());
    if (Pick(4) == 0) {
      const std::size_t begin = std::min(made.curve.size(), std::array<std::size_t, 3>{0, 10, 700}[Pick(3)]);
      if (Pick(2) == 0) made.curve_length = static_cast<std::int64_t>(made.curve.size());
      made.curve = Slice(made.curve, begin, (made.curve.size() - begin) / (1 + Pick(2)));
      made.curve_begin = static_cast<std::int64_t>(begin);
    }
    if (Pick(3) == 0) made.run.state = fitting::RunState::kRunning;
    if (Pick(4) == 0) made.run.loss = kUnknown;
    if (Pick(4) == 0) made.run.seed.reset();
    if (Pick(4) == 0) made.run.tags["note"] = std::array{"quo\"te", "back\\slash", "tab\t", "ü"}[Pick(4)];
    made.run.labels = Pick(2) == 0 ? std::vector<std::string>{} : std::vector<std::string>{"b", "a"};
    return made;
  }

  void Put(Store& real, Store& model) {
    const std::string study = AnyStudy();
    std::vector<RunWithCurve> runs;
    for (std::uint64_t i = 0; i <= Pick(4); ++i) runs.push_back(AnyRun(study));
    if (Pick(20) == 0) runs.back().run.id = "";
    const auto a = Write(real, &Transaction::PutRuns, study, runs),
               b = Write(model, &Transaction::PutRuns, study, runs);
    ASSERT_EQ(a.status().code(), b.status().code()) << a.status();
    if (a.ok()) {
      EXPECT_EQ(*a, *b);
    }
  }

  void Update() {
    Study study = SampleStudy(AnyStudy());
    study.title = std::to_string(Pick(1000));
    const auto revision = static_cast<std::int64_t>(Pick(4)) - 1;
    Both([&](Transaction& t) { return t.UpdateStudy(study, revision); });
  }

  void Label() {
    std::map<std::string, std::vector<std::string>> labels;
    for (std::uint64_t i = 0; i <= Pick(3); ++i) labels[AnyRunId()] = {"l" + std::to_string(Pick(3)), "x"};
    std::vector<RunLabels> given;
    for (const auto& [run, texts] : labels) given.push_back({run, texts});
    const char* source = std::array{kUploadLabels, kSweepLabels, kCurveLabels}[Pick(3)];
    const LabelScope scope = Pick(2) == 0 ? LabelScope::kNamedRuns : LabelScope::kWholeStudy;
    Both([&, study = AnyStudy()](Transaction& t) { return t.SetRunLabels(study, source, given, scope); });
  }

  void FailedTransaction() {
    const std::string study = AnyStudy();
    const RunWithCurve run = AnyRun(study);
    const std::string run_id = AnyRunId();
    Both([&](Transaction& t) {
      t.PutRuns(study, std::span(&run, 1)).status().IgnoreError();
      t.Nested([&](Transaction& nested) { return nested.DeleteRun(study, run_id); }).IgnoreError();
      return absl::CancelledError("undo");
    });
  }

  Condition AnyCondition(int depth) {
    using enum Condition::Op;
    using enum Condition::Kind;
    constexpr std::array kOps = {kEq, kNe, kLt, kLe, kGt, kGe};
    constexpr std::array kAllOps = {kEq, kNe, kLt, kLe, kGt, kGe, kContains};
    Condition condition;
    const std::uint64_t kind = Pick(depth > 2 ? 5 : 8);
    if (kind >= 5) {
      condition.kind = std::array{kAnd, kOr, kNot}[kind - 5];
      for (std::uint64_t i = 0; i < (condition.kind == kNot ? 1 : Pick(4)); ++i) {
        condition.children.push_back(AnyCondition(depth + 1));
      }
    } else if (kind == 4) {
      condition.kind = kHasTag;
      condition.field = std::array{"note", "width", "none"}[Pick(3)];
      condition.op = kAllOps[Pick(7)];
      condition.text = std::array{"quo\"te", "back\\slash", "tab\t", "64", ""}[Pick(5)];
    } else if (kind == 3) {
      condition.kind = kHasLabel;
      condition.op = kAllOps[Pick(7)];
      condition.text = std::array{"a", "l1", "x", ""}[Pick(4)];
    } else if (kind == 2) {
      condition.field = std::array{"id", "schedule", "source"}[Pick(3)];
      condition.op = kAllOps[Pick(7)];
      condition.text = std::array{"r2", "cosine", "jsonl", ""}[Pick(4)];
    } else if (kind == 1) {
      condition.field = "state";
      condition.op = Pick(2) == 0 ? kEq : kNe;
      condition.text = std::array{"running", "finished", "crashed"}[Pick(3)];
    } else {
      condition.kind = Pick(5) == 0 ? kIsKnown : kCompare;
      condition.field = std::array{"loss", "seed", "tokens", "curve_points", "create_time"}[Pick(5)];
      condition.op = kOps[Pick(6)];
      condition.number = std::array{SampleRun("", 0).loss, SampleRun("", 1).tokens, -2.0, 1024.0}[Pick(4)];
    }
    return condition;
  }

  void CompareListing() {
    RunQuery query;
    query.study_id = AnyStudy();
    for (std::uint64_t i = 0; i < Pick(3); ++i) query.where.push_back(AnyCondition(0));
    query.order_by =
        std::array{"", "id", "loss", "seed", "schedule", "state", "tokens", "curve_points"}[Pick(8)];
    query.descending = Pick(2) == 0;
    query.limit = static_cast<std::int64_t>(1 + Pick(12));
    const auto ids = [&](Store& store) {
      RunQuery next = query;
      std::vector<std::string> found;
      do {
        const auto page = Read(store)->ListRuns(next);
        if (!page.ok())
          return std::vector<std::string>{std::string(absl::StatusCodeToString(page.status().code()))};
        for (const Run& run : page->items) found.push_back(run.id);
        next.after = page->next_key;
      } while (!next.after.empty());
      return found;
    };
    EXPECT_EQ(ids(*real_), ids(model_))
        << "ordered by " << query.order_by << (query.descending ? " desc" : "");
    const auto real = Read(*real_)->LoadRunTable(query.study_id, query.where);
    const auto model = Read(model_)->LoadRunTable(query.study_id, query.where);
    ASSERT_EQ(real.status().code(), model.status().code()) << real.status();
    if (real.ok()) {
      EXPECT_EQ(real->id, model->id);
      ASSERT_EQ(real->declared.size(), model->declared.size());
      for (const auto& [name, column] : model->declared) {
        const std::vector<double>& same = real->declared.at(name);
        ASSERT_EQ(same.size(), column.size());
        for (std::size_t i = 0; i < column.size(); ++i) {
          EXPECT_TRUE(same[i] == column[i] || (std::isnan(same[i]) && std::isnan(column[i]))) << name;
        }
      }
    }
  }

  std::mt19937_64 random_;
  OpenAgain open_;
  std::shared_ptr<Store> real_;
  ReferenceStore model_{[] { return Micros{0}; }};
};

}  // namespace

void AgreesWithTheReference(const OpenAgain& open) {
  const char* given = std::getenv("SEXTANT_TEST_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("SEXTANT_TEST_SEED=" + std::to_string(seed));
  Model model(seed, open);
  for (int i = 0; i < 600 && !testing::Test::HasFailure(); ++i) {
    model.Step();
    if (i % 100 == 99) model.CompareAll();
  }
}

}  // namespace sextant::storage
