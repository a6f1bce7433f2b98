// Column instructions and the kernels that run them, one kernel per CPU level.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sextant::fitting::tape {

/// Points are worked on in blocks of this many, so that a block's columns stay in the first-level cache.
inline constexpr std::size_t kBlockPoints = 128;
/// Blocks are padded to a multiple of the widest lane count.
inline constexpr std::size_t kLanePadding = 8;

/// One step over a block. V: a column register, S: a register holding one number for all points.
enum class Code : std::uint8_t {
  kAddVV,
  kAddVS,
  kSubtractVV,
  kSubtractVS,
  kSubtractSV,
  kMultiplyVV,
  kMultiplyVS,
  kDivideVV,
  kDivideSV,
  kNegate,
  kExp,
  kExpMultiplyVS,  ///< exp(a * s)
  kLog,
  kSqrt,
  kMin,
  kMax,
  kShift,
  kLessEqual,
  kSelect,
  kBroadcast,
};

struct Instruction {
  Code code = Code::kAddVV;
  std::uint16_t to = 0, a = 0, b = 0, c = 0;  ///< registers
};

/// Runs `count` instructions over `points` points (a multiple of kLanePadding, at most kBlockPoints).
/// registers[r] points to a column of at least `points` doubles, or to one double for S operands.
using Kernel = void (*)(const Instruction* instructions, std::size_t count, double* const* registers,
                        std::size_t points);

/// The kernel of this machine's CPU.
Kernel KernelForThisCpu();

}  // namespace sextant::fitting::tape
