// SPDX-License-Identifier: Apache-2.0
#include "clients/trainer/cuda/cublaslt.h"

#include <absl/strings/str_cat.h>
#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace sextant::trainer::cuda {
namespace {

absl::StatusOr<CublasLt> Load() {
  std::vector<std::string> places;
  if (const char* own = std::getenv("SEXTANT_CUBLASLT"); own != nullptr) places.emplace_back(own);
  const std::string file = absl::StrCat("libcublasLt.so.", CUBLAS_VER_MAJOR);
  for (const char* folder : {"", "/usr/local/cuda/lib64/", "/usr/local/cuda/lib/",
                             "/usr/local/cuda/targets/x86_64-linux/lib/", "/usr/lib/x86_64-linux-gnu/"}) {
    places.push_back(folder + file);
  }
  void* library = nullptr;
  std::string tried;
  for (const std::string& place : places) {
    library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
    absl::StrAppend(&tried, tried.empty() ? "" : ", ", place);
  }
  if (library == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("cuBLASLt is missing (looked for ", tried,
                     "); install the CUDA toolkit's libcublas or set SEXTANT_CUBLASLT"));
  }
  CublasLt api;
  bool complete = true;
  auto find = [&](const char* name, auto& function) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
    complete = complete && function != nullptr;
  };
  find("cublasLtCreate", api.create);
  find("cublasLtDestroy", api.destroy);
  find("cublasLtMatmulDescCreate", api.desc_create);
  find("cublasLtMatmulDescDestroy", api.desc_destroy);
  find("cublasLtMatmulDescSetAttribute", api.desc_set);
  find("cublasLtMatrixLayoutCreate", api.layout_create);
  find("cublasLtMatrixLayoutDestroy", api.layout_destroy);
  find("cublasLtMatrixLayoutSetAttribute", api.layout_set);
  find("cublasLtMatmulPreferenceCreate", api.preference_create);
  find("cublasLtMatmulPreferenceDestroy", api.preference_destroy);
  find("cublasLtMatmulPreferenceSetAttribute", api.preference_set);
  find("cublasLtMatmulAlgoGetHeuristic", api.heuristic);
  find("cublasLtMatmul", api.matmul);
  if (!complete) return absl::NotFoundError("cuBLASLt lacks an entry point; its version does not fit");
  return api;
}

}  // namespace

absl::StatusOr<const CublasLt*> LoadCublasLt() {
  static const absl::StatusOr<CublasLt> api = Load();
  if (!api.ok()) return api.status();
  return &*api;
}

}  // namespace sextant::trainer::cuda
