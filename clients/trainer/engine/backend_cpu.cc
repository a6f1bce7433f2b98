// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/engine/backend.h"

namespace sextant::trainer {
namespace {

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(const TokenSet& tokens) : tokens_(tokens) {}
  absl::StatusOr<std::unique_ptr<Engine>> NewEngine(const FusedJob& job) override {
    return NewReferenceEngine(job, tokens_);
  }
  size_t JobBytes(const FusedJob&) const override { return 0; }
  size_t FreeBytes() const override { return 0; }
  std::string name() const override { return "CPU reference"; }
  absl::StatusOr<std::vector<std::pair<std::string, double>>> Profile(const FusedJob&) override {
    return absl::UnimplementedError("profiling needs a GPU");
  }

 private:
  const TokenSet& tokens_;
};

}  // namespace

std::unique_ptr<Backend> OpenCpuBackend(const TokenSet& tokens) {
  return std::make_unique<CpuBackend>(tokens);
}

}  // namespace sextant::trainer
