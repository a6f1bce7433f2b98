// SPDX-License-Identifier: Apache-2.0
// Messages from outside: what is taken, what is refused, and that records come back as they went in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "fitting/refusal.h"
#include "server/convert/curve.h"
#include "server/convert/fit.h"
#include "server/convert/prediction.h"
#include "server/convert/run.h"
#include "server/convert/run_quantities.h"
#include "server/convert/study.h"
#include "server/names.h"

namespace sextant::server {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

storage::Study SomeStudy() {
  storage::Study study;
  study.id = "s";
  return study;
}

v1::Run GoodRun() {
  v1::Run run;
  run.set_run_id("r1");
  run.set_params_non_embedding(1e8);
  run.set_tokens(2e9);
  run.set_learning_rate(1e-3);
  run.set_batch_size_tokens(65536);
  run.set_loss_nats(3.1);
  return run;
}

TEST(Run, ComesBackAsItWentIn) {
  v1::Run sent = GoodRun();
  sent.set_params_total(1.2e8);
  sent.set_sequence_length(2048);
  sent.set_steps(1000);
  sent.set_warmup_steps(0);
  sent.set_weight_decay(0.1);
  sent.set_adam_beta1(0.9);
  sent.set_adam_beta2(0.95);
  sent.set_min_learning_rate(0);
  sent.set_flops(1e18);
  sent.set_schedule("cosine");
  sent.set_optimizer("adamw");
  sent.set_seed(-7);
  sent.set_state(v1::CRASHED);
  sent.set_source("runs.csv:12");
  (*sent.mutable_tags())["sweep"] = "a";
  sent.add_labels("edge-of-grid");
  auto record = RunFromProto(sent, SomeStudy());
  ASSERT_TRUE(record.ok()) << record.status();
  record->run.create_time = 1'500'000;
  v1::Run back;
  RunToProto(record->run, back);
  EXPECT_EQ(back.name(), "studies/s/runs/r1");
  EXPECT_EQ(back.create_time().seconds(), 1);
  EXPECT_EQ(back.create_time().nanos(), 500'000'000);
  back.clear_name();
  back.clear_create_time();
  back.clear_update_time();
  EXPECT_EQ(back.DebugString(), sent.DebugString());
}

TEST(Run, HasAFieldForEveryQuantity) {
  const QuantityFields fields = FindQuantityFields(*v1::Run::descriptor());
  const QuantityFields of_another = FindQuantityFields(*v1::Curve::descriptor());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    EXPECT_NE(fields[i], nullptr) << kRunQuantities[i].name;
    EXPECT_EQ(of_another[i], nullptr) << "its fields of that name are columns";
  }
}

TEST(Run, QuantitiesComeBackAsTheyWent) {
  for (const RunQuantity& quantity : kRunQuantities) {
    storage::Run run;
    run.*quantity.value = 0.25;
    v1::Run message;
    RunToProto(run, message);
    const google::protobuf::FieldDescriptor* field = v1::Run::descriptor()->FindFieldByName(quantity.name);
    ASSERT_NE(field, nullptr) << quantity.name;
    EXPECT_EQ(message.GetReflection()->GetDouble(message, field), 0.25) << quantity.name;
    v1::Run sent = GoodRun();
    sent.GetReflection()->SetDouble(&sent, field, 0.125);
    auto record = RunFromProto(sent, SomeStudy());
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->run.*quantity.value, 0.125) << quantity.name;
  }
}

TEST(Run, OfNanLossIsKeptAsDiverged) {
  for (const double loss : {kNan, kInfinity, -kInfinity}) {
    v1::Run run = GoodRun();
    run.set_loss_nats(loss);
    run.set_state(v1::FINISHED);
    auto record = RunFromProto(run, SomeStudy());
    ASSERT_TRUE(record.ok());
    EXPECT_EQ(record->run.state, fitting::RunState::kDiverged);
  }
}

TEST(Run, WithoutRateAndBatchIsTaken) {
  v1::Run run = GoodRun();
  run.clear_learning_rate();
  run.clear_batch_size_tokens();
  auto record = RunFromProto(run, SomeStudy());
  ASSERT_TRUE(record.ok());
  EXPECT_TRUE(std::isnan(record->run.learning_rate));
  v1::Run back;
  RunToProto(record->run, back);
  EXPECT_FALSE(back.has_learning_rate());
}

