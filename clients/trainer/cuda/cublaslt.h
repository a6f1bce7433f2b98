// SPDX-License-Identifier: Apache-2.0
// cuBLASLt opened at run time, so that sextant-train starts on machines that do not have it.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <cublasLt.h>

namespace sextant::trainer::cuda {

// The entry points that the trainer uses.
struct CublasLt {
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
};

// Loads the library once a process: SEXTANT_CUBLASLT when set, the loader's path, then the toolkit's usual
// folders. NotFound says where it was looked for. Thread-safe.
absl::StatusOr<const CublasLt*> LoadCublasLt();

}  // namespace sextant::trainer::cuda
