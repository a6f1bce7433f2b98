// SPDX-License-Identifier: Apache-2.0
// A store called once: one read in a snapshot of its own, one write in a transaction of its own.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "storage/store.h"

namespace sextant::storage {

/// For the length of an expression: Read(store)->GetStudy("s").
inline std::unique_ptr<Snapshot> Read(Store& store) { return store.Read().value(); }

/// Write(store, &Transaction::PutFit, fit).
template <typename Result, typename... Parameters, typename... Arguments>
Result Write(Store& store, Result (Transaction::*call)(Parameters...), Arguments&&... arguments) {
  Result result = absl::UnknownError("not run");
  const absl::Status status = store.Write([&](Transaction& transaction) -> absl::Status {
    result = (transaction.*call)(std::forward<Arguments>(arguments)...);
    if constexpr (std::is_same_v<Result, absl::Status>) {
      return result;
    } else {
      return result.status();
    }
  });
  if (!status.ok()) return status;
  return result;
}

}  // namespace sextant::storage
