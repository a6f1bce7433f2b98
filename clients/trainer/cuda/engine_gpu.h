// SPDX-License-Identifier: Apache-2.0
// The fused training step on one GPU.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <cuda_runtime_api.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/trainer/cuda/buffers.h"
#include "clients/trainer/cuda/gemm.h"
#include "clients/trainer/engine/engine.h"

namespace sextant::trainer::cuda {

absl::Status FromCuda(cudaError_t error, const char* doing);

// What a device lends its engines.
struct DeviceLoan {
  cublasLtHandle_t cublas = nullptr;
  const uint16_t* tokens = nullptr;  // on the device
  const TokenSet* token_set = nullptr;
  GemmChoices* choices = nullptr;
};

// The products of one linear layer.
struct Linear {
  std::unique_ptr<Gemm> forward, backward_input, backward_weight;
};

template <typename T>
class GpuEngine final : public Engine {
 public:
  static absl::StatusOr<std::unique_ptr<GpuEngine>> Create(const FusedJob& job, const DeviceLoan& loan);
  ~GpuEngine() override;

  absl::Status Advance(int64_t steps) override;
  absl::StatusOr<std::vector<double>> ValidationLoss() override;
  absl::StatusOr<std::vector<GradientNorms>> MeasureGradientNorms() override;
  absl::StatusOr<std::vector<StepLog>> ReadLog() override;
  absl::StatusOr<Snapshot> Save() override;
  absl::Status Restore(const Snapshot& snapshot) override;
  absl::StatusOr<std::vector<float>> ReadParameters(int run) override;
  absl::Status WriteParameters(int run, const std::vector<float>& values) override;
  absl::StatusOr<std::vector<float>> ComputeGradient(int run) override;
  absl::StatusOr<std::vector<std::pair<std::string, double>>> Profile();

 private:
  GpuEngine(const FusedJob& job, const DeviceLoan& loan);
  absl::Status Start();
  absl::Status MakeProducts();
  absl::Status MakeLinear(int out, int in, Linear* linear) const;
  absl::Status UploadConstants();
  // Copies count floats from the device, or to it, behind what is queued on the main stream.
  absl::Status Copy(float* to, const float* from, size_t count, cudaMemcpyKind kind, const char* doing);

  // Each queues one operation; with profiling on, its name and body are kept.
  void Do(const char* name, const std::function<void(cudaStream_t)>& body);
  void DoAside(const char* name, const std::function<void(cudaStream_t)>& body);
  void Multiply(const Gemm& gemm, const void* left, const void* right, const void* add, void* output,
                cudaStream_t stream);

  bool SwiGluInProducts() const;
  void QueueSwiGlu(const typename Buffers<T>::Layer& x, const LayerOffsets& w);
  void QueueSwiGluBackward(const T* dx, const typename Buffers<T>::Layer& x, const LayerOffsets& w);
  void QueueForward(bool validation, bool gradient, int first_row, int last_row);
  void QueueBackward();
  void QueueBlockBackward(int layer, int turn);
  void QueueStep();
  void QueueValidationBatch();
  absl::StatusOr<cudaGraphExec_t> Capture(const std::function<void()>& queue);
  // Squared gradient norm of each run over rows [first_row, last_row) of the coming batch.
  absl::Status QueueNorm(int first_row, int last_row, std::vector<double>* squared);
  absl::Status Finish(const char* doing);  // waits, and reports what went wrong on the way

  FusedJob job_;
  DeviceLoan loan_;
  ParameterLayout layout_;
  Stack stack_;
  BatchSource source_;
  OptimizerConstants optimizer_;
  void* slab_ = nullptr;
  std::unique_ptr<Buffers<T>> at_;
  Linear qkv_, attention_output_, gate_up_, down_, head_;
  cudaStream_t main_ = nullptr, side_ = nullptr;
  std::vector<cudaEvent_t> events_;  // forks of the step being queued
  size_t events_used_ = 0;
  std::vector<cudaEvent_t> layer_done_;  // side stream, after a layer's weight products
  cudaGraphExec_t step_graph_ = nullptr, validation_graph_ = nullptr;
  cublasStatus_t cublas_status_ = CUBLAS_STATUS_SUCCESS;
  int64_t queued_steps_ = 0;
  bool profiling_ = false;
  std::vector<std::pair<std::string, std::function<void(cudaStream_t)>>> profile_;
};

}  // namespace sextant::trainer::cuda
