// The quantities of a run, by name: for code that treats them alike.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "storage/records.h"

namespace sextant::storage {

/// A quantity of a run; stores keep it in a REAL column of the same name.
struct RunQuantity {
  const char* name;
  double Run::*value;
  bool progress;  ///< may change while the run is running
};

inline constexpr std::array<RunQuantity, 16> kRunQuantities = {{
    {"params_non_embedding", &Run::params_non_embedding, false},
    {"params_total", &Run::params_total, false},
    {"params_active", &Run::params_active, false},
    {"params_non_input_embedding", &Run::params_non_input_embedding, false},
    {"tokens", &Run::tokens, true},
    {"learning_rate", &Run::learning_rate, false},
    {"batch_size_tokens", &Run::batch_size_tokens, false},
    {"sequence_length", &Run::sequence_length, false},
    {"steps", &Run::steps, true},
    {"weight_decay", &Run::weight_decay, false},
    {"adam_beta2", &Run::adam_beta2, false},
    {"loss", &Run::loss, true},
    {"warmup_steps", &Run::warmup_steps, false},
    {"adam_beta1", &Run::adam_beta1, false},
    {"min_learning_rate", &Run::min_learning_rate, false},
    {"flops", &Run::flops, true},
}};

/// Equal for runs whose every parameter count is equal, unknown ones included.
inline std::uint64_t ModelKey(double non_embedding, double total, double active, double non_input_embedding) {
  std::uint64_t key = 0;
  for (const double count : {non_embedding, total, active, non_input_embedding}) {
    // An odd multiplier and a shift spread the bits; counts of one study are few, so nothing stronger is
    // needed.
    key = (key ^ (std::isnan(count) ? 1 : std::bit_cast<std::uint64_t>(count))) * 0x9E3779B97F4A7C15ULL;
    key ^= key >> 29;
  }
  return key;
}

}  // namespace sextant::storage
