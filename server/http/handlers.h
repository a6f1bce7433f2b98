// SPDX-License-Identifier: Apache-2.0
// What is answered where.
#pragma once

#include <grpcpp/channel.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "server/http/connect_codec.h"
#include "server/http/http_server.h"
#include "server/http/site.h"
#include "server/quota.h"

namespace sextant::server::http {

/// The Connect protocol, the page and its report, and probes.
class Handlers final : public Site {
 public:
  Handlers(const HttpOptions& options, std::shared_ptr<grpc::Channel> channel);

  void Install(httplib::Server& server) override;
  void Stop(std::chrono::milliseconds patience) override;

 private:
  class Active;

  /// False, with the answer written, for a request whose body nobody would read, or whose end is not clear.
  static bool CheckShape(const httplib::Request& request, httplib::Response& response);
  /// False, with the answer written: a page of another site, or a name that is not this machine's.
  bool CheckOrigin(const httplib::Request& request, httplib::Response& response) const;
  void Call(const httplib::Request& request, httplib::Response& response,
            const httplib::ContentReader& reader);
  absl::StatusOr<std::string> ReadBody(const httplib::Request& request, const httplib::ContentReader& reader,
                                       std::unique_ptr<QuotaTicket>* ticket);
  /// All that the page shows of one study.
  void Report(const httplib::Request& request, httplib::Response& response);
  void Unary(const google::protobuf::MethodDescriptor& method, Encoding encoding,
             const httplib::Request& request, const std::string& body, httplib::Response& response);
  void Stream(const google::protobuf::MethodDescriptor& method, Encoding encoding,
              const httplib::Request& request, const std::string& body, httplib::Response& response);

  const HttpOptions options_;
  const bool is_local_;  // every address is of this machine alone
  const std::shared_ptr<grpc::Channel> channel_;
  Quota bodies_, reports_;
  std::atomic<bool> stopped_{false}, cancelled_{false};
  std::mutex mutex_;
  std::condition_variable idle_;
  int active_ = 0;  // calls; guarded by mutex_
};

}  // namespace sextant::server::http
