// SPDX-License-Identifier: Apache-2.0
#include "server/quota.h"

#include <gtest/gtest.h>

#include "server/error.h"

namespace sextant::server {
namespace {

TEST(Quota, GivesEachPeerItsShareAndAllTogetherNoMore) {
  Quota quota("UPLOAD_LIMIT", "uploads", 3, 2);
  auto a = quota.Take("ipv4:10.0.0.1:1000"), b = quota.Take("ipv4:10.0.0.1:2000");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(ReasonOf(quota.Take("ipv4:10.0.0.1:3000").status()), "UPLOAD_LIMIT");
  auto c = quota.Take("ipv4:10.0.0.2:1000");
  ASSERT_TRUE(c.ok());
  EXPECT_FALSE(quota.Take("ipv4:10.0.0.3:1000").ok());
  a->reset();
  EXPECT_TRUE(quota.Take("ipv4:10.0.0.1:4000").ok());
  EXPECT_EQ(quota.taken(), 2);
}

TEST(Quota, CountsNothingOfTheProcessItselfAgainstAPeer) {
  Quota quota("ANSWER_LIMIT", "bytes", 100, 10);
  EXPECT_TRUE(quota.Take("inproc:1", 90).ok());
  EXPECT_FALSE(quota.Take("inproc:1", 101).ok());
}

TEST(HostOfPeer, IsTheMachineWithoutItsPort) {
  EXPECT_EQ(HostOfPeer("ipv4:10.0.0.1:1000"), "ipv4:10.0.0.1");
  EXPECT_EQ(HostOfPeer("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:1000"), "ipv6:2001:db8:1:2::");
  EXPECT_EQ(HostOfPeer("ipv6:[2001:db8:1:2:9::]:1000"), "ipv6:2001:db8:1:2::");
  EXPECT_EQ(HostOfPeer("unix:"), "unix:");
  EXPECT_EQ(HostOfPeer("inproc:0x1"), "");
}

}  // namespace
}  // namespace sextant::server
