// SPDX-License-Identifier: Apache-2.0
// Uploads: acknowledged means durable, sent again means recognised, wrong rows leave the good ones alone.
#include <gmock/gmock.h>

#include <limits>
#include <memory>
#include <thread>

#include "base/sha256.h"
#include "server/limits.h"
#include "tests/server/service_fixture.h"

namespace sextant::server {
namespace {

using ::testing::HasSubstr;

// One upload stream, driven message by message.
class Stream {
 public:
  Stream(v1::RunService::Stub& stub, const std::string& parent, const std::string& upload_id)
      : stream_(stub.UploadRuns(&context_)) {
    v1::UploadRunsRequest request;
    request.mutable_header()->set_parent(parent);
    request.mutable_header()->set_upload_id(upload_id);
    stream_->Write(request);
  }
  bool Read(v1::UploadRunsResponse& answer) { return stream_->Read(&answer); }
  bool Send(std::int64_t index, const std::vector<v1::Run>& runs, bool last = false) {
    v1::UploadRunsRequest request;
    request.mutable_chunk()->set_index(index);
    request.mutable_chunk()->set_last(last);
    request.mutable_chunk()->mutable_batch();
    for (const v1::Run& run : runs) *request.mutable_chunk()->mutable_batch()->add_runs() = run;
    return stream_->Write(request);
  }
  bool Send(const v1::UploadRunsRequest& request) { return stream_->Write(request); }
  grpc::Status HalfCloseAndFinish() {
    stream_->WritesDone();
    return Finish();
  }
  grpc::Status Finish() {
    v1::UploadRunsResponse ignored;
    while (stream_->Read(&ignored)) {
    }
    return stream_->Finish();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  Context context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::UploadRunsRequest, v1::UploadRunsResponse>> stream_;
};

class UploadTest : public ServiceTest {
 protected:
  UploadTest() {
    Start();
    CreateStudy("s");
  }
  int RunCount() {
    Context context;
    v1::GetStudyRequest request;
    v1::Study study;
    request.set_name("studies/s");
    EXPECT_TRUE(studies->GetStudy(&context, request, &study).ok());
    return study.run_count();
  }
  v1::Run Stored(const std::string& run) {
    Context context;
    v1::GetRunRequest request;
    v1::Run stored;
    request.set_name("studies/s/runs/" + run);
    const auto status = runs->GetRun(&context, request, &stored);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return stored;
  }
  v1::Upload Position(const std::string& upload_id) {
    Context context;
    v1::GetUploadRequest request;
    v1::Upload upload;
    request.set_name("studies/s/uploads/" + upload_id);
    const auto status = runs->GetUpload(&context, request, &upload);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return upload;
  }
};

TEST_F(UploadTest, AcknowledgesEveryChunkOnceDurable) {
  Stream stream(*runs, "studies/s", "u");
  v1::UploadRunsResponse answer;
  ASSERT_TRUE(stream.Read(answer));
  EXPECT_EQ(answer.next_chunk(), 0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(stream.Send(i, {SomeRun("a" + std::to_string(i)), SomeRun("b" + std::to_string(i))}, i == 2));
    ASSERT_TRUE(stream.Read(answer));
    EXPECT_EQ(answer.next_chunk(), i + 1);
    EXPECT_EQ(answer.accepted(), 2 * (i + 1));
    EXPECT_EQ(RunCount(), 2 * (i + 1)) << "acknowledged runs are there for others";
  }
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_TRUE(Position("u").complete());
}

TEST_F(UploadTest, ReimportAddsNothingAndSaysSo) {
  EXPECT_EQ(Upload("s", {SomeRun("r1"), SomeRun("r2")}).accepted(), 2);
  v1::Run other_source = SomeRun("r1");
  other_source.set_source("copy.csv:9");
  const auto again = Upload("s", {other_source, SomeRun("r2")});
  EXPECT_EQ(again.accepted(), 0);
  EXPECT_EQ(again.duplicate(), 2);
  EXPECT_EQ(RunCount(), 2);
}

TEST_F(UploadTest, RejectsWrongRowsWithLineAndReasonAndKeepsTheGoodOnes) {
  v1::Run zero_rate = SomeRun("bad1");
  zero_rate.set_learning_rate(0);
  zero_rate.set_source("sweep.csv:17");
  v1::Run no_tokens = SomeRun("bad2");
  no_tokens.clear_tokens();
  no_tokens.clear_source();
  v1::Run diverged = SomeRun("diverged");
  diverged.set_loss_nats(std::numeric_limits<double>::quiet_NaN());
  const auto answer = Upload("s", {SomeRun("good"), zero_rate, no_tokens, diverged});
  EXPECT_EQ(answer.accepted(), 2);
  EXPECT_EQ(answer.rejected(), 2);
  ASSERT_EQ(answer.rejects_size(), 2);
  EXPECT_EQ(answer.rejects(0).source(), "sweep.csv");
  EXPECT_EQ(answer.rejects(0).line(), 17);
  EXPECT_THAT(answer.rejects(0).reason(), HasSubstr("learning_rate"));
  EXPECT_THAT(answer.rejects(1).source(), HasSubstr("run 3"));
  EXPECT_EQ(RunCount(), 2);
}

TEST_F(UploadTest, RejectsARunThatContradictsAStoredOne) {
  Upload("s", {SomeRun("r")});
  v1::Run other = SomeRun("r");
  other.set_learning_rate(2e-3);
  const auto answer = Upload("s", {other});
  EXPECT_EQ(answer.rejected(), 1);
  ASSERT_EQ(answer.rejects_size(), 1);
  EXPECT_THAT(answer.rejects(0).reason(), HasSubstr("other content"));
}

// The points [begin, end) of a run that has logged `points`, as a message of a long curve.
v1::Run Part(int points, int begin, int end) {
  v1::Run run = SomeRun("long", 1e8, 1000.0 * points);
  run.set_steps(points);
  run.set_loss_nats(2 + 1.0 / points);
  run.set_curve_length(points);
  if (begin > 0) run.set_curve_begin(begin);
  for (int i = begin; i < end; ++i) {
    run.mutable_curve()->add_step(i + 1);
    run.mutable_curve()->add_train_loss(2 + 1.0F / static_cast<float>(i + 1));
  }
  return run;
}

TEST_F(UploadTest, ALongCurveThatGoesOnIsCountedOnceWithItsLastMessage) {
  EXPECT_EQ(Upload("s", {Part(50, 0, 20), Part(50, 20, 40), Part(50, 40, 50)}).accepted(), 1);
  EXPECT_EQ(Upload("s", {Part(50, 0, 20), Part(50, 20, 50)}).duplicate(), 1);
  const auto grown = Upload("s", {Part(90, 0, 30), Part(90, 30, 60), Part(90, 60, 90)});
  EXPECT_EQ(grown.accepted(), 1);
  EXPECT_EQ(grown.duplicate(), 0);
  EXPECT_EQ(grown.rejected(), 0);
  const v1::Run stored = Stored("long");
  EXPECT_EQ(stored.curve_point_count(), 90);
  EXPECT_EQ(stored.steps(), 90);
  EXPECT_EQ(stored.tokens(), 90000);
}

TEST_F(UploadTest, ALongCurveOfOtherContentIsOneRejectAndLeavesTheStoredOne) {
  Upload("s", {Part(20, 0, 20)});
  std::vector<v1::Run> other = {Part(60, 0, 20), Part(60, 20, 40), Part(60, 40, 60)};
  other[0].mutable_curve()->set_train_loss(3, 9);
  const auto answer = Upload("s", other);
  EXPECT_EQ(answer.rejected(), 1);
  EXPECT_EQ(answer.accepted() + answer.duplicate(), 0);
  ASSERT_EQ(answer.rejects_size(), 1);
  EXPECT_THAT(answer.rejects(0).reason(), HasSubstr("other content"));
  EXPECT_EQ(Stored("long").curve_point_count(), 20);
}

TEST_F(UploadTest, MessagesOfALongCurveThatDoNotFitTogetherAreRejects) {
  v1::Run beyond = Part(60, 0, 20), nameless = Part(60, 0, 20);
  beyond.set_curve_length(19);
  nameless.clear_run_id();
  const auto answer = Upload("s", {beyond, nameless});
  ASSERT_EQ(answer.rejects_size(), 2);
  EXPECT_THAT(answer.rejects(0).reason(), HasSubstr("curve_length"));
  EXPECT_THAT(answer.rejects(1).reason(), HasSubstr("run_id"));
}

TEST_F(UploadTest, ResumesWhereItBroke) {
  {
    Stream stream(*runs, "studies/s", "u");
    v1::UploadRunsResponse answer;
    ASSERT_TRUE(stream.Read(answer));
    ASSERT_TRUE(stream.Send(0, {SomeRun("r0")}));
    ASSERT_TRUE(stream.Read(answer));
    stream.Cancel();
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  Restart();
  EXPECT_EQ(Position("u").next_chunk(), 1);
  EXPECT_FALSE(Position("u").complete());
  Stream stream(*runs, "studies/s", "u");
  v1::UploadRunsResponse answer;
  ASSERT_TRUE(stream.Read(answer));
  EXPECT_EQ(answer.next_chunk(), 1);
  EXPECT_EQ(answer.accepted(), 1) << "totals are of the whole upload";
  ASSERT_TRUE(stream.Send(0, {SomeRun("r0")})) << "a chunk sent again";
  ASSERT_TRUE(stream.Read(answer));
  EXPECT_EQ(answer.next_chunk(), 1);
  EXPECT_EQ(answer.duplicate(), 0);
  ASSERT_TRUE(stream.Send(1, {SomeRun("r1")}, true));
  ASSERT_TRUE(stream.Read(answer));
  EXPECT_EQ(answer.accepted(), 2);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(UploadTest, HalfCloseWithoutALastChunkKeepsWhatCame) {
  Stream stream(*runs, "studies/s", "u");
  ASSERT_TRUE(stream.Send(0, {SomeRun("r0")}));
  EXPECT_TRUE(stream.HalfCloseAndFinish().ok());
  EXPECT_EQ(Position("u").next_chunk(), 1);
  EXPECT_FALSE(Position("u").complete());
}

TEST_F(UploadTest, RefusesAGapAndNamesTheNextChunk) {
  Stream stream(*runs, "studies/s", "u");
  ASSERT_TRUE(stream.Send(1, {SomeRun("r")}));
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Reason(status), "CHUNK_OUT_OF_ORDER");
  EXPECT_EQ(RunCount(), 0);
}

TEST_F(UploadTest, ChecksTheDigestOfAnEncodedBatch) {
  v1::RunBatch batch;
  *batch.add_runs() = SomeRun("r");
  v1::UploadRunsRequest request;
  request.mutable_chunk()->set_encoded_batch(batch.SerializeAsString());
  request.mutable_chunk()->set_sha256(Sha256Of("something else"));
  {
    Stream stream(*runs, "studies/s", "u");
    ASSERT_TRUE(stream.Send(request));
    EXPECT_EQ(Reason(stream.Finish()), "WRONG_DIGEST");
    EXPECT_EQ(RunCount(), 0);
  }
  request.mutable_chunk()->set_sha256(Sha256Of(batch.SerializeAsString()));
  Stream stream(*runs, "studies/s", "u");
  ASSERT_TRUE(stream.Send(request));
  EXPECT_TRUE(stream.HalfCloseAndFinish().ok());
  EXPECT_EQ(RunCount(), 1);
}

// One message serves all runs of the bytes: none may keep what the run before it had.
TEST_F(UploadTest, RunsOfAnEncodedBatchKeepNothingOfOneAnother) {
  v1::RunBatch batch;
  v1::Run& full = *batch.add_runs() = SomeRun("full");
  full.set_seed(7);
  full.set_weight_decay(0.1);
  full.set_optimizer("adamw");
  (*full.mutable_tags())["sweep"] = "a";
  full.add_labels("mine");
  full.mutable_curve()->add_step(1);
  full.mutable_curve()->add_train_loss(3);
  *batch.add_runs() = SomeRun("bare");
  v1::UploadRunsRequest request;
  std::string bytes = batch.SerializeAsString();
  request.mutable_chunk()->set_encoded_batch(bytes);
  request.mutable_chunk()->set_sha256(Sha256Of(bytes));
  {
    Stream stream(*runs, "studies/s", "u");
    ASSERT_TRUE(stream.Send(request));
    EXPECT_TRUE(stream.HalfCloseAndFinish().ok());
  }
  const v1::Run run = Stored("bare");
  EXPECT_FALSE(run.has_seed());
  EXPECT_FALSE(run.has_weight_decay());
  EXPECT_EQ(run.optimizer(), "");
  EXPECT_TRUE(run.tags().empty());
  EXPECT_TRUE(run.labels().empty());
  EXPECT_EQ(run.curve_point_count(), 0);
}

TEST_F(UploadTest, RefusesBytesThatAreNoBatchAsAWhole) {
  v1::RunBatch batch;
  *batch.add_runs() = SomeRun("r");
  const std::string whole = batch.SerializeAsString();
  for (const std::string& bytes : {whole.substr(0, whole.size() - 1), whole + "\x0a", whole + "\x0a\x7f",
                                   whole + std::string("\x0a\x02\xff\xff", 4), std::string("\x04")}) {
    v1::UploadRunsRequest request;
    request.mutable_chunk()->set_encoded_batch(bytes);
    request.mutable_chunk()->set_sha256(Sha256Of(bytes));
    Stream stream(*runs, "studies/s", "");
    ASSERT_TRUE(stream.Send(request));
    EXPECT_THAT(stream.Finish().error_message(), HasSubstr("not a serialized RunBatch"));
    EXPECT_EQ(RunCount(), 0);
  }
}

TEST_F(UploadTest, NeedsAHeaderAStudyAndContent) {
  {
    Context context;
    auto raw = runs->UploadRuns(&context);
    v1::UploadRunsRequest request;
    request.mutable_chunk()->mutable_batch();
    raw->Write(request);
    EXPECT_THAT(raw->Finish().error_message(), HasSubstr("header"));
  }
  EXPECT_EQ(Reason(Stream(*runs, "studies/nowhere", "").Finish()), "STUDY_NOT_FOUND");
  EXPECT_EQ(Reason(Stream(*runs, "studies/published", "").Finish()), "STUDY_READ_ONLY");
  EXPECT_EQ(Reason(Stream(*runs, "studies/s", "a/b").Finish()), "INVALID_FIELD");
  Stream stream(*runs, "studies/s", "u");
  ASSERT_TRUE(stream.Send(v1::UploadRunsRequest()));
  EXPECT_EQ(Reason(stream.Finish()), "INVALID_FIELD");
}

TEST_F(UploadTest, RefusesChunksAfterTheLast) {
  Upload("s", {SomeRun("r")}, "u");
  Stream stream(*runs, "studies/s", "u");
  ASSERT_TRUE(stream.Send(1, {SomeRun("r2")}));
  EXPECT_EQ(Reason(stream.Finish()), "UPLOAD_COMPLETE");
}

TEST_F(UploadTest, LimitsOpenStreamsAndFreesTheirPlaces) {
  std::vector<std::unique_ptr<Stream>> open;
  v1::UploadRunsResponse answer;
  for (int i = 0; i < kMaxOpenUploadsPerPeer; ++i) {
    open.push_back(std::make_unique<Stream>(*runs, "studies/s", ""));
    ASSERT_TRUE(open.back()->Read(answer));
  }
  EXPECT_EQ(Reason(Stream(*runs, "studies/s", "").Finish()), "UPLOAD_LIMIT");
  for (auto& stream : open) EXPECT_TRUE(stream->HalfCloseAndFinish().ok());
  open.clear();
  Stream one_more(*runs, "studies/s", "");
  EXPECT_TRUE(one_more.Read(answer));
  EXPECT_TRUE(one_more.HalfCloseAndFinish().ok());
}

TEST_F(UploadTest, ManyStreamsOfOneUploadStoreEachChunkOnce) {
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([&] {
      Stream stream(*runs, "studies/s", "shared");
      v1::UploadRunsResponse answer;
      if (!stream.Read(answer)) return;
      for (std::int64_t i = answer.next_chunk(); i < 20; i = answer.next_chunk()) {
        if (!stream.Send(i, {SomeRun("r" + std::to_string(i))}) || !stream.Read(answer)) return;
      }
      stream.HalfCloseAndFinish();
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(Position("shared").next_chunk(), 20);
  EXPECT_EQ(Position("shared").accepted(), 20);
  EXPECT_EQ(RunCount(), 20);
}

TEST_F(UploadTest, AClientMaySendEverythingBeforeItReads) {
  // The in-process transport buffers nothing: were an answer waited for, both sides would stand still.
  auto stub = v1::RunService::NewStub(server->InProcessChannel());
  Stream stream(*stub, "studies/s", "u");
  for (int i = 0; i < 30; ++i) {
    v1::Run bad = SomeRun("bad" + std::to_string(i));
    bad.set_tokens(-1);
    ASSERT_TRUE(stream.Send(i, {SomeRun("r" + std::to_string(i)), bad}, i == 29));
  }
  v1::UploadRunsResponse answer;
  int rejects = 0;
  while (stream.Read(answer)) rejects += answer.rejects_size();
  EXPECT_EQ(answer.next_chunk(), 30);
  EXPECT_EQ(answer.accepted(), 30);
  EXPECT_EQ(rejects, 30) << "answers that are merged lose no reject";
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(UploadTest, DeletedStudyEndsTheStream) {
  Stream stream(*runs, "studies/s", "u");
  v1::UploadRunsResponse answer;
  ASSERT_TRUE(stream.Read(answer));
  Context context;
  v1::DeleteStudyRequest remove;
  google::protobuf::Empty empty;
  remove.set_name("studies/s");
  ASSERT_TRUE(studies->DeleteStudy(&context, remove, &empty).ok());
  ASSERT_TRUE(stream.Send(0, {SomeRun("r")}));
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace sextant::server
