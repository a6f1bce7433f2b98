#include <cmath>

#include "fitting/law/tape/kernel.h"

namespace sextant::fitting::tape {
namespace {

template <typename F>
void Each(double* to, std::size_t points, F f) {
  for (std::size_t i = 0; i < points; ++i) to[i] = f(i);
}

void Run(const Instruction* instructions, std::size_t count, double* const* registers, std::size_t n) {
  for (const Instruction* step = instructions; step != instructions + count; ++step) {
    double* to = registers[step->to];
    const double* a = registers[step->a];
    const double* b = registers[step->b];
    const double* c = registers[step->c];
    switch (step->code) {
      case Code::kAddVV:
        Each(to, n, [=](std::size_t i) { return a[i] + b[i]; });
        break;
      case Code::kAddVS:
        Each(to, n, [=, s = *b](std::size_t i) { return a[i] + s; });
        break;
      case Code::kSubtractVV:
        Each(to, n, [=](std::size_t i) { return a[i] - b[i]; });
        break;
      case Code::kSubtractVS:
        Each(to, n, [=, s = *b](std::size_t i) { return a[i] - s; });
        break;
      case Code::kSubtractSV:
        Each(to, n, [=, s = *a](std::size_t i) { return s - b[i]; });
        break;
      case Code::kMultiplyVV:
        Each(to, n, [=](std::size_t i) { return a[i] * b[i]; });
        break;
      case Code::kMultiplyVS:
        Each(to, n, [=, s = *b](std::size_t i) { return a[i] * s; });
        break;
      case Code::kDivideVV:
        Each(to, n, [=](std::size_t i) { return a[i] / b[i]; });
        break;
      case Code::kDivideSV:
        Each(to, n, [=, s = *a](std::size_t i) { return s / b[i]; });
        break;
      case Code::kNegate:
        Each(to, n, [=](std::size_t i) { return -a[i]; });
        break;
      case Code::kExp:
        Each(to, n, [=](std::size_t i) { return std::exp(a[i]); });
        break;
      case Code::kExpMultiplyVS:
        Each(to, n, [=, s = *b](std::size_t i) { return std::exp(a[i] * s); });
        break;
      case Code::kLog:
        Each(to, n, [=](std::size_t i) { return std::log(a[i]); });
        break;
      case Code::kSqrt:
        Each(to, n, [=](std::size_t i) { return std::sqrt(a[i]); });
        break;
      case Code::kMin:
        Each(to, n, [=](std::size_t i) { return a[i] < b[i] ? a[i] : b[i]; });
        break;
      case Code::kMax:
        Each(to, n, [=](std::size_t i) { return a[i] > b[i] ? a[i] : b[i]; });
        break;
      case Code::kShift:
        Each(to, n,
             [=](std::size_t i) { return std::fmin(std::fmax(a[i] > b[i] ? a[i] : b[i], -1e300), 1e300); });
        break;
      case Code::kLessEqual:
        Each(to, n, [=](std::size_t i) { return a[i] <= b[i] ? 1.0 : 0.0; });
        break;
      case Code::kSelect:
        Each(to, n, [=](std::size_t i) { return a[i] != 0 ? b[i] : c[i]; });
        break;
      case Code::kBroadcast:
        Each(to, n, [s = *a](std::size_t) { return s; });
        break;
    }
  }
}

}  // namespace

Kernel KernelForThisCpu() { return Run; }

}  // namespace sextant::fitting::tape
