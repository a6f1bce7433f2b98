// SPDX-License-Identifier: Apache-2.0
// The GPU step against the CPU reference at odd sizes. Skipped where there is no GPU.
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <tuple>

#include "clients/trainer/cuda/device.h"
#include "clients/trainer/model/random.h"
#include "tests/clients/trainer/test_tokens.h"

namespace sextant::trainer {
namespace {

using cuda::Device;
using cuda::Precision;

struct Size {
  int d_model, layers, ffn_hidden, vocab, sequence_length, batch_sequences, runs;
};

FusedJob MakeJob(const Size& size) {
  FusedJob job;
  job.shape = {size.d_model, size.layers, size.ffn_hidden, size.vocab, size.sequence_length};
  job.batch_sequences = size.batch_sequences;
  job.schedule = {ScheduleKind::kCosine, 20, 2, 0, 0};
  job.validation_windows = size.batch_sequences + 1;
  for (int run = 0; run < size.runs; ++run) {
    job.runs.push_back(
        {1e-3 * (run + 1), 0.1, static_cast<uint64_t>(run + 1), static_cast<uint64_t>(run % 2 + 1)});
  }
  return job;
}

TokenSet MakeTokens(const Size& size) {
  const int64_t window = size.sequence_length;
  return PhraseTokens(size.vocab, window * 40 * size.batch_sequences, window * (size.batch_sequences + 2));
}

double Norm(const std::vector<float>& v, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) sum += static_cast<double>(v[i]) * v[i];
  return std::sqrt(sum);
}

// ||a - b|| / ||b|| over [begin, end); infinite when anything is not finite.
double RelativeError(const std::vector<float>& a, const std::vector<float>& b, size_t begin, size_t end) {
  std::vector<float> difference(a.size());
  for (size_t i = begin; i < end; ++i) difference[i] = a[i] - b[i];
  const double error = Norm(difference, begin, end) / Norm(b, begin, end);
  return std::isfinite(error) ? error : INFINITY;
}

class ParityTest : public testing::TestWithParam<Size> {
 protected:
  void SetUp() override {
    if (const auto devices = cuda::CountDevices(); !devices.ok()) GTEST_SKIP() << devices.status().message();
    job_ = MakeJob(GetParam());
    tokens_ = MakeTokens(GetParam());
    device_ = Device::Open(0, tokens_).value();
    reference_ = NewReferenceEngine(job_, tokens_).value();
  }

  // Weights wide enough that attention and gates are far from linear.
  void SpreadWeights(Engine* a, Engine* b) {
    const ParameterLayout layout(job_.shape);
    for (size_t run = 0; run < job_.runs.size(); ++run) {
      std::vector<float> weights(layout.size);
      for (const Tensor& tensor : layout.tensors) {
        const float spread =
            tensor.kind == TensorKind::kEmbedding ? 1.0F : 1.5F / std::sqrt(tensor.cols * 1.0F);
        for (size_t i = tensor.offset; i < tensor.offset + tensor.size(); ++i) {
          const float normal = NormalAt(99 + run, i);
          weights[i] = tensor.kind == TensorKind::kGain ? 1 + 0.2F * normal : spread * normal;
        }
      }
      ASSERT_TRUE(a->WriteParameters(static_cast<int>(run), weights).ok());
      ASSERT_TRUE(b->WriteParameters(static_cast<int>(run), weights).ok());
    }
  }

  void CompareGradients(Precision precision, bool spread, double whole_limit, double tensor_limit) {
    auto engine = device_->NewEngine(job_, precision).value();
    if (spread) SpreadWeights(engine.get(), reference_.get());
    const ParameterLayout layout(job_.shape);
    for (size_t run = 0; run < job_.runs.size(); ++run) {
      const auto got = engine->ComputeGradient(static_cast<int>(run)).value();
      const auto wanted = reference_->ComputeGradient(static_cast<int>(run)).value();
      const double whole = RelativeError(got, wanted, 0, layout.size);
      EXPECT_LT(whole, whole_limit) << "run " << run;
      double worst = 0;
      for (const Tensor& tensor : layout.tensors) {
        const double error = RelativeError(got, wanted, tensor.offset, tensor.offset + tensor.size());
        EXPECT_LT(error, tensor_limit) << tensor.name << " of run " << run;
        worst = std::max(worst, error);
      }
      std::printf("gradient error %.2e, worst tensor %.2e\n", whole, worst);
    }
    const auto loss = engine->ValidationLoss().value();
    const auto wanted_loss = reference_->ValidationLoss().value();
    for (size_t run = 0; run < job_.runs.size(); ++run) {
      EXPECT_NEAR(loss[run] / wanted_loss[run], 1, whole_limit);
      std::printf("validation %.6f wanted %.6f\n", loss[run], wanted_loss[run]);
    }
    const auto norms = engine->MeasureGradientNorms().value();
    const auto wanted_norms = reference_->MeasureGradientNorms().value();
    for (size_t run = 0; run < job_.runs.size(); ++run) {
      EXPECT_NEAR(norms[run].whole_squared / wanted_norms[run].whole_squared, 1, 2 * whole_limit);
      EXPECT_NEAR(norms[run].half_squared / wanted_norms[run].half_squared, 1, 2 * whole_limit);
    }
  }

