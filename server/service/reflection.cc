// SPDX-License-Identifier: Apache-2.0
#include "server/service/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace sextant::server {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using Request = grpc::reflection::v1::ServerReflectionRequest;
using Response = grpc::reflection::v1::ServerReflectionResponse;

void AddWithImports(const FileDescriptor& file, std::set<std::string>& seen,
                    grpc::reflection::v1::FileDescriptorResponse& response) {
  if (!seen.insert(file.name()).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  response.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) AddWithImports(*file.dependency(i), seen, response);
}

void AnswerFile(const FileDescriptor* file, const std::string& what, Response& response) {
  if (file == nullptr) {
    response.mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
    response.mutable_error_response()->set_error_message(what + " is not known here");
    return;
  }
  std::set<std::string> seen;
  AddWithImports(*file, seen, *response.mutable_file_descriptor_response());
}

void AnswerExtensions(const DescriptorPool& pool, const std::string& type, Response& response) {
  const auto* message = pool.FindMessageTypeByName(type);
  if (message == nullptr) return AnswerFile(nullptr, type, response);
  auto* answer = response.mutable_all_extension_numbers_response();
  answer->set_base_type_name(type);
  std::vector<const FieldDescriptor*> extensions;
  pool.FindAllExtensions(message, &extensions);
  for (const FieldDescriptor* extension : extensions) answer->add_extension_number(extension->number());
}

/// `AnyRequest` and `AnyResponse` are those of v1, or those of v1alpha, which are the same on the wire.
template <typename AnyRequest, typename AnyResponse>
class Stream final : public grpc::ServerBidiReactor<AnyRequest, AnyResponse> {
 public:
  explicit Stream(const std::vector<std::string>& services) : services_(services) {
    this->StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return this->Finish(grpc::Status::OK);
    Request request;
    Response response;
    request.ParseFromString(request_.SerializeAsString());
    AnswerReflection(services_, request, response);
    response_.ParseFromString(response.SerializeAsString());
    this->StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return this->Finish(grpc::Status::CANCELLED);
    this->StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  const std::vector<std::string>& services_;
  AnyRequest request_;
  AnyResponse response_;
};

using AlphaRequest = grpc::reflection::v1alpha::ServerReflectionRequest;
using AlphaResponse = grpc::reflection::v1alpha::ServerReflectionResponse;

}  // namespace

void AnswerReflection(const std::vector<std::string>& services, const Request& request, Response& response) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      return AnswerFile(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(),
                        response);
    case Request::kFileContainingSymbol:
      return AnswerFile(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                        request.file_containing_symbol(), response);
    case Request::kFileContainingExtension: {
      const auto& wanted = request.file_containing_extension();
      const auto* type = pool.FindMessageTypeByName(wanted.containing_type());
      const auto* extension =
          type == nullptr ? nullptr : pool.FindExtensionByNumber(type, wanted.extension_number());
      return AnswerFile(extension == nullptr ? nullptr : extension->file(), wanted.containing_type(),
                        response);
    }
    case Request::kAllExtensionNumbersOfType:
      return AnswerExtensions(pool, request.all_extension_numbers_of_type(), response);
    case Request::kListServices:
      for (const std::string& service : services) {
        response.mutable_list_services_response()->add_service()->set_name(service);
      }
      return;
    case Request::MESSAGE_REQUEST_NOT_SET:
      break;
  }
  response.mutable_error_response()->set_error_code(grpc::StatusCode::INVALID_ARGUMENT);
  response.mutable_error_response()->set_error_message("empty request");
}

grpc::ServerBidiReactor<Request, Response>* ReflectionService::ServerReflectionInfo(
    grpc::CallbackServerContext*) {
  return new Stream<Request, Response>(services_);
}

grpc::ServerBidiReactor<AlphaRequest, AlphaResponse>* ReflectionAlphaService::ServerReflectionInfo(
    grpc::CallbackServerContext*) {
  return new Stream<AlphaRequest, AlphaResponse>(services_);
}

}  // namespace sextant::server
