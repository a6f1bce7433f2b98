// SPDX-License-Identifier: Apache-2.0
#include "server/report/report_forecasts.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <map>

namespace sextant::server::report {
namespace {

using google::protobuf::Message;

constexpr char kMethod[] = "sextant.v1.ForecastService.ListForecasts";
constexpr char kPath[] = "/sextant.v1.ForecastService/ListForecasts";

std::unique_ptr<Message> New(const google::protobuf::Descriptor* type) {
  const Message* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
  return std::unique_ptr<Message>(prototype == nullptr ? nullptr : prototype->New());
}

grpc::Status CallByName(const std::shared_ptr<grpc::Channel>& channel,
                        const std::map<std::string, std::string>& metadata, const Message& request,
                        Message* response) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  for (const auto& [name, value] : metadata) context.AddMetadata(name, value);
  grpc::CompletionQueue queue;
  const grpc::Slice sent(request.SerializeAsString());
  const auto call = stub.PrepareUnaryCall(&context, kPath, grpc::ByteBuffer(&sent, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, &context);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice bytes;
  if (!status.ok()) return status;
  if (!answer.DumpToSingleSlice(&bytes).ok() ||
      !response->ParseFromArray(bytes.begin(), static_cast<int>(bytes.size()))) {
    return {grpc::StatusCode::INTERNAL, "the answer is no list of forecasts"};
  }
  return status;
}

}  // namespace

grpc::Status ReadForecasts(const std::shared_ptr<grpc::Channel>& channel, const ReportRequest& request,
                           int most, std::vector<std::unique_ptr<Message>>* forecasts) {
  const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(kMethod);
  if (method == nullptr) return grpc::Status::OK;
  const std::unique_ptr<Message> ask = New(method->input_type()), answer = New(method->output_type());
  const auto* parent = method->input_type()->FindFieldByName("parent");
  const auto* page_size = method->input_type()->FindFieldByName("page_size");
  const auto* list = method->output_type()->FindFieldByName("forecasts");
  if (ask == nullptr || answer == nullptr || parent == nullptr || page_size == nullptr || list == nullptr)
    return grpc::Status::OK;
  ask->GetReflection()->SetString(ask.get(), parent, request.study);
  ask->GetReflection()->SetInt32(ask.get(), page_size, most);
  const grpc::Status status = CallByName(channel, request.metadata, *ask, answer.get());
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return grpc::Status::OK;
  if (!status.ok()) return status;
  const auto* reflection = answer->GetReflection();
  while (reflection->FieldSize(*answer, list) > 0)
    forecasts->emplace_back(reflection->ReleaseLast(answer.get(), list));
  // They came newest first, and were taken from the end.
  std::reverse(forecasts->begin(), forecasts->end());
  return grpc::Status::OK;
}

}  // namespace sextant::server::report
