// SPDX-License-Identifier: Apache-2.0
// What a report shows beside the fits: critical batches, and which estimator and law to trust.
#pragma once

#include "server/report/service_client.h"
#include "sextant/v1/critical_batch_service.pb.h"
#include "sextant/v1/fit_service.pb.h"

namespace sextant::server::report {

/// Empty messages where the study does not allow an analysis, or is too large for one in a report.
struct ReportAnalyses {
  v1::EstimateCriticalBatchResponse critical_batch;  ///< without the trade-off tables
  v1::CompareFitsResponse estimators;                ///< of the optimal rate and batch
  v1::CompareFitsResponse laws;                      ///< of the loss: those that were fitted to the study
};

/// `study` is studies/{study}.
grpc::Status ReadAnalyses(const ServiceClient& client, const std::string& study, ReportAnalyses* analyses);

}  // namespace sextant::server::report
