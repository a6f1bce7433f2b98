// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/cuda/device.h"

#include <absl/strings/str_cat.h>

#include "base/status_macros.h"
#include "clients/trainer/cuda/engine_gpu.h"

namespace sextant::trainer::cuda {

struct Device::Impl {
  int index = 0;
  DeviceLoan loan;
  uint16_t* tokens = nullptr;
  GemmChoices choices;
};

absl::StatusOr<int> CountDevices() {
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess || count == 0) {
    return absl::NotFoundError(absl::StrCat(
        "no CUDA GPU (", error == cudaSuccess ? "none visible" : cudaGetErrorString(error), ")"));
  }
  for (int i = 0; i < count; ++i) {
    int major = 0;
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, i);
    if (major != 9) {
      return absl::NotFoundError(absl::StrCat("GPU ", i, " has compute capability ", major,
                                              ".x, and the kernels are built for 9.0 (Hopper)"));
    }
  }
  return count;
}

size_t DeviceBytes(const FusedJob& job, Precision precision) {
  Arena arena(nullptr);
  if (precision == Precision::kFp32) {
    Buffers<float>(job, &arena);
  } else {
    Buffers<__nv_bfloat16>(job, &arena);
  }
  return arena.used();
}

absl::StatusOr<std::unique_ptr<Device>> Device::Open(int index, const TokenSet& tokens) {
  ASSIGN_OR_RETURN(const CublasLt* api, LoadCublasLt());
  std::unique_ptr<Device> device(new Device);
  device->impl_ = std::make_unique<Impl>();
  Impl& impl = *device->impl_;
  impl.index = index;
  cudaDeviceProp properties{};
  absl::Status status = FromCuda(cudaSetDevice(index), "opening the GPU");
  if (status.ok()) status = FromCuda(cudaGetDeviceProperties(&properties, index), "asking the GPU");
  const size_t bytes = tokens.tokens.size() * sizeof(uint16_t);
  if (status.ok())
    status = FromCuda(cudaMalloc(reinterpret_cast<void**>(&impl.tokens), bytes), "allocating the tokens");
  if (status.ok()) {
    status = FromCuda(cudaMemcpy(impl.tokens, tokens.tokens.data(), bytes, cudaMemcpyHostToDevice), "tokens");
  }
  if (!status.ok()) return status;
  if (api->create(&impl.loan.cublas) != CUBLAS_STATUS_SUCCESS) {
    return absl::InternalError("cuBLASLt cannot be started");
  }
  impl.loan.tokens = impl.tokens;
  impl.loan.token_set = &tokens;
  impl.loan.choices = &impl.choices;
  device->name_ = properties.name;
  return device;
}

Device::~Device() {
  if (impl_ == nullptr) return;
  if (impl_->loan.cublas != nullptr) (*LoadCublasLt())->destroy(impl_->loan.cublas);
  cudaFree(impl_->tokens);
}

size_t Device::FreeBytes() const {
  size_t available = 0;
  size_t total = 0;
  cudaSetDevice(impl_->index);
  return cudaMemGetInfo(&available, &total) == cudaSuccess ? available : 0;
}

absl::StatusOr<std::unique_ptr<Engine>> Device::NewEngine(const FusedJob& job, Precision precision) {
  RETURN_IF_ERROR(Validate(job, *impl_->loan.token_set));
  const size_t need = DeviceBytes(job, precision);
  const size_t have = FreeBytes();
  if (need > have) {
    return absl::ResourceExhaustedError(
        absl::StrCat(job.runs.size(), " fused runs of ", job.batch_sequences, " windows need ", need >> 20,
                     " MiB, GPU ", impl_->index, " has ", have >> 20,
                     " MiB free; use a smaller batch, fewer fused runs or a smaller model"));
  }
  if (precision == Precision::kFp32) return GpuEngine<float>::Create(job, impl_->loan);
  return GpuEngine<__nv_bfloat16>::Create(job, impl_->loan);
}

absl::StatusOr<std::vector<std::pair<std::string, double>>> Device::Profile(const FusedJob& job) {
  cudaSetDevice(impl_->index);
  ASSIGN_OR_RETURN(std::unique_ptr<GpuEngine<__nv_bfloat16>> engine,
                   GpuEngine<__nv_bfloat16>::Create(job, impl_->loan));
  return engine->Profile();
}

}  // namespace sextant::trainer::cuda
