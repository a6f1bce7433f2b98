// SPDX-License-Identifier: Apache-2.0
// Branches on the GPU: to the bit the runs that they would be alone. Skipped where there is no GPU.
#include <gtest/gtest.h>

#include <cmath>

#include "clients/trainer/cuda/device.h"
#include "tests/clients/trainer/test_tokens.h"

namespace sextant::trainer {
namespace {

using cuda::Device;
using cuda::Precision;

constexpr int kVocab = 72;
constexpr int64_t kBranch = 12;  // the step at which branches leave
constexpr int64_t kEnd = 20;

FusedJob TrunkJob(int batch_sequences, int64_t decay_steps) {
  FusedJob job;
  job.shape = {128, 2, 320, kVocab, 37};
  job.batch_sequences = batch_sequences;
  job.schedule = {ScheduleKind::kWsd, kEnd, 3, decay_steps, 0};
  job.validation_windows = 9;
  job.runs = {{1e-3, 0.1, 1, 1}, {2e-3, 0.1, 2, 1}, {3e-3, 0.1, 3, 2}};
  return job;
}

class CudaBranchTest : public testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    if (const auto devices = cuda::CountDevices(); !devices.ok()) GTEST_SKIP() << devices.status().message();
    tokens_ = PhraseTokens(kVocab, 37 * 400, 37 * 12);
    device_ = Device::Open(0, tokens_).value();
  }
  std::unique_ptr<Engine> Make(const FusedJob& job) { return device_->NewEngine(job, GetParam()).value(); }

  TokenSet tokens_;
  std::unique_ptr<Device> device_;
};

TEST_P(CudaBranchTest, ABranchHasTheBitsOfTheRunTrainedAlone) {
  auto trunk = Make(TrunkJob(5, 0));
  ASSERT_TRUE(trunk->Advance(kBranch).ok());
  ASSERT_TRUE(trunk->ValidationLoss().ok());  // must leave no trace
  const Snapshot snapshot = trunk->Save().value();
  auto alone = Make(TrunkJob(5, kEnd - kBranch));
  ASSERT_TRUE(alone->Advance(kEnd).ok());
  auto branch = Make(TrunkJob(5, kEnd - kBranch));
  ASSERT_TRUE(branch->Restore(snapshot).ok());
  ASSERT_TRUE(branch->Advance(kEnd - kBranch).ok());
  const auto got = branch->ReadLog().value();
  const auto wanted = alone->ReadLog().value();
  for (int run = 0; run < 3; ++run) {
    ASSERT_EQ(got[run].train_loss.size(), static_cast<size_t>(kEnd));
    EXPECT_EQ(got[run].train_loss, wanted[run].train_loss);
    EXPECT_EQ(got[run].gradient_norm, wanted[run].gradient_norm);
    EXPECT_EQ(branch->ReadParameters(run).value(), alone->ReadParameters(run).value());
  }
  EXPECT_EQ(branch->ValidationLoss().value(), alone->ValidationLoss().value());
  // And the trunk goes on as if nothing had been saved.
  auto steady = Make(TrunkJob(5, 0));
  ASSERT_TRUE(steady->Advance(kEnd).ok());
  ASSERT_TRUE(trunk->Advance(kEnd - kBranch).ok());
  EXPECT_EQ(trunk->ReadParameters(2).value(), steady->ReadParameters(2).value());
}

TEST_P(CudaBranchTest, ABranchToAnotherBatchMatchesTheReference) {
  auto trunk = Make(TrunkJob(5, 0));
  ASSERT_TRUE(trunk->Advance(kBranch).ok());
  const Snapshot snapshot = trunk->Save().value();
  FusedJob wide = TrunkJob(8, 0);
  wide.first_window = kBranch * 5 - kBranch * 8;
  auto branch = Make(wide);
  auto reference = NewReferenceEngine(wide, tokens_).value();
  for (Engine* engine : {branch.get(), reference.get()}) {
    ASSERT_TRUE(engine->Restore(snapshot).ok());
    ASSERT_TRUE(engine->Advance(3).ok());
  }
  const double limit = GetParam() == Precision::kFp32 ? 1e-4 : 1e-2;
  const auto got = branch->ReadLog().value();
  const auto wanted = reference->ReadLog().value();
  for (int run = 0; run < 3; ++run) {
    for (int64_t step = kBranch; step < kBranch + 3; ++step) {
      EXPECT_NEAR(got[run].train_loss[step] / wanted[run].train_loss[step], 1, limit) << run << " " << step;
      EXPECT_NEAR(got[run].gradient_norm[step] / wanted[run].gradient_norm[step], 1, 3 * limit);
    }
  }
}

TEST_P(CudaBranchTest, ADivergedTrunkStaysDiverged) {
  FusedJob job = TrunkJob(5, 0);
  job.runs[1].learning_rate = 1e38;
  auto trunk = Make(job);
  ASSERT_TRUE(trunk->Advance(kBranch).ok());
  const Snapshot snapshot = trunk->Save().value();
  EXPECT_TRUE(snapshot.runs[1].diverged);
  EXPECT_FALSE(snapshot.runs[0].diverged);
  auto branch = Make(job);
  ASSERT_TRUE(branch->Restore(snapshot).ok());
  ASSERT_TRUE(branch->Advance(2).ok());
  const auto log = branch->ReadLog().value();
  EXPECT_TRUE(std::isnan(log[1].train_loss.back()));
  EXPECT_TRUE(std::isfinite(log[0].train_loss.back()));
}

INSTANTIATE_TEST_SUITE_P(Precisions, CudaBranchTest, testing::Values(Precision::kBf16, Precision::kFp32),
                         [](const auto& precision) {
                           return precision.param == Precision::kBf16 ? "Bf16" : "Fp32";
                         });

}  // namespace
}  // namespace sextant::trainer
