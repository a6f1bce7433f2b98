// SPDX-License-Identifier: Apache-2.0
#include "server/guard/connections.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "server/guard/limits.h"
#include "server/guard/peer_name.h"
#include "server/guard/resources.h"
#include "tests/server/guard/frames.h"

namespace sextant::server {
namespace {

using std::chrono::milliseconds;

/// The server's end of a connection, and the client's.
class Pair {
 public:
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0); }
  ~Pair() { Close(); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  int server() const { return ends_[0]; }
  void Close() {
    for (int& end : ends_) {
      if (end >= 0) close(end);
      end = -1;
    }
  }
  bool ClientSeesTheEnd() const {
    pollfd wait{ends_[1], POLLIN, 0};
    return poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP) != 0;
  }

 private:
  int ends_[2] = {-1, -1};
};

bool Receive(Connections& connections, Connection& connection, const std::string& bytes) {
  return connections.Received(connection, bytes.data(), bytes.size());
}

const std::string kCall = std::string(kPreface) + FrameOf(kHeaders, kEndHeaders, 1, "headers");

TEST(Connections, RefusesMoreThanAPeerMayHaveAndMoreThanAll) {
  Connections connections;
  connections.SetLimits({3, 2});
  const Pair a, b, c, d, e;
  EXPECT_EQ(connections.Admit(a.server(), "a", false), "");
  EXPECT_EQ(connections.Admit(b.server(), "a", false), "");
  EXPECT_EQ(connections.Admit(c.server(), "a", false), "peer");
  EXPECT_EQ(connections.Admit(d.server(), "b", false), "");
  EXPECT_EQ(connections.Admit(e.server(), "c", false), "all");
  EXPECT_EQ(connections.counts().refused, 2);
}

TEST(Connections, HasRoomAgainOnceConnectionsAreClosed) {
  Connections connections;
  connections.SetLimits({1, 1});
  Pair first;
  const Pair second;
  EXPECT_EQ(connections.Admit(first.server(), "a", false), "");
  first.Close();
  std::this_thread::sleep_for(milliseconds(25));  // it does not look more often
  EXPECT_EQ(connections.Admit(second.server(), "a", false), "");
}

TEST(Connections, CutsAConnectionThatBreaksARule) {
  Connections connections;
  const Pair pair;
  ASSERT_EQ(connections.Admit(pair.server(), "a", false), "");
  const auto connection = connections.Find(pair.server());
  ASSERT_TRUE(connection);
  EXPECT_TRUE(Receive(connections, *connection, kCall));
  EXPECT_FALSE(pair.ClientSeesTheEnd());
  EXPECT_FALSE(
      Receive(connections, *connection, FrameOf(kHeaders, 0, 3, std::string(kMaxHeaderBlockBytes + 1, 'h'))));
  EXPECT_TRUE(pair.ClientSeesTheEnd());
  EXPECT_FALSE(Receive(connections, *connection, "more"));
  EXPECT_EQ(connections.counts().cut, 1);
}

TEST(Connections, BoundsUnfinishedMessagesOfAPeerOverItsConnections) {
  Connections connections;
  constexpr std::size_t kEach = kMaxUnfinishedPerPeer / 4;
  std::vector<std::unique_ptr<Pair>> pairs;
  for (int i = 0; i < 5; ++i) {
    pairs.push_back(std::make_unique<Pair>());
    ASSERT_EQ(connections.Admit(pairs.back()->server(), "a", false), "");
    const bool goes_on = Receive(connections, *connections.Find(pairs.back()->server()),
                                 kCall + FrameOf(kData, 0, 1, MessageOf(0xfffffff0, kEach / 2)) +
                                     FrameOf(kData, 0, 1, std::string(kEach / 2, 'm')));
    EXPECT_EQ(goes_on, i < 4);
  }
  EXPECT_EQ(connections.counts().unfinished_bytes, 4 * static_cast<std::int64_t>(kEach));
  pairs.clear();
  std::this_thread::sleep_for(milliseconds(25));
  EXPECT_EQ(connections.counts().unfinished_bytes, 0);
}

TEST(Connections, FindsAnEncryptedConnectionByItsHello) {
  Connections connections;
  const Pair pair, copy;
  ASSERT_EQ(connections.Admit(pair.server(), "a", true), "");
  ASSERT_EQ(connections.Admit(copy.server(), "a", true), "");
  const std::string random(32, 'r'), hello = std::string(11, 'h') + random + "the rest";
  const auto connection = connections.Find(pair.server());
  EXPECT_TRUE(connections.ReceivedEncrypted(connection, hello.data(), 20));
  EXPECT_FALSE(connections.FindByRandom(random));
  EXPECT_TRUE(connections.ReceivedEncrypted(connection, hello.data() + 20, hello.size() - 20));
  EXPECT_EQ(connections.FindByRandom(random), connection);
  // Another that says the same would have its bytes taken for the first one's.
  EXPECT_FALSE(connections.ReceivedEncrypted(connections.Find(copy.server()), hello.data(), hello.size()));
  EXPECT_TRUE(copy.ClientSeesTheEnd());
}

TEST(ConnectionLimits, LeaveHalfOfTheDescriptorsToTheDatabase) {
  EXPECT_EQ(ConnectionLimits(1024, 0, 0).all, 512);
  EXPECT_EQ(ConnectionLimits(1024, 0, 0).per_peer, 128);
  EXPECT_EQ(ConnectionLimits(1 << 20, 0, 0).all, kMaxConnections);
  EXPECT_EQ(ConnectionLimits(1024, 5000, 5000).all, 512);
  EXPECT_EQ(ConnectionLimits(1 << 20, 10000, 10).per_peer, 10);
}

}  // namespace
}  // namespace sextant::server
