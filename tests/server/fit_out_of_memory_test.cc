// SPDX-License-Identifier: Apache-2.0
// What a fit of many runs does when there is no memory for it. Allocations of the size of a column of runs
// fail while the test says so; small ones, which gRPC and the C library make too, do not: they forgive
// nothing.
#include <gmock/gmock.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "tests/server/service_fixture.h"

namespace {

std::atomic<std::size_t> largest_allocation = std::numeric_limits<std::size_t>::max();
std::atomic<int> refused_allocations = 0;

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SEXTANT_COUNTS_ALLOCATIONS 1
// Both of the pair are ours: GCC sees only that one of them calls free.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(std::size_t bytes) {
  if (bytes > largest_allocation) {
    ++refused_allocations;
    throw std::bad_alloc();
  }
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace sextant::server {
namespace {

constexpr int kRunsOfAChunk = 2000, kChunks = 10;
// A column of all runs takes 160 000 bytes; a chunk of an upload is larger, so they come before.
constexpr std::size_t kSmall = 100'000;

class FitOutOfMemoryTest : public ServiceTest {
 protected:
  FitOutOfMemoryTest() {
    Start();
    CreateStudy("wide");
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      std::vector<v1::Run> some;
      for (int i = 0; i < kRunsOfAChunk; ++i) {
        v1::Run run = SomeRun("r" + std::to_string(chunk) + "-" + std::to_string(i), 1e7 * (1 + i % 7),
                              1e9 * (1 + i % 5), 1e-3 * (1 + i % 11));
        run.set_loss_nats(3 + 0.001 * (i % 13));
        some.push_back(std::move(run));
      }
      Upload("wide", some);
    }
  }
  v1::Fit FitAll() {
    v1::CreateFitRequest request;
    request.set_parent("studies/wide");
    request.set_law("lr-power-nd");
    request.set_estimator("quadratic");
    request.set_bootstrap_replicates(5);
    return Fit(request);
  }
};

TEST_F(FitOutOfMemoryTest, TheFitFailsAndTheServerGoesOn) {
#ifndef SEXTANT_COUNTS_ALLOCATIONS
  GTEST_SKIP() << "sanitizers have an allocator of their own";
#else
  largest_allocation = kSmall;
  const v1::Fit failed = FitAll();
  largest_allocation = std::numeric_limits<std::size_t>::max();
  EXPECT_GT(refused_allocations, 1) << "neither the fit's data nor the labels asked for much";
  EXPECT_EQ(failed.state(), v1::FIT_FAILED);
  EXPECT_THAT(failed.error().message(), testing::HasSubstr("memory"));
  // With memory again, it works: nothing was left half done.
  Upload("wide", {SomeRun("one-more")});
  const v1::Fit again = FitAll();
  EXPECT_THAT(again.error().message(), testing::Not(testing::HasSubstr("memory")));
#endif
}

}  // namespace
}  // namespace sextant::server
