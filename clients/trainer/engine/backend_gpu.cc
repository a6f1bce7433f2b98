// SPDX-License-Identifier: Apache-2.0
#include "base/status_macros.h"
#include "clients/trainer/cuda/device.h"
#include "clients/trainer/engine/backend.h"

namespace sextant::trainer {
namespace {

class GpuBackend final : public Backend {
 public:
  explicit GpuBackend(std::unique_ptr<cuda::Device> device) : device_(std::move(device)) {}
  absl::StatusOr<std::unique_ptr<Engine>> NewEngine(const FusedJob& job) override {
    return device_->NewEngine(job, cuda::Precision::kBf16);
  }
  size_t JobBytes(const FusedJob& job) const override {
    return cuda::DeviceBytes(job, cuda::Precision::kBf16);
  }
  size_t FreeBytes() const override { return device_->FreeBytes(); }
  std::string name() const override { return device_->name(); }
  absl::StatusOr<std::vector<std::pair<std::string, double>>> Profile(const FusedJob& job) override {
    return device_->Profile(job);
  }

 private:
  std::unique_ptr<cuda::Device> device_;
};

}  // namespace

absl::StatusOr<int> CountGpus() { return cuda::CountDevices(); }

absl::StatusOr<std::unique_ptr<Backend>> OpenGpuBackend(int index, const TokenSet& tokens) {
  ASSIGN_OR_RETURN(std::unique_ptr<cuda::Device> device, cuda::Device::Open(index, tokens));
  return std::make_unique<GpuBackend>(std::move(device));
}

}  // namespace sextant::trainer
