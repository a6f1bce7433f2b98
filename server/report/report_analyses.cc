// SPDX-License-Identifier: Apache-2.0
#include "server/report/report_analyses.h"

#include "sextant/v1/critical_batch_service.grpc.pb.h"
#include "sextant/v1/fit_service.grpc.pb.h"

namespace sextant::server::report {
namespace {

// Each analysis fits every fold or race: seconds on such a study, minutes on larger ones.
constexpr std::size_t kMostRunsAnalysed = 3000;
constexpr int kMostRaces = 60;

// The runs do not tell; anything else is an error.
bool SaysNothing(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::FAILED_PRECONDITION ||
         status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ||
         status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
}

}  // namespace

grpc::Status ReadAnalyses(const ServiceClient& client, const ReportStudy& study,
                          const std::vector<std::string>& laws_of_loss, ReportAnalyses* analyses) {
  if (study.runs.empty() || study.runs.size() > kMostRunsAnalysed) return grpc::Status::OK;
  v1::EstimateCriticalBatchRequest batches;
  batches.set_parent(study.study.name());
  grpc::Status status =
      client.Call(&v1::CriticalBatchService::Stub::EstimateCriticalBatch, batches, &analyses->critical_batch);
  if (!status.ok() && !SaysNothing(status)) return status;
  if (!status.ok()) analyses->critical_batch.Clear();
  auto& cells = *analyses->critical_batch.mutable_cells();
  if (cells.size() > kMostRaces) cells.DeleteSubrange(kMostRaces, cells.size() - kMostRaces);
  for (v1::CriticalBatchCell& cell : cells) cell.clear_tradeoff();

  v1::CompareFitsRequest compare;
  compare.set_parent(study.study.name());
  status = client.Call(&v1::FitService::Stub::CompareFits, compare, &analyses->estimators);
  if (!status.ok() && !SaysNothing(status)) return status;
  if (!status.ok()) analyses->estimators.Clear();
  if (laws_of_loss.size() < 2) return grpc::Status::OK;
  for (const std::string& law : laws_of_loss) compare.add_laws(law);
  status = client.Call(&v1::FitService::Stub::CompareFits, compare, &analyses->laws);
  if (!status.ok() && !SaysNothing(status)) return status;
  if (!status.ok()) analyses->laws.Clear();
  return grpc::Status::OK;
}

}  // namespace sextant::server::report
