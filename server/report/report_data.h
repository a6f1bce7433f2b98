// SPDX-License-Identifier: Apache-2.0
// What a report shows of a study, gathered through the API and written as one JSON object: the page reads it,
// out of the report's own file or from a running server.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace sextant::server::report {

struct ReportRequest {
  std::string study;                            ///< studies/{study}
  std::map<std::string, std::string> metadata;  ///< of every call: the caller's token
  std::function<bool()> cancelled = [] { return false; };
};

/// The study, its runs in columns (a sample of a large study, which says so), the best run of every cell, its
/// fits with what they predict at the cells and along lines, a grid of predictions for the calculator, and a
/// few curves. The JSON holds no "<", so that it can stand in a page. The status is that of the call that
/// failed.
grpc::Status CollectReport(const std::shared_ptr<grpc::Channel>& channel, const ReportRequest& request,
                           std::string* json);

/// The page with `json` in it, as a file of its own. Empty where the program was built without the page.
std::string ReportPage(const std::string& json);

}  // namespace sextant::server::report