TEST(Run, WithoutAnIdIsKnownByItsContent) {
  v1::Run run = GoodRun();
  run.clear_run_id();
  (*run.mutable_tags())["a"] = "1";
  (*run.mutable_tags())["b"] = "2";
  const std::string id = RunFromProto(run, SomeStudy())->run.id;
  EXPECT_TRUE(IsRunId(id));
  run.set_source("elsewhere:3");
  EXPECT_EQ(RunFromProto(run, SomeStudy())->run.id, id) << "where it came from is not what it is";
  run.set_loss_nats(3.2);
  EXPECT_NE(RunFromProto(run, SomeStudy())->run.id, id);
}

TEST(Run, NeedsTheCountOfItsStudy) {
  storage::Study study = SomeStudy();
  study.param_count = storage::ParamCount::kTotal;
  v1::Run run = GoodRun();
  auto record = RunFromProto(run, study);
  ASSERT_FALSE(record.ok());
  EXPECT_THAT(std::string(record.status().message()), HasSubstr("params_total: missing"));
}

storage::Study DeclaringStudy() {
  storage::Study study = SomeStudy();
  study.declared = {
      {storage::DeclaredColumn::Kind::kVariable, "r", "share", "", storage::kUnknown, storage::kUnknown},
      {storage::DeclaredColumn::Kind::kMinimized, "error_rate", "", "", 0, 1}};
  return study;
}

TEST(Run, CarriesWhatItsStudyDeclaresAndNeedsNoNAndD) {
  v1::Run sent;
  sent.set_run_id("r1");
  (*sent.mutable_variables())["error_rate"] = 0.25;
  auto record = RunFromProto(sent, DeclaringStudy());
  ASSERT_TRUE(record.ok()) << record.status();
  ASSERT_EQ(record->run.values.size(), 2U);
  EXPECT_TRUE(std::isnan(record->run.values[0]));
  EXPECT_EQ(record->run.values[1], 0.25);
  v1::Run back;
  RunToProto(record->run, back, DeclaringStudy().declared);
  EXPECT_EQ(back.variables_size(), 1);
  EXPECT_EQ(back.variables().at("error_rate"), 0.25);
}