  void CompareTraining(Precision precision, double limit) {
    constexpr int kSteps = 3;
    auto engine = device_->NewEngine(job_, precision).value();
    ASSERT_TRUE(engine->Advance(kSteps).ok());
    ASSERT_TRUE(reference_->Advance(kSteps).ok());
    const auto log = engine->ReadLog().value();
    const auto wanted_log = reference_->ReadLog().value();
    for (size_t run = 0; run < job_.runs.size(); ++run) {
      ASSERT_EQ(log[run].train_loss.size(), static_cast<size_t>(kSteps));
      for (int step = 0; step < kSteps; ++step) {
        EXPECT_NEAR(log[run].train_loss[step] / wanted_log[run].train_loss[step], 1, limit)
            << "step " << step;
      }
      const auto got = engine->ReadParameters(static_cast<int>(run)).value();
      const auto wanted = reference_->ReadParameters(static_cast<int>(run)).value();
      const double error = RelativeError(got, wanted, 0, got.size());
      std::printf("after %d steps: weights %.2e, loss %.6f wanted %.6f\n", kSteps, error,
                  log[run].train_loss[kSteps - 1], wanted_log[run].train_loss[kSteps - 1]);
      EXPECT_LT(error, limit);
    }
  }

  FusedJob job_;
  TokenSet tokens_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Engine> reference_;
};

TEST_P(ParityTest, GradientsMatchTheReferenceInFp32) { CompareGradients(Precision::kFp32, true, 1e-5, 1e-5); }
TEST_P(ParityTest, GradientsMatchTheReferenceInBf16) {
  CompareGradients(Precision::kBf16, false, 1e-2, 2e-2);
}
// Saturated gates and sharp attention magnify the rounding of bf16 weights (2^-9) through every layer.
TEST_P(ParityTest, GradientsOfWideWeightsStayNearTheReferenceInBf16) {
  CompareGradients(Precision::kBf16, true, 4e-2, 6e-2);
}
TEST_P(ParityTest, TrainingStepsMatchTheReferenceInFp32) { CompareTraining(Precision::kFp32, 1e-5); }
TEST_P(ParityTest, TrainingStepsMatchTheReferenceInBf16) { CompareTraining(Precision::kBf16, 1e-2); }

TEST_P(ParityTest, SameSeedGivesTheSameCurveToTheBit) {
  std::vector<StepLog> logs[2];
  for (auto& log : logs) {
    auto engine = device_->NewEngine(job_, Precision::kBf16).value();
    ASSERT_TRUE(engine->Advance(20).ok());
    log = engine->ReadLog().value();
  }
  for (size_t run = 0; run < job_.runs.size(); ++run) {
    EXPECT_EQ(logs[0][run].train_loss, logs[1][run].train_loss);
    EXPECT_EQ(logs[0][run].gradient_norm, logs[1][run].gradient_norm);
  }
}

// Odd lengths, widths that split rows in every way, tiles cut short, more tiles than one, both attention tile
// sizes.
INSTANTIATE_TEST_SUITE_P(OddSizes, ParityTest,
                         testing::Values(Size{64, 1, 64, 40, 24, 3, 1}, Size{128, 2, 320, 256, 37, 5, 2},
                                         Size{192, 2, 128, 72, 101, 3, 3}, Size{256, 1, 640, 1024, 128, 4, 2},
                                         Size{320, 1, 64, 8, 300, 20, 1}),
                         [](const auto& size) {
                           return absl::StrCat("Width", size.param.d_model, "Length",
                                               size.param.sequence_length, "Runs", size.param.runs);
                         });

TEST(CudaEngineTest, DivergenceOfOneRunLeavesTheOthersUntouched) {
  if (const auto devices = cuda::CountDevices(); !devices.ok()) GTEST_SKIP() << devices.status().message();
  const Size size{64, 2, 128, 64, 32, 8, 2};
  const TokenSet tokens = MakeTokens(size);
  auto device = Device::Open(0, tokens).value();
  FusedJob job = MakeJob(size);
  std::vector<float> alone;
  for (const double partner : {2e-3, 1e38}) {
    job.runs[1].learning_rate = partner;
    auto engine = device->NewEngine(job, Precision::kBf16).value();
    ASSERT_TRUE(engine->Advance(20).ok());
    const auto log = engine->ReadLog().value();
    if (partner < 1) {
      alone = log[0].train_loss;
      EXPECT_TRUE(std::isfinite(log[1].train_loss.back()));
    } else {
      EXPECT_EQ(log[0].train_loss, alone);
      EXPECT_TRUE(std::isnan(log[1].train_loss.back()));
    }
  }
}

TEST(CudaEngineTest, RefusesAJobThatDoesNotFitBeforeTraining) {
  if (const auto devices = cuda::CountDevices(); !devices.ok()) GTEST_SKIP() << devices.status().message();
  const Size size{2048, 32, 4096, 256, 1024, 512, 4};
  const TokenSet tokens = PhraseTokens(256, 3000000, 1000000);
  auto device = Device::Open(0, tokens).value();
  const auto engine = device->NewEngine(MakeJob(size), Precision::kBf16);
  ASSERT_EQ(engine.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(engine.status().message()).find("MiB"), std::string::npos);
}

}  // namespace
}  // namespace sextant::trainer
