#include <cmath>
#include <filesystem>

#include "clients/importers/log/lines.h"
#include "clients/importers/log/log_run.h"
#include "clients/importers/log/readers.h"
#include "clients/importers/log/record_stream.h"
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

// The value of a tensor with one element; absent for any other.
std::optional<double> ScalarOf(std::string_view tensor) {
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

struct Plugin {
  std::string_view name, content;
  std::int64_t data_class = 0;
};

Plugin PluginOf(std::string_view metadata) {
  Plugin plugin;
  for (WireReader reader(metadata); reader.Next();) {
    if (reader.Is(4, WireReader::kVarint)) plugin.data_class = reader.varint();
    if (!reader.Is(1, WireReader::kBytes)) continue;
    for (WireReader inner(reader.bytes()); inner.Next();) {
      if (inner.Is(1, WireReader::kBytes)) plugin.name = inner.bytes();
      if (inner.Is(2, WireReader::kBytes)) plugin.content = inner.bytes();
    }
  }
  return plugin;
}

// One entry of a map<string, google.protobuf.Value> as a setting.
void AddHparam(std::string_view entry, LogRun* log) {
  std::string_view key, value;
  for (WireReader reader(entry); reader.Next();) {
    if (reader.Is(1, WireReader::kBytes)) key = reader.bytes();
    if (reader.Is(2, WireReader::kBytes)) value = reader.bytes();
  }
  for (WireReader reader(value); reader.Next();) {
    if (reader.Is(2, WireReader::kFixed64))
      log->SetConfig(std::string(key), FormatRoundTrip(reader.fixed_double()));
    if (reader.Is(3, WireReader::kBytes)) log->SetConfig(std::string(key), std::string(reader.bytes()));
  }
}

void AddHparams(std::string_view content, LogRun* log) {
  for (WireReader reader(content); reader.Next();) {
    if (!reader.Is(3, WireReader::kBytes)) continue;
    for (WireReader session(reader.bytes()); session.Next();) {
      if (session.Is(1, WireReader::kBytes)) AddHparam(session.bytes(), log);
    }
  }
}

void AddValue(std::string_view message, std::int64_t step, LogRun* log) {
  std::string_view tag, metadata, tensor;
  std::optional<double> value;
  for (WireReader reader(message); reader.Next();) {
    if (reader.Is(1, WireReader::kBytes)) tag = reader.bytes();
    if (reader.Is(2, WireReader::kFixed32)) value = reader.fixed_float();
    if (reader.Is(8, WireReader::kBytes)) tensor = reader.bytes();
    if (reader.Is(9, WireReader::kBytes)) metadata = reader.bytes();
  }
  const Plugin plugin = PluginOf(metadata);
  if (plugin.name == "hparams" && tag == "_hparams_/session_start_info")
    return AddHparams(plugin.content, log);
  if (!value && !tensor.empty() && (plugin.name == "scalars" || plugin.data_class == 1))
    value = ScalarOf(tensor);
  if (value) log->AddPoint(tag, step, *value);
}

}  // namespace

absl::Status ReadTensorBoard(ByteSource* source, Emitter& emitter) {
  constexpr int kSessionStart = 1;
  LogRun log(emitter);
  TfRecordReader records(source);
  std::string_view payload;
  while (true) {
    const auto read = records.Next(&payload);
    if (!read.ok()) return read.status();
    if (*read == RecordResult::kEnd) break;
    if (*read == RecordResult::kBroken) {
      emitter.Reject(0, absl::StrCat("byte ", records.offset(),
                                     ": the length's checksum is wrong; nothing behind it was read"));
      break;
    }
    if (*read == RecordResult::kBad) {
      emitter.Reject(
          0, absl::StrCat("byte ", records.offset(), ": the record's checksum is wrong, or it is too large"));
      continue;
    }
    std::int64_t step = 0;
    std::string_view summary;
    bool restart = false;
    WireReader event(payload);
    while (event.Next()) {
      if (event.Is(2, WireReader::kVarint)) step = event.varint();
      if (event.Is(5, WireReader::kBytes)) summary = event.bytes();
      if (!event.Is(7, WireReader::kBytes)) continue;
      for (WireReader session(event.bytes()); session.Next();) {
        restart |= session.Is(1, WireReader::kVarint) && session.varint() == kSessionStart;
      }
    }
    if (!event.ok()) {
      emitter.Reject(0, absl::StrCat("byte ", records.offset(), ": the record is no event"));
      continue;
    }
    if (restart) log.RestartAt(step);
    for (WireReader values(summary); values.Next();) {
      if (values.Is(1, WireReader::kBytes)) AddValue(values.bytes(), step, &log);
    }
  }
  NameByPath(emitter, &log.run());
  return log.Emit(emitter, 0);
}

}  // namespace sextant::importers
