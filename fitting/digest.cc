// SPDX-License-Identifier: Apache-2.0
#include "fitting/digest.h"

#include <string_view>
#include <vector>

#include "base/sha256.h"

namespace sextant::fitting {
namespace {

template <typename T>
std::string_view Bytes(const std::vector<T>& column) {
  return {reinterpret_cast<const char*>(column.data()), column.size() * sizeof(T)};
}

}  // namespace

std::string DataDigest(const RunTable& runs) {
  Sha256 digest;
  for (const std::string& id : runs.id) {
    digest.Add(id);
    digest.Add("\n");
  }
  for (const std::vector<double>* column :
       {&runs.params, &runs.tokens, &runs.learning_rate, &runs.batch_size_tokens, &runs.sequence_length,
        &runs.steps, &runs.weight_decay, &runs.adam_beta2, &runs.loss}) {
    digest.Add(Bytes(*column));
  }
  for (const auto& [name, column] : runs.declared) {
    digest.Add(name);
    digest.Add("\n");
    digest.Add(Bytes(column));
  }
  digest.Add(Bytes(runs.state));
  return Hex(digest.Digest());
}

std::string DataDigest(const DataColumns& table) {
  Sha256 digest;
  for (const auto& [name, column] : table.columns) {
    digest.Add(name);
    digest.Add("\n");
    digest.Add(Bytes(column));
  }
  return Hex(digest.Digest());
}

}  // namespace sextant::fitting
