// SPDX-License-Identifier: Apache-2.0
// The three matrix products of a linear layer over K stacked runs, through cuBLASLt's strided batches.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <map>
#include <memory>
#include <tuple>

#include "clients/trainer/cuda/cublaslt.h"
#include "clients/trainer/cuda/gemm_trial.h"

namespace sextant::trainer::cuda {

enum class GemmKind { kForward, kBackwardInput, kBackwardWeight };

// A layer y[rows, out] = x[rows, in] w[out, in]^T, row-major, for each of `runs` runs. x and y of successive
// runs lie rows x width apart, weights and weight gradients parameter_stride apart.
struct GemmShape {
  GemmKind kind = GemmKind::kForward;
  int runs = 1;
  int rows = 0;
  int out = 0;
  int in = 0;
  size_t parameter_stride = 0;
  bool low_precision = true;  // bf16 operands, else fp32 (no tf32); sums are fp32 either way
};

inline constexpr size_t kGemmWorkspaceBytes = size_t{32} << 20;

// What was chosen on a device so far, by shape. Not thread-safe.
using GemmChoices = std::map<std::tuple<GemmKind, int, int, int, int, size_t>, cublasLtMatmulAlgo_t>;

// A product whose algorithm has been chosen: the fastest of cuBLASLt's proposals that add in a fixed order
// and give the same bits as its first one, so that the same job gives the same bits. Immutable; Run may be
// called on any stream.
class Gemm {
 public:
  // Proposals for a bf16 shape that `choices` lacks are tried on `scratch`; the first is taken for fp32, or
  // when the scratch is too small. Unimplemented when cuBLASLt has no algorithm for the shape.
  static absl::StatusOr<std::unique_ptr<Gemm>> Create(cublasLtHandle_t handle, const GemmShape& shape,
                                                      const GemmScratch& scratch, GemmChoices* choices);
  ~Gemm();
  Gemm(const Gemm&) = delete;
  Gemm& operator=(const Gemm&) = delete;

  // kForward: output = left(x) w^T, plus `add` when given. kBackwardInput: output(dx) = left(dy) w.
  // kBackwardWeight: output(dw, fp32) = left(dy)^T right(x). workspace holds kGemmWorkspaceBytes and is not
  // shared with work that may overlap. Returns cuBLAS's status.
  cublasStatus_t Run(const void* left, const void* right, const void* add, void* output, void* workspace,
                     cudaStream_t stream) const;

 private:
  Gemm() = default;

  const CublasLt* api_ = nullptr;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, d_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_{};
};

}  // namespace sextant::trainer::cuda
