// SPDX-License-Identifier: Apache-2.0
#include "base/give_up.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

namespace sextant {
namespace {

TEST(GiveUp, NothingIsThrownWithoutAScope) { EXPECT_NO_THROW(CheckGivenUp()); }

TEST(GiveUp, TheInnermostScopeIsAsked) {
  const std::function<bool()> yes = [] { return true; }, no = [] { return false; };
  const GiveUpScope outer(yes);
  EXPECT_THROW(CheckGivenUp(), GivenUp);
  {
    const GiveUpScope inner(no);
    EXPECT_NO_THROW(CheckGivenUp());
  }
  EXPECT_THROW(CheckGivenUp(), GivenUp);
}

TEST(GiveUp, AnotherThreadHasTheScopeOnlyWhenItEntersIt) {
  std::atomic<bool> given_up = false;
  const std::function<bool()> ask = [&] { return given_up.load(); };
  const GiveUpScope scope(ask);
  const GiveUpOfCaller caller;
  given_up = true;
  std::thread([&] {
    EXPECT_NO_THROW(CheckGivenUp());
    {
      const auto entered = caller.Enter();
      EXPECT_THROW(CheckGivenUp(), GivenUp);
    }
    EXPECT_NO_THROW(CheckGivenUp());
  }).join();
}

}  // namespace
}  // namespace sextant
