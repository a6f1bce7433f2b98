// SPDX-License-Identifier: Apache-2.0
#include "server/guard/http2_watch.h"

#include <gtest/gtest.h>

#include <string>

#include "server/guard/limits.h"
#include "tests/server/guard/frames.h"

namespace sextant::server {
namespace {

class Http2WatchTest : public testing::Test {
 protected:
  Http2WatchTest() { Receive(kPreface); }

  const char* Receive(const std::string& bytes) { return watch_.Received(bytes.data(), bytes.size()); }
  void Send(const std::string& bytes) { watch_.Sent(bytes.data(), bytes.size()); }
  std::string Headers(std::uint32_t stream, std::uint8_t flags = kEndHeaders) {
    return FrameOf(kHeaders, flags, stream, "headers");
  }

  Http2Watch watch_;
};

TEST_F(Http2WatchTest, LetsAnOrdinaryCallThroughInPiecesOfAnySize) {
  const std::string call = Headers(1) + FrameOf(kData, kEndStream, 1, MessageOf(1000, 1000));
  for (const char byte : call) ASSERT_EQ(watch_.Received(&byte, 1), nullptr);
  EXPECT_EQ(watch_.unfinished_bytes(), 0);
  EXPECT_EQ(watch_.open_streams(), 1);
  Send(FrameOf(kHeaders, kEndHeaders | kEndStream, 1, "trailers"));
  EXPECT_EQ(watch_.open_streams(), 0);
}

TEST_F(Http2WatchTest, CountsWhatHasComeOfAMessage) {
  Receive(Headers(1) + FrameOf(kData, 0, 1, MessageOf(1000, 300)));
  EXPECT_EQ(watch_.unfinished_bytes(), 300);
  Receive(Headers(3) + FrameOf(kData, 0, 3, MessageOf(1000, 50)));
  EXPECT_EQ(watch_.unfinished_bytes(), 350);
  Receive(FrameOf(kData, 0, 1, std::string(700, 'm')));
  EXPECT_EQ(watch_.unfinished_bytes(), 50);
}

TEST_F(Http2WatchTest, ReadsSeveralMessagesOutOfOneFrame) {
  Receive(Headers(1) + FrameOf(kData, 0, 1, MessageOf(10, 10) + MessageOf(0, 0) + MessageOf(20, 7)));
  EXPECT_EQ(watch_.unfinished_bytes(), 7);
}

TEST_F(Http2WatchTest, DoesNotCountPadding) {
  const std::string padded = std::string(1, '\x04') + MessageOf(100, 10) + std::string(4, '\0');
  Receive(Headers(1) + FrameOf(kData, kPadded, 1, padded));
  EXPECT_EQ(watch_.unfinished_bytes(), 10);
}

TEST_F(Http2WatchTest, ForgetsAMessageWhoseStreamIsOver) {
  Receive(Headers(1) + FrameOf(kData, 0, 1, MessageOf(1000, 300)));
  Receive(FrameOf(kRstStream, 0, 1, "code"));
  EXPECT_EQ(watch_.unfinished_bytes(), 0);
  Receive(Headers(3) + FrameOf(kData, 0, 3, MessageOf(1000, 300)));
  Send(FrameOf(kRstStream, 0, 3, "code"));
  EXPECT_EQ(watch_.unfinished_bytes(), 0);
  Receive(FrameOf(kData, 0, 3, std::string(300, 'm')));  // was under way
  EXPECT_EQ(watch_.unfinished_bytes(), 0);
  EXPECT_EQ(watch_.open_streams(), 0);
}

TEST_F(Http2WatchTest, EndsAHeaderBlockThatIsTooLong) {
  const std::string piece = FrameOf(kContinuation, 0, 1, std::string(kMaxHeaderBlockBytes / 2, 'h'));
  EXPECT_EQ(Receive(Headers(1, 0) + piece), nullptr);
  EXPECT_NE(Receive(piece), nullptr);
}

TEST_F(Http2WatchTest, EndsAHeaderBlockInTooManyFrames) {
  Receive(Headers(1, 0));
  for (int i = 0; i < kMaxContinuations; ++i) ASSERT_EQ(Receive(FrameOf(kContinuation, 0, 1, "h")), nullptr);
  EXPECT_NE(Receive(FrameOf(kContinuation, 0, 1, "h")), nullptr);
}

TEST_F(Http2WatchTest, EndsAClientThatOpensStreamsWithoutEnd) {
  std::uint32_t stream = 1;
  for (std::size_t i = 0; i < kMaxStreamsBeforeCut; ++i, stream += 2)
    ASSERT_EQ(Receive(Headers(stream)), nullptr);
  EXPECT_NE(Receive(Headers(stream)), nullptr);
}

TEST_F(Http2WatchTest, TakesAnyNumberOfStreamsOneAfterAnother) {
  for (std::uint32_t stream = 1; stream < 20 * kMaxStreamsBeforeCut; stream += 2) {
    ASSERT_EQ(Receive(Headers(stream)), nullptr);
    Send(FrameOf(kHeaders, kEndHeaders | kEndStream, stream, "trailers"));  // the client never ends its side
  }
  EXPECT_EQ(watch_.open_streams(), 0);
}

}  // namespace
}  // namespace sextant::server
