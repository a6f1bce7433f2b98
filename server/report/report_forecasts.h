// SPDX-License-Identifier: Apache-2.0
// The study's forecasts, and how they turned out.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <vector>

#include "server/report/report_data.h"

namespace sextant::server::report {

/// The newest forecasts of `study` (studies/{study}), at most `most`, as messages sextant.v1.Forecast. They
/// are asked for by the method's name: a server that keeps no ledger has none.
grpc::Status ReadForecasts(const std::shared_ptr<grpc::Channel>& channel, const ReportRequest& request,
                           int most, std::vector<std::unique_ptr<google::protobuf::Message>>* forecasts);

}  // namespace sextant::server::report
