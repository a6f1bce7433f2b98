// SPDX-License-Identifier: Apache-2.0
// What a report shows of a study, gathered through the API and written as one JSON object: the page reads it,
// out of the report's own file or from a running server.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace sextant::server::report {

/// A page that a server sends shows the study at once and its analyses, which take seconds, when they come.
enum class ReportPart : std::uint8_t { kAll, kStudy, kAnalyses };

struct ReportRequest {
  std::string study;                            ///< studies/{study}
  std::map<std::string, std::string> metadata;  ///< of every call: the caller's token
  ReportPart part = ReportPart::kAll;
  std::function<bool()> cancelled = [] { return false; };
};

/// The study, its runs in columns (a sample of a large study, which says so), the best run of every cell, its
/// fits with what they predict at the cells and along lines, a grid of predictions for the calculator, and a
/// few curves; then analyses: critical batches, estimators and laws compared. The JSON holds no "<", so that
/// it can stand in a page. The status is that of the call that failed.
grpc::Status CollectReport(const std::shared_ptr<grpc::Channel>& channel, const ReportRequest& request,
                           std::string* json);

/// The page with `json` in it, as a file of its own. Empty where the program was built without the page.
std::string ReportPage(const std::string& json);

}  // namespace sextant::server::report
