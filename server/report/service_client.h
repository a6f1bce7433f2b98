// SPDX-License-Identifier: Apache-2.0
// Calls of the API from within the program.
#pragma once

#include <grpcpp/client_context.h>

#include "server/report/report_data.h"

namespace sextant::server::report {

/// Unary calls with the request's metadata; CANCELLED once the request was given up.
class ServiceClient {
 public:
  ServiceClient(std::shared_ptr<grpc::Channel> channel, const ReportRequest& request)
      : channel_(std::move(channel)), request_(request) {}

  template <class Stub, class Request, class Response>
  grpc::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& message, Response* response) const {
    if (request_.cancelled()) return {grpc::StatusCode::CANCELLED, "the report was given up"};
    Stub stub(channel_);
    grpc::ClientContext context;
    for (const auto& [name, value] : request_.metadata) context.AddMetadata(name, value);
    return (stub.*method)(&context, message, response);
  }

  /// Calls page by page and `each(response)` for every page, until the last or until `each` returns false.
  template <class Stub, class Request, class Response, class Each>
  grpc::Status EachPage(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                        Request message, Each each) const {
    while (true) {
      Response response;
      const grpc::Status status = Call(method, message, &response);
      if (!status.ok() || !each(response) || response.next_page_token().empty()) return status;
      message.set_page_token(response.next_page_token());
    }
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const ReportRequest& request_;
};

}  // namespace sextant::server::report
