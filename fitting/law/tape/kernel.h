// SPDX-License-Identifier: Apache-2.0
// Column instructions and the kernels that run them, one set of kernels per CPU level.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sextant::fitting::tape {

/// Points are worked on in blocks of this many, so that a block's columns stay in the first-level cache.
inline constexpr std::size_t kBlockPoints = 256;
/// Work and data columns are padded to a multiple of the widest lane count: kernels read and write whole
/// vectors there.
inline constexpr std::size_t kLanePadding = 8;

/// One step over a block. V: a column register, S: a register holding one number for all points.
enum class Code : std::uint8_t {
  kAddVV,
  kAddVVV,
  kAddVVS,
  kAddVS,
  kSubtractVV,
  kSubtractVS,
  kSubtractSV,
  kMultiplyVV,
  kMultiplyVS,
  kMultiplyVVV,
  kMultiplyVVS,
  kMultiplyAddVVV,  ///< a * b + c
  kMultiplyAddVVS,
  kMultiplyAddVSV,
  kMultiplyAddVSS,
  kDivideVV,
  kDivideSV,
  kReciprocalAndLog,  ///< 1 / a, and log(a) into the output column c
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

/// Where a step's result goes. An output column belongs to the caller: nothing past its last point is
/// touched, and it is never read back.
enum class Destination : std::uint8_t { kWork, kOutput, kWorkAndOutput };

struct Instruction {
  Code code = Code::kAddVV;
  Destination destination = Destination::kWork;
  std::uint16_t to = 0, output = 0;   ///< registers
  std::uint16_t a = 0, b = 0, c = 0;  ///< registers
};

enum class CpuLevel : std::uint8_t { kBaseline, kAvx2, kAvx512 };

struct Kernels {
  /// Runs `count` instructions over `points` points (1 to kBlockPoints). registers[r] points to a column, or
  /// to one double for S operands.
  void (*run)(const Instruction* instructions, std::size_t count, double* const* registers,
              std::size_t points);
  /// True when every value is finite.
  bool (*all_finite)(const double* values, std::size_t count);
  void (*exp)(const double* x, double* y, std::size_t count);
  void (*log)(const double* x, double* y, std::size_t count);
};

/// Levels that this build has and this CPU can run, lowest first.
std::vector<CpuLevel> SupportedCpuLevels();
/// "SSE2", "AVX2", "AVX-512"; "baseline" where the lowest level is not SSE2.
const char* CpuLevelName(CpuLevel level);
/// `level` must be supported.
const Kernels& KernelsOf(CpuLevel level);
/// The highest supported level's.
const Kernels& BestKernels();

}  // namespace sextant::fitting::tape
