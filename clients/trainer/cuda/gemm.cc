// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/cuda/gemm.h"

#include <absl/strings/str_cat.h>

#include "base/status_macros.h"

namespace sextant::trainer::cuda {

namespace {

constexpr int kProposals = 8;

GemmOperands OperandsOf(const GemmShape& shape) {
  const size_t runs = shape.runs;
  const size_t in_bytes = runs * shape.rows * shape.in * 2;
  const size_t out_bytes = runs * shape.rows * shape.out * 2;
  const size_t weight_bytes = runs * shape.parameter_stride * 2;
  const size_t matrix = static_cast<size_t>(shape.in) * shape.out;
  switch (shape.kind) {
    case GemmKind::kForward:
      return {in_bytes, weight_bytes, out_bytes, 0, 1};
    case GemmKind::kBackwardInput:
      return {out_bytes, weight_bytes, in_bytes, 0, 1};
    case GemmKind::kBackwardWeight:
      break;
  }
  return {out_bytes, in_bytes, matrix * 4, shape.parameter_stride * 4, shape.runs};
}

}  // namespace

// cuBLASLt is column-major, where a row-major [r, c] matrix is c x r with leading dimension c.
absl::StatusOr<std::unique_ptr<Gemm>> Gemm::Create(cublasLtHandle_t handle, const GemmShape& shape,
                                                   const GemmScratch& scratch, GemmChoices* choices) {
  ASSIGN_OR_RETURN(const CublasLt* api, LoadCublasLt());
  std::unique_ptr<Gemm> gemm(new Gemm);
  const CublasLt& lt = *api;
  gemm->api_ = &lt;
  gemm->handle_ = handle;

  const cudaDataType_t type = shape.low_precision ? CUDA_R_16BF : CUDA_R_32F;
  const cudaDataType_t out_type = shape.kind == GemmKind::kBackwardWeight ? CUDA_R_32F : type;
  bool good = lt.desc_create(&gemm->desc_, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS;
  const cublasOperation_t transpose_a = shape.kind == GemmKind::kForward ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t transpose_b = shape.kind == GemmKind::kBackwardWeight ? CUBLAS_OP_T : CUBLAS_OP_N;
  good = good &&
         lt.desc_set(gemm->desc_, CUBLASLT_MATMUL_DESC_TRANSA, &transpose_a, sizeof(transpose_a)) ==
             CUBLAS_STATUS_SUCCESS &&
         lt.desc_set(gemm->desc_, CUBLASLT_MATMUL_DESC_TRANSB, &transpose_b, sizeof(transpose_b)) ==
             CUBLAS_STATUS_SUCCESS;
  auto layout = [&](cublasLtMatrixLayout_t* to, cudaDataType_t of, int columns, int rows, size_t run_stride) {
    const auto stride = static_cast<int64_t>(run_stride);
    good = good && lt.layout_create(to, of, columns, rows, columns) == CUBLAS_STATUS_SUCCESS &&
           lt.layout_set(*to, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &shape.runs, sizeof(shape.runs)) ==
               CUBLAS_STATUS_SUCCESS &&
           lt.layout_set(*to, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof(stride)) ==
               CUBLAS_STATUS_SUCCESS;
  };
  const size_t rows = shape.rows;
  const size_t in_stride = rows * shape.in;
  const size_t out_stride = rows * shape.out;
  switch (shape.kind) {
    case GemmKind::kForward:
      layout(&gemm->a_, type, shape.in, shape.out, shape.parameter_stride);
      layout(&gemm->b_, type, shape.in, shape.rows, in_stride);
      layout(&gemm->d_, out_type, shape.out, shape.rows, out_stride);
      break;
    case GemmKind::kBackwardInput:
      layout(&gemm->a_, type, shape.in, shape.out, shape.parameter_stride);
      layout(&gemm->b_, type, shape.out, shape.rows, out_stride);
      layout(&gemm->d_, out_type, shape.in, shape.rows, in_stride);
      break;
    case GemmKind::kBackwardWeight:
      layout(&gemm->a_, type, shape.in, shape.rows, in_stride);
      layout(&gemm->b_, type, shape.out, shape.rows, out_stride);
      layout(&gemm->d_, out_type, shape.in, shape.out, shape.parameter_stride);
      break;
  }
  if (!good) return absl::InternalError("cuBLASLt refused to describe a product");

  const auto key =
      std::make_tuple(shape.kind, shape.runs, shape.rows, shape.out, shape.in, shape.parameter_stride);
  if (const auto known = choices->find(key); shape.low_precision && known != choices->end()) {
    gemm->algorithm_ = known->second;
    return gemm;
  }
  cublasLtMatmulPreference_t preference = nullptr;
  const size_t workspace = kGemmWorkspaceBytes;
  // In-place split-K adds in arrival order; only schemes with a fixed order are allowed.
  const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
  cublasLtMatmulHeuristicResult_t found[kProposals] = {};
  int count = 0;
  if (lt.preference_create(&preference) == CUBLAS_STATUS_SUCCESS) {
    lt.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof(workspace));
    lt.preference_set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions,
                      sizeof(reductions));
    lt.heuristic(handle, gemm->desc_, gemm->a_, gemm->b_, gemm->d_, gemm->d_, preference,
                 shape.low_precision ? kProposals : 1, found, &count);
    lt.preference_destroy(preference);
  }
  if (count < 1) {
    return absl::UnimplementedError(absl::StrCat("cuBLASLt has no algorithm for ", shape.runs,
                                                 " products of ", shape.rows, " x ", shape.out, " x ",
                                                 shape.in));
  }
  gemm->algorithm_ = found[0].algo;
  if (count == 1 || !shape.low_precision) return gemm;
  const int best = FastestEqualWay(
      scratch, OperandsOf(shape), count, [&](int way, const void* left, const void* right, void* output) {
        gemm->algorithm_ = found[way].algo;
        return gemm->Run(left, right, nullptr, output, scratch.workspace, scratch.stream) ==
               CUBLAS_STATUS_SUCCESS;
      });
  gemm->algorithm_ = found[best].algo;
  choices->emplace(key, gemm->algorithm_);
  return gemm;
}

Gemm::~Gemm() {
  for (cublasLtMatrixLayout_t layout : {a_, b_, d_}) {
    if (layout != nullptr) api_->layout_destroy(layout);
  }
  if (desc_ != nullptr) api_->desc_destroy(desc_);
}

cublasStatus_t Gemm::Run(const void* left, const void* right, const void* add, void* output, void* workspace,
                         cudaStream_t stream) const {
  const float one = 1;
  const float beta = add != nullptr ? 1 : 0;
  const void* a = right;  // the weight, or x of a weight gradient
  const void* b = left;
  return api_->matmul(handle_, desc_, &one, a, a_, b, b_, &beta, add != nullptr ? add : output, d_, output,
                      d_, &algorithm_, workspace, kGemmWorkspaceBytes, stream);
}

}  // namespace sextant::trainer::cuda
