// SPDX-License-Identifier: Apache-2.0
// Runs that have gone on since they were stored: what Store::PutRuns says of them.
#include <gmock/gmock.h>

#include <cmath>

#include "storage/curve_parts.h"
#include "tests/storage/one_call.h"
#include "tests/storage/sample_records.h"
#include "tests/storage/store_suite.h"

namespace sextant::storage {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// A run at its `points`-th point, as a log tells it that says nothing of a plan.
RunWithCurve At(std::size_t points) {
  RunWithCurve made{SampleRun("s", 1), SampleCurve(5000, 3)};
  made.curve.learning_rate.clear();
  made.curve = Slice(made.curve, 0, points);
  made.run.steps = static_cast<double>(made.curve.step.back());
  made.run.tokens = made.curve.tokens.back();
  made.run.loss = made.curve.train_loss.back();
  made.run.labels.clear();
  return made;
}

class Growing {
 public:
  explicit Growing(Store& store) : store_(store) {
    EXPECT_TRUE(Write(store, &Transaction::CreateStudy, SampleStudy("s")).ok());
  }
  PutOutcome Put(const RunWithCurve& given) {
    const auto outcomes = Write(store_, &Transaction::PutRuns, "s", std::span(&given, 1));
    EXPECT_TRUE(outcomes.ok()) << outcomes.status();
    return outcomes.ok() ? outcomes->at(0) : PutOutcome::kConflict;
  }
  /// The points [begin, end) of a run, with its fields.
  PutOutcome PutPart(const RunWithCurve& whole, std::size_t begin, std::size_t end) {
    return Put({whole.run, Slice(whole.curve, begin, end - begin), static_cast<std::int64_t>(begin),
                static_cast<std::int64_t>(whole.curve.size())});
  }
  void ExpectStored(const RunWithCurve& expected) {
    Run run = expected.run;
    run.curve_points = static_cast<std::int64_t>(expected.curve.size());
    const auto stored = Read(store_)->GetRun("s", run.id);
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(Differences(run, *stored), "");
    EXPECT_EQ(Differences(expected.curve, *Read(store_)->GetCurve("s", run.id)), "");
    EXPECT_EQ(Read(store_)->GetStudySize("s")->points, run.curve_points);
    EXPECT_TRUE(store_.CheckIntegrity().ok());
  }

