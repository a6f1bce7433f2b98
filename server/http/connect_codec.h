// SPDX-License-Identifier: Apache-2.0
// The Connect protocol (connectrpc.com/docs/protocol): how messages, streams and errors look in HTTP bodies.
// No sockets.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/support/status.h>

#include <string>
#include <string_view>
#include <vector>

namespace sextant::server::http {

struct Encoding {
  bool json = false;
  bool stream = false;  ///< messages in envelopes
};

/// Of application/json, application/proto, application/connect+json or application/connect+proto, with
/// parameters such as charset=utf-8. InvalidArgument for anything else.
absl::StatusOr<Encoding> EncodingOf(std::string_view content_type);
/// The content type of an answer.
std::string ContentTypeOf(Encoding encoding);

/// The method of "/sextant.v1.StudyService/GetStudy" or of the health service; null when there is none.
const google::protobuf::MethodDescriptor* FindMethod(std::string_view path);

/// One message of `type`, as the wire format of protobuf. InvalidArgument (INVALID_FIELD) says what is wrong
/// with JSON; bytes of protobuf are passed on as they are.
absl::StatusOr<std::string> ToWire(const google::protobuf::Descriptor& type, bool json,
                                   std::string_view body);
/// The other way round. JSON as proto JSON has it, with lowerCamelCase names.
absl::StatusOr<std::string> FromWire(const google::protobuf::Descriptor& type, bool json,
                                     const std::string& wire);

/// The messages of a stream's body. InvalidArgument for envelopes that are cut short; Unimplemented for
/// compressed ones.
absl::StatusOr<std::vector<std::string>> ReadEnvelopes(std::string_view body);
std::string Envelope(std::string_view message, bool is_end = false);

/// "not_found" and the HTTP status that goes with it.
const char* CodeName(grpc::StatusCode code);
int HttpStatusOf(grpc::StatusCode code);

/// {"code", "message", "details": [{"type", "value", "debug"}]}: every detail of the status, intact.
std::string ErrorJson(const grpc::Status& status);
/// What ends a stream: {} or {"error": …}.
std::string EndOfStreamJson(const grpc::Status& status);

}  // namespace sextant::server::http
