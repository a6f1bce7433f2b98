// SPDX-License-Identifier: Apache-2.0
#include "server/http/connect_codec.h"

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <memory>
#include <utility>

#include "base/printable.h"
#include "google/rpc/status.pb.h"
#include "server/error.h"
#include "server/http/limits.h"
#include "server/limits.h"

namespace sextant::server::http {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

constexpr unsigned char kCompressed = 1, kEnd = 2;  // flags of an envelope
constexpr std::size_t kEnvelopeHead = 5;
// Deeper than any message of the API; the parser recurses.
constexpr int kMaxJsonDepth = 64;

struct CodeWords {
  grpc::StatusCode code;
  const char* name;
  int http;
};
// "Error Codes" of the protocol.
constexpr CodeWords kCodes[] = {{grpc::CANCELLED, "canceled", 499},
                                {grpc::UNKNOWN, "unknown", 500},
                                {grpc::INVALID_ARGUMENT, "invalid_argument", 400},
                                {grpc::DEADLINE_EXCEEDED, "deadline_exceeded", 504},
                                {grpc::NOT_FOUND, "not_found", 404},
                                {grpc::ALREADY_EXISTS, "already_exists", 409},
                                {grpc::PERMISSION_DENIED, "permission_denied", 403},
                                {grpc::RESOURCE_EXHAUSTED, "resource_exhausted", 429},
                                {grpc::FAILED_PRECONDITION, "failed_precondition", 400},
                                {grpc::ABORTED, "aborted", 409},
                                {grpc::OUT_OF_RANGE, "out_of_range", 400},
                                {grpc::UNIMPLEMENTED, "unimplemented", 501},
                                {grpc::INTERNAL, "internal", 500},
                                {grpc::UNAVAILABLE, "unavailable", 503},
                                {grpc::DATA_LOSS, "data_loss", 500},
                                {grpc::UNAUTHENTICATED, "unauthenticated", 401}};

const CodeWords& WordsOf(grpc::StatusCode code) {
  for (const CodeWords& words : kCodes) {
    if (words.code == code) return words;
  }
  return kCodes[1];
}

std::unique_ptr<Message> NewMessage(const Descriptor& type) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

// Brackets that are open at a time, outside strings.
bool IsTooDeep(std::string_view json) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// "debug" of a detail: its JSON, where the program knows its type.
std::string DebugJson(const google::protobuf::Any& any, const std::string& type) {
  const Descriptor* descriptor = DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  if (descriptor == nullptr) return {};
  const auto detail = NewMessage(*descriptor);
  std::string json;
  if (!detail->ParseFromString(any.value()) ||
      !google::protobuf::util::MessageToJsonString(*detail, &json).ok()) {
    return {};
  }
  return json;
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void WriteText(const std::string& text, Writer* writer) {
  writer->String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void WriteError(const grpc::Status& status, Writer* writer) {
  writer->StartObject();
  writer->Key("code");
  writer->String(CodeName(status.error_code()));
  writer->Key("message");
  WriteText(status.error_message(), writer);
  google::rpc::Status rich;
  if (rich.ParseFromString(status.error_details()) && rich.details_size() > 0) {
    writer->Key("details");
    writer->StartArray();
    for (const google::protobuf::Any& any : rich.details()) {
      const std::string type = any.type_url().substr(any.type_url().rfind('/') + 1);
      std::string value = absl::Base64Escape(any.value());
      value.erase(value.find_last_not_of('=') + 1);  // without padding, says the protocol
      writer->StartObject();
      writer->Key("type");
      WriteText(type, writer);
      writer->Key("value");
      WriteText(value, writer);
      if (const std::string debug = DebugJson(any, type); !debug.empty()) {
        writer->Key("debug");
        writer->RawValue(debug.data(), debug.size(), rapidjson::kObjectType);
      }
      writer->EndObject();
    }
    writer->EndArray();
  }
  writer->EndObject();
}

std::string TextOf(const rapidjson::StringBuffer& buffer) { return {buffer.GetString(), buffer.GetSize()}; }

}  // namespace

absl::StatusOr<Encoding> EncodingOf(std::string_view content_type) {
  const std::string type = absl::AsciiStrToLower(
      absl::StripAsciiWhitespace(std::string(content_type.substr(0, content_type.find(';')))));
  if (type == "application/json") return Encoding{true, false};
  if (type == "application/proto") return Encoding{false, false};
  if (type == "application/connect+json") return Encoding{true, true};
  if (type == "application/connect+proto") return Encoding{false, true};
  return InvalidField("Content-Type",
                      "use application/json or application/proto, for streams application/connect+json or "
                      "application/connect+proto");
}

std::string ContentTypeOf(Encoding encoding) {
  return absl::StrCat("application/", encoding.stream ? "connect+" : "", encoding.json ? "json" : "proto");
}

const google::protobuf::MethodDescriptor* FindMethod(std::string_view path) {
  if (path.empty() || path[0] != '/') return nullptr;
  path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return nullptr;
  const std::string service(path.substr(0, slash)), method(path.substr(slash + 1));
  if (!absl::StartsWith(service, "sextant.v1.") && service != "grpc.health.v1.Health") return nullptr;
  const auto* found = DescriptorPool::generated_pool()->FindServiceByName(service);
  return found == nullptr ? nullptr : found->FindMethodByName(method);
}

absl::StatusOr<std::string> ToWire(const Descriptor& type, bool json, std::string_view body) {
  if (!json) return std::string(body);
  if (IsTooDeep(body)) {
    return InvalidField("body", absl::StrCat("nested more than ", kMaxJsonDepth, " deep"));
  }
  const auto message = NewMessage(type);
  // An empty body is the message without fields.
  const bool is_empty = body.find_first_not_of(" \t\r\n") == std::string_view::npos;
  const auto parsed = is_empty ? google::protobuf::util::Status()
                               : google::protobuf::util::JsonStringToMessage(
                                     google::protobuf::StringPiece(body.data(), body.size()), message.get());
  if (!parsed.ok()) {
    return InvalidField(
        "body", absl::StrCat("no JSON of ", type.full_name(), ": ",
                             Printable(std::string_view(parsed.message().data(), parsed.message().size()))));
  }
  return message->SerializeAsString();
}

absl::StatusOr<std::string> FromWire(const Descriptor& type, bool json, const std::string& wire) {
  if (!json) return wire;
  const auto message = NewMessage(type);
  std::string out;
  if (!message->ParseFromString(wire) || !google::protobuf::util::MessageToJsonString(*message, &out).ok()) {
    return WithReason(absl::InternalError("the answer cannot be written as JSON"), "INTERNAL");
  }
  return out;
}

absl::StatusOr<std::vector<std::string>> ReadEnvelopes(std::string_view body) {
  std::vector<std::string> messages;
  while (!body.empty()) {
    if (body.size() < kEnvelopeHead) return InvalidField("body", "an envelope is cut short");
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(body[i]); };
    const std::size_t size = static_cast<std::size_t>(byte(1)) << 24 |
                             static_cast<std::size_t>(byte(2)) << 16 |
                             static_cast<std::size_t>(byte(3)) << 8 | byte(4);
    const unsigned char flags = byte(0);
    body.remove_prefix(kEnvelopeHead);
    if (size > body.size()) return InvalidField("body", "an envelope is cut short");
    if ((flags & kCompressed) != 0) {
      return WithReason(absl::UnimplementedError("compressed envelopes are not taken: send them as they are"),
                        "ENVELOPE_COMPRESSED");
    }
    if ((flags & kEnd) != 0) return messages;
    if (static_cast<int>(messages.size()) == kMaxMessagesPerBody) {
      return InvalidField("body", absl::StrCat("holds more than ", kMaxMessagesPerBody, " messages"));
    }
    messages.emplace_back(body.substr(0, size));
    body.remove_prefix(size);
  }
  return messages;
}

std::string Envelope(std::string_view message, bool is_end) {
  std::string out(kEnvelopeHead, '\0');
  out[0] = is_end ? static_cast<char>(kEnd) : '\0';
  for (std::size_t i = 0; i < 4; ++i) out[1 + i] = static_cast<char>(message.size() >> (24 - 8 * i) & 0xFF);
  return out.append(message);
}

const char* CodeName(grpc::StatusCode code) { return WordsOf(code).name; }

int HttpStatusOf(grpc::StatusCode code) { return WordsOf(code).http; }

std::string ErrorJson(const grpc::Status& status) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  WriteError(status, &writer);
  return TextOf(buffer);
}

std::string EndOfStreamJson(const grpc::Status& status) {
  if (status.ok()) return "{}";
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("error");
  WriteError(status, &writer);
  writer.EndObject();
  return TextOf(buffer);
}

}  // namespace sextant::server::http
