#include "clients/cli/output/json.h"

#include <google/protobuf/util/json_util.h>
#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

namespace sextant::cli {

std::string ToJson(const google::protobuf::Message& message, bool indent,
                   const std::vector<std::string>& fields) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  options.add_whitespace = indent;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return "null";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (fields.empty()) return text;
  rapidjson::Document whole;
  whole.Parse<rapidjson::kParseFullPrecisionFlag>(text.data(), text.size());
  rapidjson::Document chosen(rapidjson::kObjectType);
  for (const std::string& field : fields) {
    const auto found = whole.FindMember(field.c_str());
    if (found == whole.MemberEnd()) continue;
    chosen.AddMember(rapidjson::Value(field.c_str(), chosen.GetAllocator()),
                     rapidjson::Value(found->value, chosen.GetAllocator()), chosen.GetAllocator());
  }
  rapidjson::StringBuffer buffer;
  if (indent) {
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
    writer.SetIndent(' ', 1);
    chosen.Accept(writer);
  } else {
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    chosen.Accept(writer);
  }
  return std::string(buffer.GetString(), buffer.GetSize());
}

}  // namespace sextant::cli
