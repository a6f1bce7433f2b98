// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/output/json.h"

#include <google/protobuf/util/json_util.h>
#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <cstring>

namespace sextant::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using rapidjson::Value;

// Maps come in the order of a hash table that differs from process to process; keys are put in order here, so
// that equal messages print equally.
void SortMaps(const Descriptor& type, Value* object) {
  if (!object->IsObject()) return;
  for (auto& member : object->GetObject()) {
    const FieldDescriptor* field = type.FindFieldByName(member.name.GetString());
    if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (field->is_map() && member.value.IsObject()) {
      std::sort(member.value.MemberBegin(), member.value.MemberEnd(), [](const auto& a, const auto& b) {
        return std::strcmp(a.name.GetString(), b.name.GetString()) < 0;
      });
    } else if (member.value.IsArray()) {
      for (Value& element : member.value.GetArray()) SortMaps(*field->message_type(), &element);
    } else {
      SortMaps(*field->message_type(), &member.value);
    }
  }
}

rapidjson::Document Chosen(rapidjson::Document* whole, const std::vector<std::string>& fields) {
  rapidjson::Document chosen(rapidjson::kObjectType);
  for (const std::string& field : fields) {
    auto found = whole->FindMember(field.c_str());
    if (found == whole->MemberEnd()) {  // what a study declares stands among a run's variables
      const auto variables = whole->FindMember("variables");
      if (variables == whole->MemberEnd() || !variables->value.IsObject()) continue;
      found = variables->value.FindMember(field.c_str());
      if (found == variables->value.MemberEnd()) continue;
    }
    chosen.AddMember(Value(field.c_str(), chosen.GetAllocator()), Value(found->value, chosen.GetAllocator()),
                     chosen.GetAllocator());
  }
  return chosen;
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message, bool indent,
                   const std::vector<std::string>& fields) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return "null";
  rapidjson::Document document;
  document.Parse<rapidjson::kParseFullPrecisionFlag>(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject()) return text;
  SortMaps(*message.GetDescriptor(), &document);
  if (!fields.empty()) document = Chosen(&document, fields);
  rapidjson::StringBuffer buffer;
  if (indent) {
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
    writer.SetIndent(' ', 1);
    document.Accept(writer);
  } else {
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    document.Accept(writer);
  }
  return std::string(buffer.GetString(), buffer.GetSize());
}

std::string QuotedJson(const std::string& text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return std::string(buffer.GetString(), buffer.GetSize());
}

}  // namespace sextant::cli
