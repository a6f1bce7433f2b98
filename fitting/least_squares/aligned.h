// SPDX-License-Identifier: Apache-2.0
// Columns that start where a cache line does.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace sextant::fitting::solve {

/// Allocates at multiples of 64 bytes: a vector load that straddles two cache lines costs twice.
template <typename T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  LineAllocator() = default;
  template <typename U>
  explicit LineAllocator(const LineAllocator<U>&) {}

  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kLine)); }
  void deallocate(T* at, std::size_t) { ::operator delete(at, kLine); }
  template <typename U>
  bool operator==(const LineAllocator<U>&) const {
    return true;
  }
};

using AlignedColumn = std::vector<double, LineAllocator<double>>;

}  // namespace sextant::fitting::solve
