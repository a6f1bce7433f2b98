// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace sextant {
namespace {

TEST(Progress, PhasesFollowOneAnother) {
  Progress progress;
  EXPECT_STREQ(progress.Now().phase, "");
  const ProgressScope scope(progress);
  {
    const ProgressPhase search("search", 4);
    search.Add(3);
    EXPECT_STREQ(progress.Now().phase, "search");
    EXPECT_EQ(progress.Now().done, 3);
    EXPECT_EQ(progress.Now().total, 4);
  }
  const ProgressPhase replicates("replicates", 1000);
  EXPECT_STREQ(progress.Now().phase, "replicates");
  EXPECT_EQ(progress.Now().done, 0);
}

TEST(Progress, TheOuterPhaseSpeaks) {
  Progress progress;
  const ProgressScope scope(progress);
  const ProgressPhase laws("laws", 5);
  {
    const ProgressPhase replicates("replicates", 1000);
    replicates.Add(10);
    EXPECT_STREQ(progress.Now().phase, "laws");
  }
  laws.Add();
  EXPECT_EQ(progress.Now().done, 1);
}

TEST(Progress, ThreadsAddTogether) {
  Progress progress;
  const ProgressScope scope(progress);
  const ProgressPhase replicates("replicates", 4000);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&replicates] {
      // This thread has no scope: what it begins is nobody's.
      const ProgressPhase other("other", 1);
      for (int k = 0; k < 1000; ++k) replicates.Add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(progress.Now().done, 4000);
  EXPECT_STREQ(progress.Now().phase, "replicates");
}

TEST(Progress, WithoutAScopeNothingIsWritten) {
  Progress progress;
  { const ProgressScope scope(progress); }
  const ProgressPhase phase("search", 1);
  phase.Add();
  EXPECT_EQ(progress.Now().total, 0);
}

}  // namespace
}  // namespace sextant