TEST(Run, OfWrongValuesIsRefusedWithEachOfThem) {
  v1::Run sent;
  sent.set_run_id("r1");
  (*sent.mutable_variables())["r"] = kNan;
  (*sent.mutable_variables())["error_rate"] = 1.5;
  (*sent.mutable_variables())["nosuch"] = 1;
  (*sent.mutable_variables())[std::string(1 << 16, 'x')] = 1;
  const std::string message(RunFromProto(sent, DeclaringStudy()).status().message());
  for (const char* part :
       {"variables.r: ", "finite", "ceiling", "declares no such variable; it has r, error_rate"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
  EXPECT_LT(message.size(), 2000U);
  EXPECT_FALSE(RunFromProto(sent, SomeStudy()).ok()) << "which declares nothing";
}

TEST(Study, DeclarationsAreCheckedAndOnlyGrow) {
  v1::CreateStudyRequest create;
  create.set_study_id("s");
  const auto declare = [&](const std::string& name, const std::string& unit) {
    v1::StudyVariable& variable = *create.mutable_study()->add_variables();
    variable.set_name(name);
    variable.set_unit(unit);
  };
  declare("U", "tokens");
  auto study = NewStudyFromProto(create);
  ASSERT_TRUE(study.ok()) << study.status();
  v1::UpdateStudyRequest update;
  v1::StudyObjective& objective = *update.mutable_study()->add_objectives();
  objective.set_name("score");
  objective.set_direction(v1::MAXIMIZE);
  ASSERT_TRUE(ApplyStudyUpdate(update, *study).ok());
  ASSERT_EQ(study->declared.size(), 2U);
  EXPECT_EQ(study->declared[1].kind, storage::DeclaredColumn::Kind::kMaximized);
  ASSERT_TRUE(ApplyStudyUpdate(update, *study).ok()) << "the same again changes nothing";
  EXPECT_EQ(study->declared.size(), 2U);
  objective.set_direction(v1::MINIMIZE);
  EXPECT_FALSE(ApplyStudyUpdate(update, *study).ok());
  update.mutable_study()->clear_objectives();
  v1::StudyVariable& variable = *update.mutable_study()->add_variables();
  variable.set_name("U");
  variable.set_unit("bytes");
  EXPECT_THAT(std::string(ApplyStudyUpdate(update, *study).message()), HasSubstr("tokens"));

  for (const char* name : {"tokens", "lr", "N", "2r", "a b", ""}) {
    create.mutable_study()->clear_variables();
    declare(name, "");
    EXPECT_FALSE(NewStudyFromProto(create).ok()) << name;
  }
  create.mutable_study()->clear_variables();
  for (int i = 0; i < 10'000; ++i) declare("v" + std::to_string(i), "");
  EXPECT_THAT(std::string(NewStudyFromProto(create).status().message()), HasSubstr("at most 64"));
}

struct BadRun {
  const char* name;
  std::function<void(v1::Run&)> spoil;
  const char* says;
};
class BadRuns : public ::testing::TestWithParam<BadRun> {};

TEST_P(BadRuns, AreRefusedWithTheField) {
  v1::Run run = GoodRun();
  GetParam().spoil(run);
  auto record = RunFromProto(run, SomeStudy());
  ASSERT_FALSE(record.ok());
  EXPECT_EQ(record.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(record.status().message()), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadRuns,
    ::testing::Values(
        BadRun{"NoTokens", [](v1::Run& run) { run.clear_tokens(); }, "tokens: missing"},
        BadRun{"NoParams", [](v1::Run& run) { run.clear_params_non_embedding(); },
               "params_non_embedding: missing"},
        BadRun{"ZeroParams", [](v1::Run& run) { run.set_params_non_embedding(0); },
               "params_non_embedding: 0 is not"},
        BadRun{"NegativeTokens", [](v1::Run& run) { run.set_tokens(-1); }, "tokens: -1 is not"},
        BadRun{"NanRate", [](v1::Run& run) { run.set_learning_rate(kNan); }, "learning_rate: nan is not"},
        BadRun{"ZeroRate", [](v1::Run& run) { run.set_learning_rate(0); }, "learning_rate: 0 is not"},
        BadRun{"InfiniteBatch", [](v1::Run& run) { run.set_batch_size_tokens(kInfinity); },
               "batch_size_tokens: inf"},
        BadRun{"NegativeDecay", [](v1::Run& run) { run.set_weight_decay(-0.1); }, "weight_decay: -0.1"},
        BadRun{"ZeroLoss", [](v1::Run& run) { run.set_loss_nats(0); }, "loss_nats: 0 is not"},
        BadRun{"NegativeLoss", [](v1::Run& run) { run.set_loss_nats(-1); }, "loss_nats: -1 is not"},
        BadRun{"BadId", [](v1::Run& run) { run.set_run_id("a/b"); }, "run_id: use 1 to 200"},
        BadRun{"NameElsewhere", [](v1::Run& run) { run.set_name("studies/t/runs/r1"); },
               "name: not of the form"},
        BadRun{"TwoIds", [](v1::Run& run) { run.set_name("studies/s/runs/r2"); }, "run_id: differs"},
        BadRun{"LongSchedule", [](v1::Run& run) { run.set_schedule(std::string(300, 'x')); },
               "schedule: 300 bytes"},
        BadRun{"ControlText", [](v1::Run& run) { run.set_optimizer("a\x01b"); },
               "optimizer: holds a control"},
        BadRun{"BadState", [](v1::Run& run) { run.set_state(static_cast<v1::RunState>(99)); },
               "state: unknown"},
        BadRun{"StepsFall",
               [](v1::Run& run) {
                 run.mutable_curve()->add_step(2);
                 run.mutable_curve()->add_step(1);
               },
               "curve.step: value 2 is 1"},
        BadRun{"ColumnShort",
               [](v1::Run& run) {
                 run.mutable_curve()->add_step(1);
                 run.mutable_curve()->add_step(2);
                 run.mutable_curve()->add_train_loss(3);
               },
               "curve.train_loss: 1 values for 2 steps"},
        BadRun{"TokensFall",
               [](v1::Run& run) {
                 for (const double tokens : {5.0, 4.0}) {
                   run.mutable_curve()->add_step(run.curve().step_size());
                   run.mutable_curve()->add_tokens(tokens);
                 }
               },
               "curve.tokens: value 2"}),
    [](const auto& bad) { return bad.param.name; });

TEST(Run, ReportsEveryProblemAtOnce) {
  v1::Run run;
  run.set_learning_rate(-1);
  const std::string message(RunFromProto(run, SomeStudy()).status().message());
  EXPECT_THAT(message, HasSubstr("params_non_embedding"));
  EXPECT_THAT(message, HasSubstr("tokens"));
  EXPECT_THAT(message, HasSubstr("learning_rate"));
}

TEST(Curve, KeepsGapsAndSlices) {
  v1::Curve sent;
  for (int i = 0; i < 5; ++i) {
    sent.add_step(10 * i);
    sent.add_train_loss(i == 2 ? std::numeric_limits<float>::infinity() : 5.0F - static_cast<float>(i));
  }
  std::vector<FieldViolation> violations;
  const storage::CurveView view = CurveFromProto(sent, violations);
  ASSERT_TRUE(violations.empty());
  const auto curve = storage::EncodedCurve(view).Decode().value();
  EXPECT_TRUE(std::isnan(curve.train_loss[2]));
  EXPECT_TRUE(curve.tokens.empty());
  v1::Curve part;
  CurveToProto(curve, 3, 2, part);
  ASSERT_EQ(part.step_size(), 2);
  EXPECT_EQ(part.step(0), 30);
  EXPECT_EQ(part.train_loss(1), 1.0F);
  EXPECT_EQ(part.tokens_size(), 0);
}

TEST(Source, IsSplitIntoFileAndLine) {
  EXPECT_EQ(SplitSource("a/b.csv:17").source, "a/b.csv");
  EXPECT_EQ(SplitSource("a/b.csv:17").line, 17);
  EXPECT_EQ(SplitSource("a:b").source, "a:b");
  EXPECT_EQ(SplitSource("a:").line, 0);
  EXPECT_EQ(SplitSource("").line, 0);
}

TEST(Study, FillsDefaultsAndRefusesWhatIsWrong) {
  v1::CreateStudyRequest request;
  request.set_study_id("s1");
  auto study = NewStudyFromProto(request);
  ASSERT_TRUE(study.ok());
  EXPECT_EQ(study->param_count, storage::ParamCount::kNonEmbedding);
  EXPECT_EQ(study->loss_unit, storage::LossUnit::kNatsPerToken);

  request.set_study_id("S1");
  request.mutable_study()->set_title(std::string(1000, 'x'));
  request.mutable_study()->set_loss_unit(static_cast<v1::LossUnit>(9));
  const std::string message(NewStudyFromProto(request).status().message());
  EXPECT_THAT(message, HasSubstr("study_id"));
  EXPECT_THAT(message, HasSubstr("study.title"));
  EXPECT_THAT(message, HasSubstr("study.loss_unit"));
}

TEST(Study, UpdatesOnlyWhatTheMaskNames) {
  storage::Study study = SomeStudy();
  study.title = "old";
  study.description = "kept";
  v1::UpdateStudyRequest request;
  request.mutable_study()->set_title("new");
  request.mutable_study()->set_description("not asked for");
  request.mutable_update_mask()->add_paths("title");
  ASSERT_TRUE(ApplyStudyUpdate(request, study).ok());
  EXPECT_EQ(study.title, "new");
  EXPECT_EQ(study.description, "kept");
  request.mutable_update_mask()->add_paths("param_count");
  EXPECT_THAT(std::string(ApplyStudyUpdate(request, study).message()), HasSubstr("cannot change"));
  request.mutable_update_mask()->set_paths(1, "colour");
  EXPECT_THAT(std::string(ApplyStudyUpdate(request, study).message()), HasSubstr("no field of a study"));
}

TEST(Prediction, ChecksEveryFieldOfTheTarget) {
  v1::PredictRequest request;
  request.set_params(-1);
  request.set_interval(2);
  request.set_batch_size_tokens(kInfinity);
  const std::string message(TargetFromProto(request).status().message());
  for (const char* field : {"params", "tokens", "interval", "batch_size_tokens"}) {
    EXPECT_THAT(message, HasSubstr(field));
  }
}

TEST(Fit, FailureCarriesItsReason) {
  storage::Fit fit;
  fit.study_id = "s";
  fit.id = "f";
  MarkEnded(fitting::NotIdentifiable("N takes one value"), fit);
  v1::Fit message;
  FitToProto(fit, message);
  EXPECT_EQ(message.state(), v1::FIT_FAILED);
  EXPECT_EQ(message.error().reason(), "DESIGN_NOT_IDENTIFIABLE");
  fit.error_reason.clear();
  FitToProto(fit, message);
  EXPECT_EQ(message.error().reason(), "PRECONDITION") << "of a fit that was stored without a reason";
  MarkEnded(absl::AbortedError("the server stopped"), fit);
  FitToProto(fit, message);
  EXPECT_EQ(message.error().reason(), "SERVER_STOPPED");
  MarkEnded(absl::CancelledError("stop"), fit);
  FitToProto(fit, message);
  EXPECT_EQ(message.state(), v1::FIT_CANCELLED);
}

}  // namespace
}  // namespace sextant::server
