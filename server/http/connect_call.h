// SPDX-License-Identifier: Apache-2.0
// One call of the service, its messages as bytes.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sextant::server::http {

struct CallRequest {
  std::string method;                           ///< "/sextant.v1.StudyService/GetStudy"
  std::map<std::string, std::string> metadata;  ///< lower-case names
  std::optional<std::chrono::milliseconds> timeout;
  std::vector<std::string> messages;  ///< in the wire format, sent one after the other
};

/// Gets each message of the answer; false gives the call up.
using MessageSink = std::function<bool(std::string message)>;

/// Sends the request over `channel` and blocks until the call has ended. `is_wanted` is asked twice a second;
/// when it says no the call is cancelled.
grpc::Status RunCall(const std::shared_ptr<grpc::Channel>& channel, const CallRequest& request,
                     const MessageSink& sink, const std::function<bool()>& is_wanted);

}  // namespace sextant::server::http
