// SPDX-License-Identifier: Apache-2.0
// The products with SwiGLU inside against plain loops, at odd sizes: wide enough batches to reach them
// through an engine are too much for the CPU reference. Skipped where there is no GPU.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "clients/trainer/cuda/device.h"
#include "clients/trainer/cuda/kernels.h"
#include "clients/trainer/model/random.h"

namespace sextant::trainer::cuda {
namespace {

constexpr int kRuns = 3, kRowsPerRun = 137, kHidden = 192, kModel = kSwiGluProductsWidth;
constexpr int kRows = kRuns * kRowsPerRun;
constexpr size_t kParameters = 2 * kHidden * kModel + 64;  // of a run, and some that are not this matrix

float Round(float v) { return __bfloat162float(__float2bfloat16(v)); }

std::vector<float> Normals(size_t count, uint64_t seed, float spread) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = Round(spread * NormalAt(seed, i));
  return values;
}

// bf16 values on the device.
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<float>& values) : values_(values.size()) {
    for (size_t i = 0; i < values.size(); ++i) values_[i] = __float2bfloat16(values[i]);
    EXPECT_EQ(cudaMalloc(reinterpret_cast<void**>(&data_), values.size() * sizeof(__nv_bfloat16)),
              cudaSuccess);
    EXPECT_EQ(
        cudaMemcpy(data_, values_.data(), values.size() * sizeof(__nv_bfloat16), cudaMemcpyHostToDevice),
        cudaSuccess);
  }
  ~DeviceArray() { cudaFree(data_); }
  __nv_bfloat16* data() { return data_; }
  std::vector<float> Read() {
    EXPECT_EQ(
        cudaMemcpy(values_.data(), data_, values_.size() * sizeof(__nv_bfloat16), cudaMemcpyDeviceToHost),
        cudaSuccess);
    std::vector<float> values(values_.size());
    for (size_t i = 0; i < values.size(); ++i) values[i] = __bfloat162float(values_[i]);
    return values;
  }

 private:
  std::vector<__nv_bfloat16> values_;
  __nv_bfloat16* data_ = nullptr;
};

// One bf16 rounding of a value, and of sums that were taken in another order.
void ExpectNear(float got, double wanted, size_t at) {
  ASSERT_NEAR(got, wanted, 5e-3 + 8e-3 * std::abs(wanted)) << at;
}

const Stack kStack{kRuns, kRowsPerRun, kParameters};

TEST(CudaSwiGluTest, GateUpProductMatchesPlainLoops) {
  if (const auto devices = CountDevices(); !devices.ok()) GTEST_SKIP() << devices.status().message();
  const std::vector<float> x = Normals(kRows * kModel, 1, 1), w = Normals(kRuns * kParameters, 2, 0.1F);
  DeviceArray x_device(x), w_device(w);
  DeviceArray gate_up(std::vector<float>(kRows * 2 * kHidden)), product(std::vector<float>(kRows * kHidden));
  GateUpSwiGlu(x_device.data(), w_device.data(), kStack, kHidden, gate_up.data(), product.data(), nullptr);
  const std::vector<float> got = gate_up.Read(), got_product = product.Read();
  for (int row = 0; row < kRows; ++row) {
    const float* weights = w.data() + row / kRowsPerRun * kParameters;
    for (int c = 0; c < kHidden; ++c) {
      double gate = 0, up = 0;
      for (int k = 0; k < kModel; ++k) {
        gate += static_cast<double>(x[row * kModel + k]) * weights[c * kModel + k];
        up += static_cast<double>(x[row * kModel + k]) * weights[(kHidden + c) * kModel + k];
      }
      const size_t at = static_cast<size_t>(row) * 2 * kHidden + c;
      ExpectNear(got[at], gate, at);
      ExpectNear(got[at + kHidden], up, at + kHidden);
      const double silu = got[at] / (1 + std::exp(-static_cast<double>(got[at])));
      ExpectNear(got_product[row * kHidden + c], silu * got[at + kHidden], at);
    }
  }
}

TEST(CudaSwiGluTest, DownGradientMatchesPlainLoops) {
  if (const auto devices = CountDevices(); !devices.ok()) GTEST_SKIP() << devices.status().message();
  const std::vector<float> dx = Normals(kRows * kModel, 3, 1), w = Normals(kRuns * kParameters, 4, 0.1F);
  const std::vector<float> gate_up = Normals(kRows * 2 * kHidden, 5, 1);
  DeviceArray dx_device(dx), w_device(w), gate_up_device(gate_up);
  DownSwiGluBackward(dx_device.data(), w_device.data(), kStack, kHidden, gate_up_device.data(), nullptr);
  const std::vector<float> got = gate_up_device.Read();
  for (int row = 0; row < kRows; ++row) {
    const float* weights = w.data() + row / kRowsPerRun * kParameters;
    for (int c = 0; c < kHidden; ++c) {
      double dproduct = 0;
      for (int k = 0; k < kModel; ++k) {
        dproduct += static_cast<double>(dx[row * kModel + k]) * weights[k * kHidden + c];
      }
      const size_t at = static_cast<size_t>(row) * 2 * kHidden + c;
      const double gate = gate_up[at], up = gate_up[at + kHidden];
      const double sigmoid = 1 / (1 + std::exp(-gate));
      ExpectNear(got[at], dproduct * up * sigmoid * (1 + gate * (1 - sigmoid)), at);
      ExpectNear(got[at + kHidden], dproduct * gate * sigmoid, at + kHidden);
    }
  }
}

}  // namespace
}  // namespace sextant::trainer::cuda
