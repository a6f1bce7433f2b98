// SPDX-License-Identifier: Apache-2.0
#include "server/fair_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace sextant::server {
namespace {

TEST(FairQueue, CallersTakeTurnsHoweverMuchTheyBring) {
  FairQueue<int> queue;
  for (int i = 0; i < 40; ++i) queue.Push("greedy", i);
  queue.Push("modest", 100);
  queue.Push("late", 200);
  std::string order;
  for (int i = 0; i < 5; ++i) {
    const auto [caller, item] = queue.Pop();
    order += caller[0];
    queue.Done(caller);
  }
  EXPECT_EQ(order, "glmgg") << "each other caller is served within one turn";
  EXPECT_EQ(queue.waiting(), 37U);
}

TEST(FairQueue, WhoHasLessUnderWayIsServedFirst) {
  FairQueue<int> queue;
  queue.Push("a", 1);
  EXPECT_EQ(queue.Pop().first, "a");  // runs
  queue.Push("a", 2);
  queue.Push("b", 3);
  EXPECT_EQ(queue.held_by("a"), 2U);
  EXPECT_EQ(queue.Pop().first, "b");
  EXPECT_EQ(queue.Pop().second, 2);
  EXPECT_TRUE(queue.empty());
  queue.Done("a");
  queue.Done("a");
  queue.Done("b");
  EXPECT_EQ(queue.held_by("a"), 0U);
}

TEST(FairQueue, OneCallerIsServedInOrder) {
  FairQueue<int> queue;
  for (int i = 0; i < 5; ++i) queue.Push("", i);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(queue.Pop().second, i);
}

}  // namespace
}  // namespace sextant::server
