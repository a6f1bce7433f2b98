// SPDX-License-Identifier: Apache-2.0
// Protobuf's wire format, for messages of other people's programs. Views into the caller's bytes; nothing is
// copied.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sextant::importers {

/// Walks the fields of one message. After Next() the value is in the accessor of its wire type. Truncated or
/// malformed input ends the walk with ok() false; there is no recursion.
class WireReader {
 public:
  enum Type { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  explicit WireReader(std::string_view message) : rest_(message) {}

  /// The next field; false at the end or when the bytes are no message.
  bool Next() {
    if (rest_.empty()) return false;
    std::uint64_t tag = 0;
    if (!ReadVarint(&tag) || (tag >> 3) == 0 || (tag >> 3) > 0x1FFFFFFF) return Fail();
    field_ = static_cast<int>(tag >> 3);
    type_ = static_cast<int>(tag & 7);
    switch (type_) {
      case kVarint:
        return ReadVarint(&number_) || Fail();
      case kFixed64:
        return Take(8) || Fail();
      case kFixed32:
        return Take(4) || Fail();
      case kBytes: {
        std::uint64_t length = 0;
        return (ReadVarint(&length) && Take(length)) || Fail();
      }
      default:
        return Fail();
    }
  }

  int field() const { return field_; }
  bool Is(int field, Type type) const { return field_ == field && type_ == type; }
  std::int64_t varint() const { return static_cast<std::int64_t>(number_); }
  std::string_view bytes() const { return bytes_; }
  double fixed_double() const { return Load<double>(bytes_); }
  float fixed_float() const { return Load<float>(bytes_); }
  bool ok() const { return ok_; }

  /// A little-endian value from the start of `bytes`, zero if there are too few.
  template <class T>
  static T Load(std::string_view bytes) {
    T value{};
    if (bytes.size() >= sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

 private:
  bool Fail() {
    ok_ = false;
    rest_ = {};
    return false;
  }
  bool Take(std::uint64_t length) {
    if (length > rest_.size()) return false;
    bytes_ = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }
  bool ReadVarint(std::uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      *value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  std::string_view rest_, bytes_;
  std::uint64_t number_ = 0;
  int field_ = 0, type_ = 0;
  bool ok_ = true;
};

}  // namespace sextant::importers
