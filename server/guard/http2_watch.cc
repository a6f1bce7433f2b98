// SPDX-License-Identifier: Apache-2.0
#include "server/guard/http2_watch.h"

#include <algorithm>

#include "server/guard/limits.h"

namespace sextant::server {
namespace {

constexpr std::uint8_t kPrefixBytes = 5;  // of a gRPC message: compressed or not, and its length
constexpr std::size_t kMaxMarks = 2 * kMaxStreamsBeforeCut;

}  // namespace

const char* Http2Watch::Received(const char* data, std::size_t size) {
  const std::size_t preface = std::min(size, preface_left_);
  preface_left_ -= preface;
  received_.Feed(
      data + preface, size - preface, [this](const Frame& frame) { return BeginReceived(frame); },
      [this](const Frame& frame, const char* bytes, std::size_t count) {
        return ReceivedPayload(frame, bytes, count);
      });
  return wrong_;
}

void Http2Watch::Sent(const char* data, std::size_t size) {
  sent_.Feed(
      data, size,
      [this](const Frame& frame) {
        BeginSent(frame);
        return true;
      },
      [](const Frame&, const char*, std::size_t) { return true; });
}

bool Http2Watch::BeginReceived(const Frame& frame) {
  if (frame.type == kHeaders || frame.type == kContinuation) return BeginHeaderBlock(frame);
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end()) {
    data_left_ = 0;
    return true;
  }
  Stream& stream = found->second;
  if (frame.type == kRstStream) {
    stream.client_done = true;
    EndByServer(stream);
    Settle(found);
  } else if (frame.type == kData) {
    reads_padding_ = (frame.flags & kPadded) != 0;
    data_left_ = frame.length;
    if ((frame.flags & kEndStream) != 0) {
      stream.client_done = true;
      if (frame.length == 0) Settle(found);
    }
  }
  return true;
}

bool Http2Watch::BeginHeaderBlock(const Frame& frame) {
  if (frame.type == kHeaders) {
    block_bytes_ = 0;
    continuations_ = 0;
  } else if (++continuations_ > kMaxContinuations) {
    wrong_ = "a header block in too many CONTINUATION frames";
    return false;
  }
  block_bytes_ += frame.length;
  if (block_bytes_ > kMaxHeaderBlockBytes) {
    wrong_ = "a header block that is too long";
    return false;
  }
  if (frame.type == kContinuation) return true;
  auto found = streams_.find(frame.stream);
  if (found == streams_.end()) {
    if (frame.stream <= last_stream_) return true;  // trailers of a stream that is over
    last_stream_ = frame.stream;
    found = streams_.try_emplace(frame.stream).first;
    if (++open_streams_ > kMaxStreamsBeforeCut) {
      wrong_ = "more streams than it was told it may open";
      return false;
    }
  }
  if ((frame.flags & kEndStream) != 0) {
    found->second.client_done = true;
    Settle(found);
  }
  return true;
}

bool Http2Watch::ReceivedPayload(const Frame& frame, const char* data, std::size_t size) {
  if (frame.type != kData) return true;
  if (reads_padding_) {
    reads_padding_ = false;
    const std::uint32_t padding = 1U + static_cast<std::uint8_t>(*data++);
    --size;
    data_left_ -= std::min(padding, data_left_);
  }
  const std::size_t take = std::min<std::size_t>(size, data_left_);
  data_left_ -= static_cast<std::uint32_t>(take);
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end()) return true;
  if (!found->second.server_done) ReceivedMessageBytes(found->second, data, take);
  if (data_left_ == 0 && found->second.client_done) Settle(found);
  return true;
}

void Http2Watch::ReceivedMessageBytes(Stream& stream, const char* data, std::size_t size) {
  while (size > 0) {
    if (stream.prefix_bytes < kPrefixBytes) {
      if (stream.prefix_bytes > 0)
        stream.message_length = stream.message_length << 8 | static_cast<std::uint8_t>(*data);
      ++data;
      --size;
      if (++stream.prefix_bytes < kPrefixBytes) continue;
      stream.message_left = stream.message_length;
    }
    const std::size_t take = std::min<std::size_t>(size, stream.message_left);
    data += take;
    size -= take;
    stream.message_left -= static_cast<std::uint32_t>(take);
    Hold(stream, stream.unfinished_bytes + static_cast<std::int64_t>(take));
    if (stream.message_left > 0) continue;
    Hold(stream, 0);
    stream.prefix_bytes = 0;
    stream.message_length = 0;
  }
}

void Http2Watch::BeginSent(const Frame& frame) {
  const bool ends = frame.type == kRstStream ||
                    ((frame.type == kData || frame.type == kHeaders) && (frame.flags & kEndStream) != 0);
  if (!ends) return;
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end()) return;
  EndByServer(found->second);
  Settle(found);
}

void Http2Watch::EndByServer(Stream& stream) {
  if (!stream.server_done) --open_streams_;
  stream.server_done = true;
}

void Http2Watch::Settle(std::map<std::uint32_t, Stream>::iterator found) {
  Stream& stream = found->second;
  if (stream.client_done || stream.server_done) Hold(stream, 0);
  if (stream.client_done && stream.server_done) {
    streams_.erase(found);
  } else if (streams_.size() > kMaxMarks) {
    const auto oldest = std::find_if(streams_.begin(), streams_.end(),
                                     [](const auto& entry) { return entry.second.server_done; });
    if (oldest != streams_.end()) streams_.erase(oldest);
  }
}

void Http2Watch::Hold(Stream& stream, std::int64_t bytes) {
  unfinished_bytes_ += bytes - stream.unfinished_bytes;
  stream.unfinished_bytes = bytes;
}

}  // namespace sextant::server