 private:
  Store& store_;
};

TEST_P(StoreSuite, ARunWhoseCurveGoesOnIsBroughtUpToDate) {
  Growing study(*store_);
  for (const std::size_t points : {10, 11, 1023, 1024, 1025, 3000}) {
    RunWithCurve run = At(points);
    if (points > 1023) run.run.tags["final_loss_from"] = "validation";
    if (points == 3000) run.run.state = fitting::RunState::kCrashed;
    EXPECT_EQ(study.Put(run), PutOutcome::kAccepted) << points;
    study.ExpectStored(run);
    EXPECT_EQ(study.Put(run), PutOutcome::kDuplicate) << points;
  }
}

TEST_P(StoreSuite, ALongerCurveDoesNotMakeOtherContentTheSameRun) {
  Growing study(*store_);
  EXPECT_EQ(study.Put(At(1000)), PutOutcome::kAccepted);
  const auto refuse = [&](const char* why, auto change) {
    RunWithCurve other = At(2000);
    change(other);
    EXPECT_EQ(study.Put(other), PutOutcome::kConflict) << why;
  };
  refuse("recipe", [](RunWithCurve& run) { run.run.batch_size_tokens *= 2; });
  refuse("rate", [](RunWithCurve& run) { run.run.learning_rate *= 2; });
  refuse("seed", [](RunWithCurve& run) { run.run.seed = 77; });
  refuse("optimizer", [](RunWithCurve& run) { run.run.optimizer = "sgd"; });
  refuse("a known quantity that is not known", [](RunWithCurve& run) { run.run.warmup_steps = kUnknown; });
  refuse("tokens fall", [](RunWithCurve& run) { run.run.tokens = 1; });
  refuse("a point", [](RunWithCurve& run) { run.curve.train_loss[500] += 1e-4F; });
  refuse("the last point", [](RunWithCurve& run) { run.curve.train_loss[999] += 1e-4F; });
  refuse("a value less", [](RunWithCurve& run) { run.curve.train_loss[999] = kMissing; });
  refuse("a value before the last point", [](RunWithCurve& run) { run.curve.validation_loss[997] = 2; });
  refuse("a step", [](RunWithCurve& run) { --run.curve.step[500]; });
  study.ExpectStored(At(1000));
}

TEST_P(StoreSuite, ALossAloneDoesNotChangeWithoutACurveThatGoesOn) {
  Growing study(*store_);
  RunWithCurve run = At(1000);
  run.curve = {};
  EXPECT_EQ(study.Put(run), PutOutcome::kAccepted);
  RunWithCurve other = At(1000);
  EXPECT_EQ(study.Put(other), PutOutcome::kAccepted) << "a curve comes to what has none";
  other.run.loss -= 0.1;
  EXPECT_EQ(study.Put(other), PutOutcome::kConflict);
  RunWithCurve bare = run;
  bare.run.id = "bare";
  EXPECT_EQ(study.Put(bare), PutOutcome::kAccepted);
  other.run.id = "bare";
  EXPECT_EQ(study.Put(other), PutOutcome::kConflict) << "nothing shows that it is the same run";
}

TEST_P(StoreSuite, TheLastPointMayHaveBeenHalfLogged) {
  for (const std::size_t points : {1, 10, 1024, 1025}) {
    Growing study(*store_);
    RunWithCurve half = At(points), whole = half;
    half.curve.validation_loss.back() = kMissing;
    whole.curve.validation_loss.back() = 2.5F;
    whole.run.loss = 2.5;
    EXPECT_EQ(study.Put(half), PutOutcome::kAccepted);
    EXPECT_EQ(study.Put(whole), PutOutcome::kAccepted);
    study.ExpectStored(whole);
    const auto bytes = Read(*store_)->GetStudySize("s")->curve_bytes;
    ASSERT_TRUE(Write(*store_, &Transaction::DeleteStudy, "s").ok());
    Growing again(*store_);
    EXPECT_EQ(again.Put(whole), PutOutcome::kAccepted);
    EXPECT_EQ(Read(*store_)->GetStudySize("s")->curve_bytes, bytes) << points;
    ASSERT_TRUE(Write(*store_, &Transaction::DeleteStudy, "s").ok());
  }
}

TEST_P(StoreSuite, AnEarlierStateOfARunAddsNothing) {
  Growing study(*store_);
  EXPECT_EQ(study.Put(At(2000)), PutOutcome::kAccepted);
  EXPECT_EQ(study.Put(At(1000)), PutOutcome::kDuplicate);
  RunWithCurve other = At(1000);
  other.run.learning_rate *= 2;
  EXPECT_EQ(study.Put(other), PutOutcome::kConflict);
  other = At(1000);
  other.run.steps = At(2000).run.steps;
  other.run.tokens = At(2000).run.tokens;
  EXPECT_EQ(study.Put(other), PutOutcome::kConflict) << "another loss of the same run";
  study.ExpectStored(At(2000));
}

TEST_P(StoreSuite, AnEarlierStateDoesNotSetARunningRunBack) {
  Growing study(*store_);
  RunWithCurve now = At(2000), before = At(1000);
  now.run.state = before.run.state = fitting::RunState::kRunning;
  EXPECT_EQ(study.Put(now), PutOutcome::kAccepted);
  EXPECT_EQ(study.Put(before), PutOutcome::kDuplicate);
  study.ExpectStored(now);
}

TEST_P(StoreSuite, APeakRateThatTheCurveTellsMayRise) {
  Growing study(*store_);
  const auto warming = [](std::size_t points) {
    RunWithCurve run = At(points);
    for (std::size_t i = 0; i < points; ++i)
      run.curve.learning_rate.push_back(1e-5F * static_cast<float>(std::min<std::size_t>(i, 150)));
    run.run.learning_rate = run.curve.learning_rate.back();
    return run;
  };
  EXPECT_EQ(study.Put(warming(100)), PutOutcome::kAccepted);
  RunWithCurve other = warming(200);
  other.run.learning_rate *= 2;
  EXPECT_EQ(study.Put(other), PutOutcome::kConflict);
  EXPECT_EQ(study.Put(warming(200)), PutOutcome::kAccepted);
  study.ExpectStored(warming(200));
  EXPECT_EQ(study.Put(warming(100)), PutOutcome::kConflict) << "its rate is another";
}

TEST_P(StoreSuite, ALongCurveThatGoesOnComesInParts) {
  Growing study(*store_);
  const RunWithCurve before = At(2500), now = At(5000);
  EXPECT_EQ(study.PutPart(before, 0, 1500), PutOutcome::kAccepted);
  EXPECT_EQ(study.PutPart(before, 1500, 2500), PutOutcome::kAccepted);
  study.ExpectStored(before);
  EXPECT_EQ(study.PutPart(now, 0, 1500), PutOutcome::kDuplicate);
  EXPECT_EQ(study.PutPart(now, 1500, 3000), PutOutcome::kAccepted);
  EXPECT_EQ(Read(*store_)->GetRun("s", now.run.id)->loss, before.run.loss)
      << "fields come with the last part";
  EXPECT_EQ(study.PutPart(now, 3000, 5000), PutOutcome::kAccepted);
  study.ExpectStored(now);
  for (const std::size_t begin : {0, 1000, 4000}) {
    EXPECT_EQ(study.PutPart(now, begin, begin + 1000), PutOutcome::kDuplicate) << begin;
  }
  EXPECT_EQ(study.PutPart(before, 0, 1500), PutOutcome::kDuplicate) << "an earlier state";
  EXPECT_EQ(study.PutPart(before, 1500, 2500), PutOutcome::kDuplicate);
  study.ExpectStored(now);
}

TEST_P(StoreSuite, APartOfOtherContentIsRefused) {
  Growing study(*store_);
  const RunWithCurve before = At(2500);
  EXPECT_EQ(study.Put(before), PutOutcome::kAccepted);
  RunWithCurve other = At(5000);
  other.run.learning_rate *= 2;
  EXPECT_EQ(study.PutPart(other, 0, 3000), PutOutcome::kConflict);
  EXPECT_EQ(study.PutPart(other, 2500, 5000), PutOutcome::kConflict) << "no gap, and yet another recipe";
  RunWithCurve same_length = before;
  same_length.run.loss -= 0.5;
  EXPECT_EQ(study.PutPart(same_length, 0, 1000), PutOutcome::kDuplicate) << "it may yet bring something";
  EXPECT_EQ(study.PutPart(same_length, 1000, 2500), PutOutcome::kConflict);
  EXPECT_EQ(study.PutPart(At(5000), 3000, 5000), PutOutcome::kConflict) << "a gap";
  study.ExpectStored(before);
}

}  // namespace
}  // namespace sextant::storage
