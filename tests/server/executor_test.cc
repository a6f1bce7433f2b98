// SPDX-License-Identifier: Apache-2.0
#include "server/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace sextant::server {
namespace {

TEST(Executor, RunsEverythingBeforeItStops) {
  std::atomic<int> ran{0};
  {
    Executor executor(3, 1000);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(executor.Submit([&] { ++ran; }).ok());
  }
  EXPECT_EQ(ran, 500);
}

TEST(Executor, RefusesWhatItCannotHold) {
  std::promise<void> release, started;  // outlive the executor, whose thread uses them
  Executor executor(1, 2);
  ASSERT_TRUE(executor
                  .Submit([&] {
                    started.set_value();
                    release.get_future().wait();
                  })
                  .ok());
  started.get_future().wait();
  EXPECT_TRUE(executor.Submit([] {}).ok());
  EXPECT_TRUE(executor.Submit([] {}).ok());
  EXPECT_EQ(executor.Submit([] {}).code(), absl::StatusCode::kResourceExhausted);
  release.set_value();
}

TEST(Executor, RefusesWorkOnceStopped) {
  Executor executor(1, 2);
  executor.Stop();
  EXPECT_EQ(executor.Submit([] {}).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace sextant::server
