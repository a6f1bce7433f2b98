// SPDX-License-Identifier: Apache-2.0
#include "clients/importers/log/tensor_scalar.h"

#include <cmath>
#include <cstring>
#include <string>

#include "clients/importers/log/wire.h"

namespace sextant::importers {
namespace {

enum DataType { kFloat = 1, kDouble = 2, kInt32 = 3, kInt64 = 9, kBfloat16 = 14, kHalf = 19 };

double HalfToDouble(std::uint32_t bits) {
  const int exponent = static_cast<int>((bits >> 10) & 31);
  const double fraction = bits & 1023;
  double value = exponent == 0    ? std::ldexp(fraction, -24)
                 : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                  : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

double Bfloat16ToDouble(std::uint32_t bits) {
  const std::uint32_t wide = bits << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

}  // namespace

std::optional<double> ScalarOfTensor(std::string_view tensor) {
  int type = 0;
  std::string_view content;
  std::optional<double> listed;
  std::int64_t half = -1;
  const auto once = [&](double value) { listed = listed ? std::optional<double>(NAN) : value; };
  int elements = 0;
  for (WireReader reader(tensor); reader.Next();) {
    // Typed lists are packed, but old writers leave single values unpacked.
    if (reader.Is(1, WireReader::kVarint)) type = static_cast<int>(reader.varint());
    if (reader.Is(4, WireReader::kBytes)) content = reader.bytes();
    if (reader.Is(5, WireReader::kBytes) && reader.bytes().size() == 4)
      once(WireReader::Load<float>(reader.bytes())), ++elements;
    if (reader.Is(5, WireReader::kFixed32)) once(reader.fixed_float()), ++elements;
    if (reader.Is(6, WireReader::kBytes) && reader.bytes().size() == 8)
      once(WireReader::Load<double>(reader.bytes())), ++elements;
    if (reader.Is(6, WireReader::kFixed64)) once(reader.fixed_double()), ++elements;
    for (const int field : {7, 10, 13}) {
      std::int64_t number = 0;
      bool found = reader.Is(field, WireReader::kVarint);
      if (found) {
        number = reader.varint();
      } else if (reader.Is(field, WireReader::kBytes) && !reader.bytes().empty() &&
                 reader.bytes().size() <= 10) {
        // One packed varint, read as the only field of a message made of tag 1 and its bytes.
        const std::string message = "\x08" + std::string(reader.bytes());
        WireReader inner(message);
        found = inner.Next() && inner.Is(1, WireReader::kVarint) && !inner.Next() && inner.ok();
        number = inner.varint();
      }
      if (!found) continue;
      ++elements;
      if (field == 13) {
        half = number;
      } else {
        once(static_cast<double>(number));
      }
    }
  }
  if (elements > 1) return std::nullopt;
  if (half >= 0) {
    const auto bits = static_cast<std::uint32_t>(half & 0xFFFF);
    return type == kBfloat16 ? Bfloat16ToDouble(bits) : HalfToDouble(bits);
  }
  if (listed) return listed;
  switch (type) {
    case kFloat:
      return content.size() == 4 ? std::optional<double>(WireReader::Load<float>(content)) : std::nullopt;
    case kDouble:
      return content.size() == 8 ? std::optional<double>(WireReader::Load<double>(content)) : std::nullopt;
    case kInt32:
      return content.size() == 4 ? std::optional<double>(WireReader::Load<std::int32_t>(content))
                                 : std::nullopt;
    case kInt64:
      return content.size() == 8
                 ? std::optional<double>(static_cast<double>(WireReader::Load<std::int64_t>(content)))
                 : std::nullopt;
    case kHalf:
      return content.size() == 2
                 ? std::optional<double>(HalfToDouble(WireReader::Load<std::uint16_t>(content)))
                 : std::nullopt;
    case kBfloat16:
      return content.size() == 2
                 ? std::optional<double>(Bfloat16ToDouble(WireReader::Load<std::uint16_t>(content)))
                 : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace sextant::importers
