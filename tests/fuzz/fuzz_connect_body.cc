// SPDX-License-Identifier: Apache-2.0
// Bodies of Connect requests: the first byte chooses a method and an encoding, the rest is the body. What can
// be read as a message must come out as JSON, and that must be read again as a message of the same JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/connect_codec.h"

namespace {

using namespace sextant::server::http;

const google::protobuf::MethodDescriptor& MethodOf(std::size_t choice) {
  static const std::vector<const char*> kPaths = {
      "/sextant.v1.StudyService/CreateStudy",      "/sextant.v1.RunService/ListRuns",
      "/sextant.v1.RunService/UploadRuns",         "/sextant.v1.FitService/CreateFit",
      "/sextant.v1.PredictionService/Predict",     "/sextant.v1.LawService/EvaluateLaw",
      "/sextant.v1.CurveService/ExtrapolateCurve", "/sextant.v1.FitService/WatchFit"};
  return *FindMethod(kPaths[choice % kPaths.size()]);
}

void CheckMessage(const google::protobuf::Descriptor& type, bool json, std::string_view body) {
  const auto wire = ToWire(type, json, body);
  if (!wire.ok()) {
    if (EndOfStreamJson(grpc::Status(grpc::INVALID_ARGUMENT, std::string(wire.status().message()))).empty())
      std::abort();
    return;
  }
  const auto text = FromWire(type, true, *wire);
  if (!text.ok()) return;  // bytes that are no message, or hold text that is not UTF-8
  const auto again = ToWire(type, true, *text);
  if (!again.ok()) std::abort();
  const auto same = FromWire(type, true, *again);
  if (!same.ok()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto& type = *MethodOf(data[0] & 7).input_type();
  const bool json = (data[0] & 8) != 0;
  if ((data[0] & 16) == 0) {
    CheckMessage(type, json, body);
    return 0;
  }
  const auto messages = ReadEnvelopes(body);
  if (!messages.ok()) return 0;
  for (const std::string& message : *messages) CheckMessage(type, json, message);
  return 0;
}
