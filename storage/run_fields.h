// SPDX-License-Identifier: Apache-2.0
// What the store does with quantities of a run (base/run_field_table.h) that it treats alike.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/run_field_table.h"
#include "fitting/run_table.h"
#include "storage/records.h"

namespace sextant::storage {

/// The quantity that N is where a study counts parameters so.
constexpr double RunQuantities<double>::*ParamsMember(ParamCount count) {
  switch (count) {
    case ParamCount::kTotal:
      return &Run::params_total;
    case ParamCount::kActive:
      return &Run::params_active;
    case ParamCount::kNonInputEmbedding:
      return &Run::params_non_input_embedding;
    case ParamCount::kNonEmbedding:
    case ParamCount::kUnspecified:
      break;
  }
  return &Run::params_non_embedding;
}

/// A column of fitting::RunTable that is a quantity as recorded.
struct TableColumn {
  double RunQuantities<double>::*value;
  std::vector<double> fitting::RunTable::*column;
};
inline constexpr std::array kTableColumns = {
    TableColumn{&Run::tokens, &fitting::RunTable::tokens},
    TableColumn{&Run::learning_rate, &fitting::RunTable::learning_rate},
    TableColumn{&Run::batch_size_tokens, &fitting::RunTable::batch_size_tokens},
    TableColumn{&Run::sequence_length, &fitting::RunTable::sequence_length},
    TableColumn{&Run::steps, &fitting::RunTable::steps},
    TableColumn{&Run::weight_decay, &fitting::RunTable::weight_decay},
    TableColumn{&Run::adam_beta2, &fitting::RunTable::adam_beta2},
    TableColumn{&Run::loss, &fitting::RunTable::loss},
};

/// What ModelKey takes, in its order.
inline constexpr std::array kModelCounts = {&Run::params_non_embedding, &Run::params_total,
                                            &Run::params_active, &Run::params_non_input_embedding};
/// `key` with one more value that tells runs apart; unknown ones are alike.
inline std::uint64_t AddToModelKey(std::uint64_t key, double value) {
  key = (key ^ (std::isnan(value) ? 1 : std::bit_cast<std::uint64_t>(value))) * 0x9E3779B97F4A7C15ULL;
  return key ^ (key >> 29);
}

/// Equal for runs whose every parameter count is equal, unknown ones included.
inline std::uint64_t ModelKey(double non_embedding, double total, double active, double non_input_embedding) {
  std::uint64_t key = 0;
  for (const double count : {non_embedding, total, active, non_input_embedding}) {
    // An odd multiplier and a shift spread the bits; counts of one study are few, so nothing stronger is
    // needed.
    key = AddToModelKey(key, count);
  }
  return key;
}

}  // namespace sextant::storage
